"""Costs by one dimension: what makes figures of a year quick, where they are few.

By day for each account (`dimension_cost`), and by day or month for all accounts together
(`whole_cost`, `month_whole_cost`). A dimension is worth it whose values are few: the rows must be
far fewer than those that would be read in their place. Of the tags, the keys that most cost keys
have are tried. Costs without any dimension are always stored, as those of the dimension ''. A small
delivery is quick to read as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from billing.dimensions import COST_CATEGORY_PREFIX, TAG_PREFIX
from billing.facts import (
    FEWER,
    LONGEST_INDEXED,
    ROLLUP_DIMENSIONS,
    SERVICE_DIMENSIONS,
    WHOLE_DIMENSIONS,
)
from billing.importing.columns import literal
from billing.importing.warehouse import MEASURES, Warehouse

# Each has a few values for each service of an account: these are added up from few rows.
_COARSE = ("pricing_term", "billing_entity")
_PLAIN = (*_COARSE, "region", "usage_type", "operation")
_LARGE = 100_000  # daily costs
_KEYS_TRIED = 8


@dataclass(frozen=True)
class _Rollup:
    """A table, and what its rows have besides the dimension's value."""

    name: str
    by: tuple[str, ...]
    is_by_day: bool = True

    @property
    def fewer(self) -> int:
        """Return how many times fewer rows it must have than what is read in its place."""
        return FEWER[f"billing_{self.name}"]


_ROLLUPS = (
    _Rollup("dimension_cost", ROLLUP_DIMENSIONS),
    _Rollup("whole_cost", WHOLE_DIMENSIONS),
    _Rollup("month_whole_cost", WHOLE_DIMENSIONS, is_by_day=False),
)
TABLES = tuple(one.name for one in _ROLLUPS)


def make_coarse(house: Warehouse) -> None:
    """Make `coarse_cost`: the rollup by what costs by service and _COARSE are made of, each sum
    under the first of its cost keys.
    """
    by = ", ".join(dict.fromkeys((*SERVICE_DIMENSIONS, *_COARSE)))
    house.execute(
        f"""CREATE TABLE coarse_cost AS
            WITH coarse AS (
                SELECT cost_key, min(cost_key) OVER (PARTITION BY {by}) AS first FROM cost_key)
            SELECT day, first AS cost_key, {house.sums}
            FROM rollup_cost JOIN coarse USING (cost_key) GROUP BY ALL"""
    )


def make(house: Warehouse, name: str) -> None:
    """Make one of TABLES, in their order; how many rows of which dimension it has is said in
    `house.rollup_rows`.
    """
    if name == TABLES[0]:
        _make_values(house)
    rollup = next(one for one in _ROLLUPS if one.name == name)
    _make_groups(house, rollup)
    found = _worth_it(house, rollup)
    day = "day, " if rollup.is_by_day else ""
    coarse = [one for one in found if one in ("", *_COARSE)]
    fine = [one for one in found if one not in coarse]
    sums = " UNION ALL ".join(
        f"""SELECT {day}group_id, {house.sums} FROM {source} JOIN grouped USING (cost_key)
            WHERE dimension IN ({", ".join(map(literal, names))}) GROUP BY ALL"""
        for source, names in (("coarse_cost", coarse), (_source(house, rollup), fine))
        if names
    )
    house.execute(
        f"""CREATE TABLE {name} AS
            WITH summed AS ({sums}),
            named AS (
                SELECT group_id, dimension, value, min(cost_key) AS cost_key
                FROM grouped GROUP BY ALL)
            SELECT dimension, {day}{", ".join(rollup.by)}, value, {", ".join(MEASURES)}
            FROM summed JOIN named USING (group_id) JOIN cost_key USING (cost_key)
            ORDER BY group_id"""
    )
    counted = f"SELECT dimension, count(*) FROM {name} GROUP BY 1"
    # Also where the delivery holds no cost at all.
    house.rollup_rows[f"billing_{name}"] = dict.fromkeys(found, 0) | dict(house.rows(counted))


