"""The SQL that makes cost items, by a format's rules, of line items or of groups of them."""

from collections.abc import Iterable, Mapping

from billing.facts import DIMENSIONS
from billing.importing.formats.base import Selection
from billing.importing.grouping import LINE_ITEMS, Grouping
from billing.importing.warehouse import COSTS, LABELS

NO_NAMES = ("''", "''")


def of_line_items(
    selection: Selection, relation: str, condition: str, names: tuple[str, str]
) -> str:
    """Return the SQL that groups line items and makes their cost items."""
    sums = {name: f"sum({item})" for name, item in selection.sums.items()}
    columns = [
        *_texts(selection),
        *_maps(selection),
        *_names(f"any_value({name})" for name in names),
        *_amounts(selection, sums, "count(*)"),
    ]
    groups = (
        f"SELECT {', '.join(columns)} FROM {relation} WHERE {selection.counts} AND {condition}"
        " GROUP BY ALL"
    )
    return f"SELECT {', '.join((*_labels(selection), *_costs(selection)))} FROM ({groups})"


def of_groups(rules: Selection, quick: Grouping) -> tuple[str, str]:
    """Return the SQL that makes labels of the quick pass's labels, and costs of its groups."""
    texts = _texts(rules)
    named = ", ".join((*texts, *_maps(rules), *_names(NO_NAMES)))
    summed = ", ".join((*texts, *_amounts(rules, rules.sums, LINE_ITEMS)))
    return (
        f"SELECT number, {', '.join(_labels(rules))}"
        f" FROM (SELECT number, {named} FROM ({quick.labels}))",
        f"SELECT number, {', '.join(_costs(rules))}"
        f" FROM (SELECT number, {summed} FROM ({quick.groups}))",
    )


def _texts(selection: Selection) -> list[str]:
    return [
        *(f"{selection.dimensions[name]} AS {name}" for name in DIMENSIONS),
        f"{selection.resource_id} AS resource_id",
    ]


def _maps(selection: Selection) -> list[str]:
    return [
        f"{selection.tags.group} AS tag_map",
        f"{selection.cost_categories.group} AS category_map",
    ]


def _names(names: Iterable[str]) -> list[str]:
    account_name, service_name = names
    return [f"{account_name} AS account_name", f"{service_name} AS service_name"]


def _amounts(selection: Selection, sums: Mapping[str, str], line_items: str) -> list[str]:
    return [
        f"{selection.day} AS day",
        *(f"{item} AS sum_{name}" for name, item in sums.items()),
        f"{line_items} AS line_items",
    ]


def _labels(selection: Selection) -> list[str]:
    """Return LABELS of a group. Only the groups' maps become JSON."""
    as_json = {
        "tags": selection.tags.as_json("tag_map"),
        "cost_categories": selection.cost_categories.as_json("category_map"),
    }
    return [as_json.get(name, name) for name in LABELS]


def _costs(selection: Selection) -> list[str]:
    """Return COSTS of a group: the measures applied to its sums."""
    return [selection.measures.get(name, name) for name in COSTS]
