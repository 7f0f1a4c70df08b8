"""Line items to cost items: one GROUP BY over all dimensions for each file, inside DuckDB."""

import duckdb

from billing.facts import DIMENSIONS
from billing.importing.columns import Fields, literal
from billing.importing.faults import data_faults, first_line
from billing.importing.formats.base import Selection
from billing.importing.readers import BillFile, unreadable
from billing.importing.warehouse import KEYS, MEASURES, Warehouse


def add_file(house: Warehouse, file: BillFile, *, known_services: frozenset[str]) -> None:
    """Read one file into the warehouse. Raises RunFailure, class DATA, naming file and column.

    Services in `known_services` have a readable name already.
    """
    file.require(house.bill_format)
    whole = Fields(file.columns)
    fields = _narrowed(house, file)
    selection = house.bill_format.select(fields)
    names = "''" if file.answers_questions else selection.service_name
    with data_faults(house, file, fields, selection):
        with file.relation(house.db, fields, house.control) as (relation, reading):
            house.db.execute(_insert(selection, relation, names))
        if file.answers_questions:
            _name_services(house, file, house.bill_format.select(whole), known_services)
    house.rows_read += reading.rows
    house.lacking.update(selection.lacking)


def _narrowed(house: Warehouse, file: BillFile) -> Fields:
    """Return the file's fields without the wide columns that none of its line items needs."""
    columns = dict(file.columns)
    for name, needs in house.bill_format.rarely_needed.items():
        condition = needs(Fields(file.columns)) if name in columns else None
        if condition is None or not file.answers_questions:
            continue
        try:
            if not house.rows(f"SELECT 1 FROM {_source(file)} WHERE {condition} LIMIT 1"):
                del columns[name]
        except duckdb.Error as error:
            raise unreadable(file.label, first_line(error)) from None
    return Fields(columns)


def _source(file: BillFile) -> str:
    return f"read_parquet({literal(str(file.path))})"


def _insert(selection: Selection, relation: str, service_name: str) -> str:
    """Return the one GROUP BY. Maps are grouped as they are; only their groups become JSON."""
    inner = [
        f"{selection.day} AS day",
        *(f"{selection.dimensions[name]} AS {name}" for name in DIMENSIONS),
        f"{selection.resource_id} AS resource_id",
        f"{selection.tags.group} AS tag_map",
        f"{selection.cost_categories.group} AS category_map",
        *(f"sum({item}) AS sum_{name}" for name, item in selection.sums.items()),
        "count(*) AS line_items",
        f"any_value({selection.account_name}) AS account_name",
        f"any_value({service_name}) AS service_name",
    ]
    outer = [
        *KEYS[: KEYS.index("tags")],
        selection.tags.as_json("tag_map"),
        selection.cost_categories.as_json("category_map"),
        *(selection.measures[name] for name in MEASURES),
        "line_items",
        "account_name",
        "service_name",
    ]
    return (
        f"INSERT INTO items SELECT {', '.join(outer)} FROM ("
        f"SELECT {', '.join(inner)} FROM {relation} WHERE {selection.counts} GROUP BY ALL)"
    )


def _name_services(
    house: Warehouse, file: BillFile, selection: Selection, known: frozenset[str]
) -> None:
    """Find the readable names of new services: one line item each, not the whole wide column."""
    if selection.service_name == "''":
        return
    service, source = selection.dimensions["service"], _source(file)
    occurring = {code for (code,) in house.rows("SELECT DISTINCT service FROM items")}
    for code in sorted(occurring - {""} - known - house.service_names.keys()):
        found = house.rows(
            f"SELECT {selection.service_name} FROM {source} WHERE {service} = {literal(code)}"
            " LIMIT 1"
        )
        if found and found[0][0]:
            house.service_names[code] = found[0][0]