def _source(house: Warehouse, rollup: _Rollup) -> str:
    if rollup.is_by_day:
        return "rollup_cost"
    return f"(SELECT cost_key, {house.sums} FROM rollup_cost GROUP BY ALL)"


def _make_groups(house: Warehouse, rollup: _Rollup) -> None:
    """Make the table of every cost key's group in each dimension: numbers are summed up by, not
    texts. The groups of a dimension follow one another.
    """
    by = ", ".join(rollup.by)
    house.execute(
        f"""CREATE OR REPLACE TABLE grouped AS
            WITH beside AS (
                SELECT cost_key, min(cost_key) OVER (PARTITION BY {by}) AS beside FROM cost_key),
            paired AS (SELECT * FROM dimension_value JOIN beside USING (cost_key)),
            numbers AS (
                SELECT value_id, beside, row_number() OVER (ORDER BY value_id) AS group_id
                FROM (SELECT DISTINCT value_id, beside FROM paired))
            SELECT group_id, dimension, value, cost_key
            FROM paired JOIN numbers USING (value_id, beside)"""
    )


def _worth_it(house: Warehouse, rollup: _Rollup) -> list[str]:
    """Return the dimensions to store, all of whose values an index takes. Of none there is one
    value, and always room for it.
    """
    if not _is_large(house):
        return [""]
    if rollup.is_by_day:
        # As many as this at the most: not every key has a cost on every day.
        days = house.value("SELECT count(DISTINCT day) FROM rollup_cost")
        most = house.value("SELECT count(*) FROM daily_cost") / days
    else:
        most = house.value("SELECT count(*) FROM cost_key")
    combined = house.rows(
        f"""SELECT dimension, count(DISTINCT group_id) FROM grouped GROUP BY 1
            HAVING max(strlen(dimension) + strlen(value)) <= {LONGEST_INDEXED} ORDER BY 1"""
    )
    return [name for name, rows in combined if not name or rows * rollup.fewer <= most]


def _is_large(house: Warehouse) -> bool:
    return bool(house.value("SELECT count(*) FROM daily_cost") >= _LARGE)


def _make_values(house: Warehouse) -> None:
    """Make the table of every cost key's value of each candidate, and the value's number."""
    parts = ["SELECT '' AS dimension, cost_key, '' AS value FROM cost_key"]
    if _is_large(house):
        parts += _candidates(house)
    house.execute(
        f"""CREATE TABLE dimension_value AS
            WITH found AS ({" UNION ALL ".join(parts)}),
            numbers AS (
                SELECT *, row_number() OVER (ORDER BY dimension, value) AS value_id
                FROM (SELECT DISTINCT dimension, value FROM found))
            SELECT dimension, value, value_id, cost_key
            FROM found JOIN numbers USING (dimension, value)"""
    )


def _candidates(house: Warehouse) -> Iterator[str]:
    for name in _PLAIN:
        yield f"SELECT {literal(name)}, cost_key, {name} FROM cost_key"
    for name, value in _tags(house).items():
        yield f"""SELECT {literal(name)}, cost_key, value FROM cost_key
            JOIN (SELECT tag_set, {value} AS value FROM tag_set) USING (tag_set)"""


def _tags(house: Warehouse) -> Mapping[str, str]:
    """Return the expression of each tag's or cost category's value in a tag set."""
    found: dict[str, str] = {}
    for source, prefix in (("tags", TAG_PREFIX), ("cost_categories", COST_CATEGORY_PREFIX)):
        keys = house.rows(
            f"""SELECT key
                FROM (SELECT tag_set, unnest(json_keys({source})) AS key FROM tag_set)
                JOIN cost_key USING (tag_set)
                GROUP BY key ORDER BY count(*) DESC, key LIMIT {_KEYS_TRIED}"""
        )
        # A path in DuckDB has no way to quote every key: the pair is looked for as it is.
        pairs = f"from_json({source}, '\"MAP(VARCHAR, VARCHAR)\"')"
        found |= {prefix + key: f"coalesce({pairs}[{literal(key)}], '')" for (key,) in keys}
    return found
