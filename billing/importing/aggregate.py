"""Line items to cost items, inside DuckDB: one pass over each file, then the rules on its groups.

A Parquet file is grouped before the rules are applied (`grouping`); a CSV file, and what the quick
pass leaves out, is grouped while they are.
"""

from collections.abc import Iterable, Mapping

import duckdb

from billing.facts import DIMENSIONS
from billing.importing.columns import Fields, literal
from billing.importing.faults import data_faults, first_line
from billing.importing.formats.base import Selection
from billing.importing.grouping import COST_CATEGORIES, LINE_ITEMS, TAGS, Grouping, grouping
from billing.importing.readers import BillFile, ParquetFile, unreadable
from billing.importing.warehouse import COSTS, LABELS, Warehouse

_NO_NAMES = ("''", "''")
_FIRST_ROWS = 20_000


def add_file(house: Warehouse, file: BillFile, *, known_services: frozenset[str]) -> None:
    """Read one file into the warehouse. Raises RunFailure, class DATA, naming file and column.

    Services in `known_services` have a readable name already.
    """
    file.require(house.bill_format)
    if isinstance(file, ParquetFile):
        _add_parquet(house, file, known_services)
    else:
        _add_stream(house, file)


def _add_stream(house: Warehouse, file: BillFile) -> None:
    fields = Fields(file.columns)
    selection = house.bill_format.select(fields)
    names = house.bill_format.names(fields)
    with (
        data_faults(house, file, fields, selection),
        file.relation(house.db, fields, house.control) as (relation, reading),
    ):
        house.readings.append(reading)
        house.add(_of_line_items(selection, relation, "true", names))
    house.lacking.update(selection.lacking)


def _add_parquet(house: Warehouse, file: ParquetFile, known_services: frozenset[str]) -> None:
    only_where = _conditions(house, file)
    fields = Fields({name: one for name, one in file.columns.items() if only_where.get(name, "1")})
    selection = house.bill_format.select(fields)
    quick = grouping(file, fields, selection, only_where)
    with data_faults(house, file, fields, selection):
        with file.relation(house.db, fields, house.control) as (relation, reading):
            rest = _add_groups(house, file, quick, selection) if quick else "true"
            if rest:
                house.add(_of_line_items(selection, relation, rest, _NO_NAMES))
        _name_accounts(house, file)
        _name_services(house, file, known_services)
    house.readings.append(reading)
    house.lacking.update(selection.lacking)


def _conditions(house: Warehouse, file: ParquetFile) -> dict[str, str]:
    """Return {column: the condition of the line items that need it}, '' where none does."""
    conditions = {}
    for name, needs in house.bill_format.rarely_needed.items():
        condition = needs(Fields(file.columns)) if name in file.columns else None
        if condition is None:
            continue
        try:
            needed = house.rows(f"SELECT 1 FROM {file.source} WHERE {condition} LIMIT 1")
        except duckdb.Error as error:
            raise unreadable(file.label, first_line(error)) from None
        conditions[name] = condition if needed else ""
    return conditions


def _add_groups(
    house: Warehouse, file: ParquetFile, quick: Grouping, selection: Selection
) -> str | None:
    """Apply the rules to the groups of the quick pass; return the condition of what is left."""
    rules = house.bill_format.select(Fields(quick.columns, quick.scale)).with_maps(
        selection.tags.of_groups(TAGS), selection.cost_categories.of_groups(COST_CATEGORIES)
    )
    with house.tables(quick.tables):
        labels, costs = _of_groups(rules, quick)
        if house.add_labelled(labels, costs, quick.scale) == file.rows:
            return None
    # Some line items are no money, or need the long way.
    left = house.rows(f"SELECT 1 FROM {file.source} WHERE {quick.is_slow} LIMIT 1")
    return quick.is_slow if left else None


def _of_line_items(
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


def _of_groups(selection: Selection, quick: Grouping) -> tuple[str, str]:
    """Return the SQL that makes labels of the quick pass's labels, and costs of its groups."""
    texts = _texts(selection)
    named = ", ".join((*texts, *_maps(selection), *_names(_NO_NAMES)))
    summed = ", ".join((*texts, *_amounts(selection, selection.sums, LINE_ITEMS)))
    return (
        f"SELECT number, {', '.join(_labels(selection))}"
        f" FROM (SELECT number, {named} FROM ({quick.labels}))",
        f"SELECT number, {', '.join(_costs(selection))}"
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


def _name_accounts(house: Warehouse, file: ParquetFile) -> None:
    """Find the names of accounts: columns of their own, which no group needs."""
    fields = Fields(file.columns)
    name, _ = house.bill_format.names(fields)
    if name != "''":
        account = house.bill_format.select(fields).dimensions["account_id"]
        house.account_names |= house.rows(
            f"SELECT {account}, max({name}) FROM {file.source} GROUP BY 1"
        )


def _name_services(house: Warehouse, file: ParquetFile, known: frozenset[str]) -> None:
    """Find the readable names of new services: the column is wide, few of its rows are read."""
    fields = Fields(file.columns)
    _, name = house.bill_format.names(fields)
    if name == "''":
        return
    service = house.bill_format.select(fields).dimensions["service"]
    occurring = {code for (code,) in house.rows("SELECT DISTINCT service FROM labels")}
    new = occurring - {""} - known
    if new - house.service_names.keys():
        first = f"SELECT * FROM {file.source} LIMIT {_FIRST_ROWS}"
        house.note_services(f"SELECT {service}, max({name}) FROM ({first}) GROUP BY 1")
    for code in sorted(new - house.service_names.keys()):
        house.note_services(
            f"SELECT {service}, {name} FROM {file.source} WHERE {service} = {literal(code)} LIMIT 1"
        )
