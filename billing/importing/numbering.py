"""Cost items to the rows of the fact tables, with the delivery's own small integers."""

from typing import Any

import pyarrow as pa

from billing.cost_terms import EARLIEST, LATEST
from billing.facts import (
    DIMENSIONS,
    FEWER,
    LONGEST_INDEXED,
    MONTH_TAG_COST,
    SERVICE_DIMENSIONS,
    TAG_DIMENSIONS,
)
from billing.importing import dimension_rollups
from billing.importing.columns import literal
from billing.importing.cost_ids import NORMALISED_ID_SQL
from billing.importing.tags import tag_set
from billing.importing.warehouse import Warehouse
from organizations.runs import ErrorClass, RunFailure
from organizations.texts import SHOWN_INSTEAD

_ACCOUNT = "|[0-9]{12}"
# Column, what its texts match, what they are called.
_CODES = (
    ("account_id", _ACCOUNT, ("account", "AWS account id")),
    ("payer_account_id", _ACCOUNT, ("payer", "AWS account id")),
    ("currency", "|[A-Z]{3}", ("currency", "ISO 4217 code")),
)
_GROUPED_AT_ONCE = 250_000  # cost items
# A rollup with more than this part of the daily rows is as slow to read as they are.
ROLLUP_WORTH_IT = 0.75


def number(house: Warehouse) -> None:
    """Give tag sets, cost keys and resources their numbers; what `make` needs."""
    _check_days(house)
    _number_tag_sets(house)
    dims, shown = ", ".join(DIMENSIONS), ", ".join(_shown(name) for name in DIMENSIONS)
    # Texts as billed find their number; texts as PostgreSQL can store them are what it means.
    house.execute(
        f"""CREATE TABLE keys AS SELECT {dims}, tags, categories.cost_categories, tag_set,
            CAST(dense_rank() OVER (ORDER BY {dims}, tag_set) AS INTEGER) AS cost_key
            FROM (SELECT DISTINCT {dims}, tags, cost_categories FROM labels) categories
            JOIN numbered USING (tags, cost_categories)"""
    )
    house.execute(f"CREATE TABLE cost_key AS SELECT DISTINCT cost_key, {shown}, tag_set FROM keys")
    house.execute(
        f"""CREATE TABLE resource AS SELECT CAST(row_number() OVER () AS INTEGER) AS resource,
            billed_id, resource_id, {NORMALISED_ID_SQL} AS cost_id
            FROM (SELECT DISTINCT resource_id AS billed_id, {_shown("resource_id")}
                FROM labels WHERE billed_id <> '')"""
    )
    _check_texts(house)
    house.execute(
        f"""CREATE TABLE numbered_label AS
            SELECT label, cost_key, coalesce(resource, 0) AS resource
            FROM labels JOIN keys USING ({dims}, tags, cost_categories)
            LEFT JOIN resource ON labels.resource_id = billed_id"""
    )


def make(house: Warehouse, name: str) -> None:
    """Make one of `facts.FACT_TABLES`, in their order: later ones are made of earlier ones."""
    if name == "service_cost":
        dimension_rollups.make_coarse(house)
    if name in dimension_rollups.TABLES:
        dimension_rollups.make(house, name)
    elif name == "daily_cost":
        _make_daily_costs(house)
    elif name == "rollup_cost" and _has_few_resources(house):
        # It would have about as many rows: whoever sums it up may sum up the daily costs.
        house.execute(f"CREATE VIEW {name} AS SELECT * EXCLUDE (resource) FROM daily_cost")
    elif made := _queries(house).get(name):
        house.execute(f"CREATE TABLE {name} AS {made}")
    if name == "month_tag_cost":
        _keep_if_worth_it(house)


def _keep_if_worth_it(house: Warehouse) -> None:
    """Empty `month_tag_cost` unless it is far smaller than `month_cost`; say if it is there."""
    table = MONTH_TAG_COST.name
    rows, most = (
        house.value(f"SELECT count(*) FROM {one}") for one in ("month_tag_cost", "month_cost")
    )
    if rows * FEWER[table] <= most:
        house.rollup_rows[table] = {"": rows}
    else:
        house.execute("TRUNCATE month_tag_cost")


def _make_daily_costs(house: Warehouse) -> None:
    """Group cost items by their numbers, some cost keys after the others: in order, and each time
    so many that they have room in memory.
    """
    lasts = house.rows(
        f"""WITH pieces AS (
                SELECT cost_key,
                    sum(count(*)) OVER (ORDER BY cost_key) // {_GROUPED_AT_ONCE} AS piece
                FROM costs JOIN numbered_label USING (label) GROUP BY cost_key)
            SELECT max(cost_key) FROM pieces GROUP BY piece ORDER BY 1"""
    )
    verb, before = "CREATE TABLE daily_cost AS", 0
    for (last,) in lasts or [(0,)]:
        house.execute(
            f"{verb} SELECT day, cost_key, resource, {house.sums}"
            " FROM costs JOIN numbered_label USING (label)"
            f" WHERE cost_key > {before} AND cost_key <= {last} GROUP BY ALL ORDER BY 2, 3, 1"
        )
        verb, before = "INSERT INTO daily_cost", last


