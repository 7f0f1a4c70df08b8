"""Legacy Cost and Usage Reports: CUR 2.0's rules over columns that come and go.

A report has the columns that its month uses: what is absent was never filled. Every tag and every
cost category is a column of its own, in CSV with the key as people wrote it
(`resourceTags/user:CostCenter`), in Parquet normalised (`resource_tags_user_cost_center`).
"""

from collections.abc import Callable
from dataclasses import replace

from billing.importing.columns import Column, Fields, literal
from billing.importing.formats import cur2
from billing.importing.formats.base import NO_MAP, BillFormat, MapColumn, Selection

_TAGS = ("resourceTags/", "resource_tags_")
_COST_CATEGORIES = ("costCategory/", "cost_category_")


def select(fields: Fields) -> Selection:
    """Return what a legacy file's columns make (see Selection)."""
    for needed in (cur2.SAVINGS_PLAN_COLUMNS, cur2.RESERVATION_COLUMNS):
        if any(fields.has(name) for name in needed):
            fields.suppose(needed)
    return replace(
        cur2.select(fields),
        tags=_columns_as_map(fields, _TAGS),
        cost_categories=_columns_as_map(fields, _COST_CATEGORIES),
    )


def names(fields: Fields) -> tuple[str, str]:
    """Return the names of the linked account and of the service."""
    account = fields.text("line_item_usage_account_name")
    return account, fields.text("product_product_name")


def _columns_as_map(fields: Fields, prefixes: tuple[str, ...]) -> MapColumn:
    """Return the columns with one of these prefixes as a map of their keys to group by."""
    found = {
        _key(column, prefixes): column.name
        for prefix in prefixes
        for column in fields.starting_with(prefix)
        if fields.raw(column.name) is not None
    }
    if not found:
        return NO_MAP
    keys = f"[{', '.join(literal(key) for key in found)}]"
    values = ", ".join(fields.text(name) for name in found.values())
    return MapColumn(f"[{values}]", _as_json(keys), tuple(found.values()))


def _as_json(keys: str) -> Callable[[str], str]:
    return lambda expression: f"CAST(to_json(map({keys}, {expression})) AS VARCHAR)"


def _key(column: Column, prefixes: tuple[str, ...]) -> str:
    prefix = next(one for one in prefixes if column.spelling.startswith(one))
    return column.spelling.removeprefix(prefix)


FORMAT = BillFormat(
    name="legacy Cost and Usage Report",
    required=cur2.REQUIRED,
    select=select,
    names=names,
    control=cur2.FORMAT.control,
    known_types=cur2.KNOWN_TYPES,
    usage_types=frozenset(cur2.USAGE_TYPES),
    not_money=cur2.SPLIT_OPERATIONS,
    rarely_needed=cur2.RARELY_NEEDED,
)
