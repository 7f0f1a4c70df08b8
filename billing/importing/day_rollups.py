"""Costs by day and one dimension: what makes daily figures of a year quick, where it is small.

A dimension is worth it whose values are few: the rows must be far fewer than the daily costs'. Of
the tags, the keys that most cost keys have are tried. Costs by day alone are stored as those of the
dimension ''. A small delivery is quick to read as it is.
"""

from collections.abc import Iterator, Mapping

from billing.dimensions import COST_CATEGORY_PREFIX, TAG_PREFIX, Dimension, Source
from billing.facts import ROLLUP_DIMENSIONS
from billing.importing.columns import literal
from billing.importing.warehouse import MEASURES, SUMS, Warehouse

_PLAIN = ("region", "usage_type", "operation", "pricing_term", "billing_entity")
_LARGE = 100_000  # daily costs
_FEWER = 10  # times fewer rows than the daily costs
_KEYS_TRIED = 8


def make(house: Warehouse) -> None:
    """Make `dimension_cost` of the rollup; what is in it is said in `house.day_rollups`."""
    rollup = ", ".join(ROLLUP_DIMENSIONS)
    days = house.value("SELECT count(DISTINCT day) FROM rollup_cost")
    daily_costs = house.value("SELECT count(*) FROM daily_cost")
    # Of no dimension there is one value, and always room for it.
    found = {"": f"SELECT cost_key, {rollup}, '' AS value FROM cost_key"}
    for dimension in _candidates(house) if daily_costs >= _LARGE else ():
        key = f"SELECT cost_key, {rollup}, {_value(dimension)} AS value FROM cost_key"
        if dimension.source is not Source.COST_KEY:
            key += " JOIN tag_set USING (tag_set)"
        # As many as this at the most: not every key has a cost on every day.
        combined = house.value(f"SELECT count(DISTINCT ({rollup}, value)) FROM ({key})")
        if combined * days * _FEWER <= daily_costs:
            found[dimension.name] = key
    house.db.execute(f"CREATE TABLE dimension_cost AS {_sums(found)} ORDER BY ALL")
    house.day_rollups = list(found)


def _sums(found: Mapping[str, str]) -> str:
    """Return the SQL of all dimensions' sums. Of the cost keys that count as one, the first stands
    for them: numbers are summed up by, not texts.
    """
    rollup = ", ".join(ROLLUP_DIMENSIONS)
    keys = " UNION ALL ".join(
        f"SELECT {literal(name)} AS dimension, * FROM ({key})" for name, key in found.items()
    )
    return (
        f"WITH keyed AS (SELECT *, min(cost_key) OVER (PARTITION BY dimension, {rollup}, value)"
        f" AS first FROM ({keys})),"
        f" sums AS (SELECT dimension, day, first AS cost_key, {SUMS}"
        " FROM rollup_cost JOIN keyed USING (cost_key) GROUP BY ALL)"
        f" SELECT dimension, day, {rollup}, value, {', '.join(MEASURES)}"
        " FROM sums JOIN keyed USING (dimension, cost_key)"
    )


def _candidates(house: Warehouse) -> Iterator[Dimension]:
    for name in _PLAIN:
        yield Dimension.named(name)
    for source, prefix in (("tags", TAG_PREFIX), ("cost_categories", COST_CATEGORY_PREFIX)):
        keys = house.rows(
            f"SELECT key FROM (SELECT tag_set, unnest(json_keys({source})) AS key FROM tag_set)"
            " JOIN cost_key USING (tag_set)"
            f" GROUP BY key ORDER BY count(*) DESC, key LIMIT {_KEYS_TRIED}"
        )
        for (key,) in keys:
            yield Dimension.named(prefix + key)


def _value(dimension: Dimension) -> str:
    if dimension.source is Source.COST_KEY:
        return dimension.key
    # A path in DuckDB has no way to quote every key: the pair is looked for as it is.
    pairs = f"from_json({dimension.source.value}, '\"MAP(VARCHAR, VARCHAR)\"')"
    return f"coalesce({pairs}[{literal(dimension.key)}], '')"
