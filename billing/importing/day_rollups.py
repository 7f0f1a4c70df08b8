"""Costs by one dimension: what makes figures of a year quick, where they are few.

By day for each account (`dimension_cost`), and by day or month for all accounts together
(`whole_cost`, `month_whole_cost`). A dimension is worth it whose values are few: the rows must be
far fewer than those that would be read in their place. Of the tags, the keys that most cost keys
have are tried. Costs without any dimension are always stored, as those of the dimension ''. A small
delivery is quick to read as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from billing.dimensions import COST_CATEGORY_PREFIX, TAG_PREFIX
from billing.facts import ROLLUP_DIMENSIONS, WHOLE_DIMENSIONS
from billing.importing.columns import literal
from billing.importing.warehouse import MEASURES, SUMS, Warehouse

_PLAIN = ("region", "usage_type", "operation", "pricing_term", "billing_entity")
_LARGE = 100_000  # daily costs
_KEYS_TRIED = 8


@dataclass(frozen=True)
class _Rollup:
    """A table: what its rows have besides the dimension's value, and how many they may be.

    fewer     so many times fewer than the daily costs; of a month's, than its cost keys
    """

    name: str
    by: tuple[str, ...]
    fewer: int
    is_by_day: bool = True


_ROLLUPS = (
    _Rollup("dimension_cost", ROLLUP_DIMENSIONS, 10),
    _Rollup("whole_cost", WHOLE_DIMENSIONS, 20),
    _Rollup("month_whole_cost", WHOLE_DIMENSIONS, 2, is_by_day=False),
)
TABLES = tuple(one.name for one in _ROLLUPS)


def make(house: Warehouse, name: str) -> None:
    """Make one of TABLES, in their order; how many rows of which dimension it has is said in
    `house.rollup_rows`.
    """
    if name == TABLES[0]:
        _make_values(house)
    rollup = next(one for one in _ROLLUPS if one.name == name)
    by = ", ".join(rollup.by)
    # Of the cost keys that count as one, the first stands for them: numbers are summed up by, not
    # texts.
    house.db.execute(
        f"CREATE OR REPLACE TABLE keyed AS SELECT dimension, cost_key, value,"
        f" min(cost_key) OVER (PARTITION BY dimension, {by}, value) AS first"
        f" FROM dimension_value JOIN cost_key USING (cost_key)"
    )
    found = _worth_it(house, rollup)
    kept = ", ".join(literal(name) for name in found)
    day = "day, " if rollup.is_by_day else ""
    source = "rollup_cost" if day else f"(SELECT cost_key, {SUMS} FROM rollup_cost GROUP BY ALL)"
    house.db.execute(
        f"CREATE TABLE {name} AS WITH sums AS (SELECT dimension, {day}first AS cost_key, {SUMS}"
        f" FROM {source} JOIN keyed USING (cost_key) WHERE dimension IN ({kept}) GROUP BY ALL)"
        f" SELECT dimension, {day}{by}, value, {', '.join(MEASURES)}"
        f" FROM sums JOIN dimension_value USING (dimension, cost_key) JOIN cost_key USING (cost_key)"
        " ORDER BY ALL"
    )
    counted = f"SELECT dimension, count(*) FROM {name} GROUP BY 1"
    # Also where the delivery holds no cost at all.
    house.rollup_rows[f"billing_{name}"] = dict.fromkeys(found, 0) | dict(house.rows(counted))


def _worth_it(house: Warehouse, rollup: _Rollup) -> list[str]:
    """Return the dimensions to store. Of none there is one value, and always room for it."""
    if house.value("SELECT count(*) FROM daily_cost") < _LARGE:
        return [""]
    if rollup.is_by_day:
        # As many as this at the most: not every key has a cost on every day.
        days = house.value("SELECT count(DISTINCT day) FROM rollup_cost")
        most = house.value("SELECT count(*) FROM daily_cost") / days
    else:
        most = house.value("SELECT count(*) FROM cost_key")
    combined = house.rows(
        "SELECT dimension, count(DISTINCT first) FROM keyed GROUP BY 1 ORDER BY 1"
    )
    return [name for name, rows in combined if not name or rows * rollup.fewer <= most]


def _make_values(house: Warehouse) -> None:
    """Make the table of every cost key's value of each candidate."""
    parts = ["SELECT '' AS dimension, cost_key, '' AS value FROM cost_key"]
    parts += [f"SELECT {literal(name)}, cost_key, {name} FROM cost_key" for name in _PLAIN]
    parts += [
        f"SELECT {literal(name)}, cost_key, value FROM cost_key JOIN"
        f" (SELECT tag_set, {value} AS value FROM tag_set) USING (tag_set)"
        for name, value in _tags(house).items()
    ]
    house.db.execute(f"CREATE TABLE dimension_value AS {' UNION ALL '.join(parts)}")


def _tags(house: Warehouse) -> Mapping[str, str]:
    """Return the expression of each tag's or cost category's value in a tag set."""
    found = {}
    for source, prefix in (("tags", TAG_PREFIX), ("cost_categories", COST_CATEGORY_PREFIX)):
        keys = house.rows(
            f"SELECT key FROM (SELECT tag_set, unnest(json_keys({source})) AS key FROM tag_set)"
            " JOIN cost_key USING (tag_set)"
            f" GROUP BY key ORDER BY count(*) DESC, key LIMIT {_KEYS_TRIED}"
        )
        # A path in DuckDB has no way to quote every key: the pair is looked for as it is.
        pairs = f"from_json({source}, '\"MAP(VARCHAR, VARCHAR)\"')"
        found |= {prefix + key: f"coalesce({pairs}[{literal(key)}], '')" for (key,) in keys}
    return found
