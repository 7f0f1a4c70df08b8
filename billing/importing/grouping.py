"""Line items to groups of line items that no rule tells apart: a Parquet file's one quick pass.

Every rule of a format reads texts, and adds amounts up. So it says the same of the sum of line
items as of each of them, where they have the same texts and lack the same amounts. The quick pass
groups by just that, with amounts as whole numbers of 10^-10; then the rules are applied to groups.

It tells maps apart by their hashes, for comparing maps takes longer than everything else together.
They have 64 bits: that two sets of tags of one resource on one day seem to be the same happens once
in some 10^19 changes of tags, and no cost would be lost by it.

An amount that is not exactly such a number (more decimals, too large, no number at all) sends its
line item the long way, by which every line item of a CSV file goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from billing.importing import amounts
from billing.importing.columns import Column, Fields, Kind, quoted
from billing.importing.formats.base import Selection
from billing.importing.readers import ParquetFile

LINE_ITEMS = "line_items"
TAGS, COST_CATEGORIES = "tag_map", "category_map"
_DECIMALS = 10
# Two doubles below it lie nearer than 10^-10: at most one such decimal means a double.
_BOUND = "5e5"
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Grouping:
    """The quick pass over one file.

    query    makes the groups: the file's columns by name, TAGS, COST_CATEGORIES and LINE_ITEMS
    columns  the groups' columns, for `Fields`
    scale    how many decimals their amounts have
    is_slow  the condition of the line items that it leaves out
    """

    query: str
    columns: Mapping[str, Column]
    scale: int
    is_slow: str


def grouping(
    file: ParquetFile,
    fields: Fields,
    selection: Selection,
    only_where: Mapping[str, str],
) -> Grouping | None:
    """Return the quick pass for what `fields` were asked for, None where there is none.

    `only_where`: {column: the condition of the line items to which it matters}.
    """
    summed = {name: _Amount(column, file) for name, column in fields.amounts_used.items()}
    if any(one.is_text for one in summed.values()):
        return None
    sparse = [name for name, one in summed.items() if one.is_sparse]
    scale = _DECIMALS if all(one.is_double for one in summed.values()) else amounts.COST_SCALE
    in_maps = {*selection.tags.columns, *selection.cost_categories.columns}
    keys = {
        name: _key(column, fields, only_where.get(name))
        for name, column in fields.used.items()
        if name not in summed and name not in in_maps
    }
    maps = {TAGS: selection.tags.group, COST_CATEGORIES: selection.cost_categories.group}
    inner = [
        *(f"{key} AS {quoted(name)}" for name, key in keys.items()),
        f"hash({', '.join(maps.values())}) AS in_maps",
        *(f"any_value({group}) AS {name}" for name, group in maps.items()),
        *(f"{quoted(name)} IS NULL AS {quoted(f'no {name}')}" for name in sparse),
        *(f"{one.sum} AS {quoted(name)}" for name, one in summed.items()),
        f"count(*) AS {LINE_ITEMS}",
    ]
    outer = [
        *map(quoted, keys),
        *(TAGS, COST_CATEGORIES, LINE_ITEMS),
        *(f"{one.amount(scale)} AS {quoted(name)}" for name, one in summed.items()),
    ]
    is_quick = " AND ".join(filter(None, (one.is_quick for one in summed.values()))) or "true"
    return Grouping(
        f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {file.source}"
        f" WHERE {is_quick} GROUP BY ALL)",
        {name: _grouped(column, fields) for name, column in fields.columns.items()},
        scale,
        f"NOT ({is_quick})",
    )


class _Amount:
    """An amount column of the file: how it is summed up, and for which line items.

    `is_sparse`: some line items may lack it.
    """

    def __init__(self, column: Column, file: ParquetFile) -> None:
        self._name = quoted(column.name)
        self.is_sparse = file.nulls.get(column.name) != 0
        self.is_double = column.kind is Kind.DOUBLE
        self.is_text = not self.is_double and column.kind is not Kind.NUMBER

    @property
    def _whole(self) -> str:
        return f"round({self._name} * 1e{_DECIMALS})"

    @property
    def sum(self) -> str:
        """Return the sum over a group, in units of the quick pass; null without any amount."""
        return f"sum(CAST({self._whole} AS BIGINT))" if self.is_double else f"sum({self._name})"

    def amount(self, scale: int) -> str:
        """Return the sum as an exact amount with so many decimals."""
        wide = amounts.decimal_type(scale)
        if not self.is_double:
            return f"CAST({self._name} AS {wide})"
        unit = f"CAST('0.{'1'.zfill(_DECIMALS)}' AS DECIMAL({_DECIMALS}, {_DECIMALS}))"
        return f"CAST(CAST({self._name} AS DECIMAL(28, 0)) * {unit} AS {wide})"

    @property
    def is_quick(self) -> str:
        """Return the condition that a line item's amount is exactly a number of units, or null."""
        if not self.is_double:
            return ""
        whole = f"abs({self._name}) < {_BOUND} AND {self._whole} / 1e{_DECIMALS} = {self._name}"
        return f"coalesce({whole}, true)" if self.is_sparse else whole


def _key(column: Column, fields: Fields, only_where: str | None) -> str:
    name = quoted(column.name)
    if column.name in fields.days_used:
        if column.kind is Kind.TIMESTAMP:
            since = f"epoch_us({name})"
            return f"make_timestamp({since} - {since} % {_DAY_US})"
        return f"substr(CAST({name} AS VARCHAR), 1, 10)"
    return f"CASE WHEN {only_where} THEN {name} END" if only_where else name


def _grouped(column: Column, fields: Fields) -> Column:
    """Return a column as the groups have it: amounts are decimals, what nobody reads is empty."""
    if column.name in fields.amounts_used:
        return replace(column, kind=Kind.NUMBER)
    return column if column.name in fields.used else replace(column, kind=Kind.EMPTY)