def _has_few_resources(house: Warehouse) -> bool:
    """Whether so few cost keys have several resources that the rollup is surely not worth it."""
    pairs, keys = house.rows(
        "SELECT count(*), count(DISTINCT cost_key)"
        " FROM (SELECT DISTINCT cost_key, resource FROM numbered_label)"
    )[0]
    rows, days = house.rows("SELECT count(*), count(DISTINCT day) FROM daily_cost")[0]
    # On each day, a key's rows but one may go.
    return bool(rows - days * (pairs - keys) > ROLLUP_WORTH_IT * rows)


def _queries(house: Warehouse) -> dict[str, str]:
    """Return the query of each table that `number` has not made."""
    dims, sums = ", ".join(DIMENSIONS), house.sums
    return {
        "rollup_cost": f"""SELECT day, cost_key, {sums}
            FROM daily_cost GROUP BY ALL ORDER BY 2, 1""",
        "service_cost": f"""SELECT day, {", ".join(SERVICE_DIMENSIONS)}, {sums}
            FROM coarse_cost JOIN cost_key USING (cost_key) GROUP BY ALL ORDER BY ALL""",
        "month_cost": f"""SELECT {dims}, tag_set, {sums}
            FROM (SELECT cost_key, {sums} FROM rollup_cost GROUP BY ALL)
            JOIN cost_key USING (cost_key) GROUP BY ALL ORDER BY ALL""",
        "month_tag_cost": f"""SELECT {", ".join(TAG_DIMENSIONS)}, tag_set, {sums}
            FROM month_cost GROUP BY ALL ORDER BY ALL""",
        "month_service_cost": f"""SELECT {", ".join(SERVICE_DIMENSIONS)}, {sums}
            FROM service_cost GROUP BY ALL ORDER BY ALL""",
        "resource_cost": f"""SELECT cost_key, resource, {sums}
            FROM daily_cost GROUP BY ALL ORDER BY ALL""",
    }


def _shown(name: str) -> str:
    return f"replace({name}, chr(0), {literal(SHOWN_INSTEAD)}) AS {name}"


def _number_tag_sets(house: Warehouse) -> None:
    """Give every distinct set of tags and cost categories a number, whatever its keys' order."""
    numbers: dict[tuple[str, str], int] = {}
    normalised = house.bill_format.has_normalised_tags
    raw = house.rows("SELECT DISTINCT tags, cost_categories FROM labels")
    try:
        found = [
            (*pair, numbers.setdefault(tag_set(*pair, normalised=normalised), len(numbers) + 1))
            for pair in raw
        ]
    except (ValueError, RecursionError) as error:
        raise RunFailure(
            ErrorClass.DATA,
            f"A line item's tags or cost categories are no JSON object ({error}).",
            "The month stays as it was. AWS writes the file anew with its next delivery.",
        ) from None
    _table(house, "numbered", ("tags", "cost_categories", "tag_set"), found)
    sets = [(number, *pair) for pair, number in numbers.items()]
    _table(house, "tag_set", ("tag_set", "tags", "cost_categories"), sets)


def _table(
    house: Warehouse, name: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    types = {"tag_set": pa.int32()}
    schema = pa.schema([(column, types.get(column, pa.string())) for column in columns])
    values = zip(*rows, strict=True) if rows else [() for _ in columns]
    arrays = [pa.array(list(one), kind) for one, kind in zip(values, schema.types, strict=True)]
    house.db.register("handed", pa.Table.from_arrays(arrays, schema=schema))
    house.execute(f"CREATE TABLE {name} AS SELECT * FROM handed")
    house.db.unregister("handed")


def _check_texts(house: Warehouse) -> None:
    for name, pattern, what in _CODES:
        found = house.rows(
            f"SELECT {name} FROM keys WHERE NOT regexp_full_match({name}, '{pattern}') LIMIT 1"
        )
        if found:
            raise RunFailure(
                ErrorClass.DATA,
                f"A line item names the {what[0]} “{found[0][0][:40]}”, which is no {what[1]}.",
                "The month stays as it was. Check that the export's files are as AWS wrote them.",
            )
    for name, longest in [
        *_longest(house, "keys", DIMENSIONS),
        *_longest(house, "resource", ("resource_id",)),
    ]:
        if longest > LONGEST_INDEXED:
            raise RunFailure(
                ErrorClass.DATA,
                f"A line item's {name.replace('_', ' ')} is longer than {LONGEST_INDEXED} bytes.",
                "The month stays as it was. AWS writes nothing as long: check that the export's"
                " files are as AWS wrote them.",
            )


def _longest(house: Warehouse, table: str, names: tuple[str, ...]) -> list[tuple[str, int]]:
    """Return each column's longest text's length, in bytes."""
    lengths = ", ".join(f"coalesce(max(strlen({name})), 0)" for name in names)
    return list(zip(names, house.rows(f"SELECT {lengths} FROM {table}")[0], strict=True))


def _check_days(house: Warehouse) -> None:
    strange = house.rows(
        "SELECT CAST(day AS VARCHAR) FROM costs"
        f" WHERE day IS NULL OR day < '{EARLIEST}' OR day >= '{LATEST}' LIMIT 1"
    )
    if strange:
        ((day,),) = strange
        raise RunFailure(
            ErrorClass.DATA,
            f"A line item is of {day}, which no bill has."
            if day
            else "Some line items have no day.",
            "The month stays as it was. AWS writes the file anew with its next delivery.",
        )
