"""From a cost query and what counts to one SQL statement.

A delivery whose days are all asked for is read from the table that holds it summed; of the others
the days are read. Amounts stay exact decimals. Names in the statement are the house's own,
everything else is a parameter.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from psycopg import sql

from billing.cost_query import CostQuery
from billing.cost_terms import CostFilter, Granularity
from billing.counted import Counted, CountedDelivery
from billing.derivation import Derivation
from billing.dimensions import TAG_SOURCES, Dimension, Source
from billing.facts import (
    COST_KEY,
    DAILY_COST,
    DIMENSION_COST,
    MONTH_COST,
    RESOURCE,
    RESOURCE_COST,
    ROLLUP_COST,
    ROLLUP_DIMENSIONS,
    SERVICE_COST,
    SERVICE_DIMENSIONS,
    TAG_SET,
    FactTable,
)
from billing.statement import Statement
from connections.resource_costs import normalised_id

_SPECIAL = re.compile(r"[\\%_]")  # to LIKE


@dataclass(frozen=True)
class _Reading:
    """The query, and how each derived dimension in it comes from the others."""

    query: CostQuery
    derived: Mapping[str, Derivation]

    @cached_property
    def named(self) -> list[Dimension]:
        """Return the dimensions of groups and filters."""
        filters = (Dimension.named(one.dimension) for one in self.query.filters)
        return [*self.query.groups, *filters]

    @cached_property
    def stored(self) -> list[Dimension]:
        """Return the dimensions to be read, each once: what is derived stands for its inputs."""
        return list(dict.fromkeys(one for name in self.named for one in self.inputs(name)))

    @cached_property
    def in_tag_sets(self) -> list[Dimension]:
        """Return the tags and cost categories among them."""
        return [one for one in self.stored if one.source in TAG_SOURCES]

    @cached_property
    def only_dimension(self) -> Dimension | None:
        """Return the one dimension to be read besides what every rollup has."""
        others = [one for one in self.stored if one.key not in ROLLUP_DIMENSIONS]
        return others[0] if len(others) == 1 else None

    @property
    def shows_resources(self) -> bool:
        """Say whether the resources' names are needed: filters on resources find them alone."""
        shown = (
            *self.query.groups,
            *(one for one in self.named if one.source is Source.DERIVED),
        )
        return any(one.source is Source.RESOURCE for name in shown for one in self.inputs(name))

    def inputs(self, dimension: Dimension) -> Iterator[Dimension]:
        """Yield what a dimension is read from: itself, unless it is derived."""
        if dimension.source is not Source.DERIVED:
            yield dimension
            return
        for name in self.derived[dimension.name].inputs:
            yield from self.inputs(Dimension.named(name))


def cost_statement(
    query: CostQuery,
    counted: Counted,
    currency: str,
    derived: Mapping[str, Derivation],
    *,
    limit: int | None,
    offset: int = 0,
) -> Statement:
    """Return the statement whose rows are (period, group values…, amount, total, row count).

    `period` is a day, a Monday, the first day of a billing period, or NULL for the whole range.
    `total` and `row count` are those of all rows, also of the ones that are left out. `counted`
    must hold at least one delivery, `derived` the derivation of each derived dimension that the
    query needs.
    """
    parts = cost_parts(query, counted, currency, derived)
    names = [sql.Identifier(f"g{index}") for index in range(len(query.group_by))]
    groups = sql.SQL("").join([sql.SQL(", {}").format(name) for name in names])
    order = sql.SQL("").join([sql.SQL(', {} COLLATE "C"').format(name) for name in names])
    statement = Statement.of(
        "SELECT period{}, sum(amount) AS amount, sum(sum(amount)) OVER () AS total,"
        " count(*) OVER () AS row_count FROM ({}) parts GROUP BY period{}"
        " ORDER BY period, amount DESC{}",
        groups,
        parts,
        groups,
        order,
    )
    if limit is None:
        return statement
    return Statement.of("{} LIMIT %s OFFSET %s", statement, params=(limit, offset))


def cost_parts(
    query: CostQuery, counted: Counted, currency: str, derived: Mapping[str, Derivation]
) -> Statement:
    """Return the statement whose rows are (period, g0, g1, …, amount), not yet summed: several
    tables may each hold a part of a group.
    """
    reading = _Reading(query, derived)
    return Statement.joined(
        " UNION ALL ",
        (
            _part(reading, counted, currency, table, deliveries)
            for table, deliveries in _sources(reading, counted.deliveries)
        ),
    )


def daily_costs(
    query: CostQuery,
    counted: Counted,
    delivery: CountedDelivery,
    derived: Mapping[str, Derivation],
    columns: Sequence[str],
) -> Statement:
    """Return the statement that selects columns of every daily cost of one delivery, not summed.

    Columns are those of the cost f, its cost key k, tag set s and resource x (null without one),
    after the delivery's billing period. Without a currency in the query, all of them are read.
    """
    reading, ids = _Reading(query, derived), [delivery.id]
    conditions = [
        Statement.of("f.delivery_id = %s AND k.delivery_id = %s", params=(*ids, *ids)),
        *_days(query, DAILY_COST),
        *_who(counted, ids, query.currency, DAILY_COST),
        *(_condition(one, reading, ids, DAILY_COST) for one in query.filters),
    ]
    return Statement.of(
        "SELECT {}, {} FROM {} JOIN {} s ON s.tag_set = k.tag_set AND {}"
        " LEFT JOIN {} x ON x.resource = f.resource AND {} WHERE {}",
        Statement.of("%s::date", params=(delivery.billing_period,)),
        sql.SQL(", ").join([sql.SQL(column) for column in columns]),  # type: ignore[arg-type]
        _tables(reading, ids, DAILY_COST),
        sql.Identifier(TAG_SET.name),
        Statement.of("s.delivery_id = %s", params=ids),
        sql.Identifier(RESOURCE.name),
        Statement.of("x.delivery_id = %s", params=ids),
        Statement.joined(" AND ", conditions),
    )


def _sources(
    reading: _Reading, deliveries: Iterable[CountedDelivery]
) -> Iterator[tuple[FactTable, list[CountedDelivery]]]:
    """Return which deliveries are read from which table."""
    columns = {
        dimension.key if dimension.source is Source.COST_KEY else dimension.source
        for dimension in reading.stored
    }
    if Source.RESOURCE in columns:
        tables = RESOURCE_COST, DAILY_COST
    elif columns <= set(SERVICE_DIMENSIONS):
        tables = MONTH_COST, SERVICE_COST
    else:
        tables = MONTH_COST, ROLLUP_COST
    found: dict[FactTable, list[CountedDelivery]] = {}
    for delivery in deliveries:
        table = tables[0] if _is_whole(reading.query, delivery) else tables[1]
        if table is ROLLUP_COST:
            table = _rollup(reading, delivery)
        found.setdefault(table, []).append(delivery)
    yield from found.items()


def _rollup(reading: _Reading, delivery: CountedDelivery) -> FactTable:
    """Return the smallest table that has the delivery's days by what is asked for."""
    if reading.only_dimension and reading.only_dimension.name in delivery.day_rollups:
        return DIMENSION_COST
    return ROLLUP_COST if delivery.has_rollup else DAILY_COST


def _is_whole(query: CostQuery, delivery: CountedDelivery) -> bool:
    if query.granularity in (Granularity.DAILY, Granularity.WEEKLY):
        return False
    if delivery.first_day is None or delivery.last_day is None:
        return False
    return query.start <= delivery.first_day and delivery.last_day < query.end


def _part(
    reading: _Reading,
    counted: Counted,
    currency: str,
    table: FactTable,
    deliveries: Sequence[CountedDelivery],
) -> Statement:
    """Return the statement that reads one table: (period, g0, g1, …, amount)."""
    query = reading.query
    ids = [delivery.id for delivery in deliveries]
    values = [_value(dimension, reading, table) for dimension in query.groups]
    columns = [
        Statement.of(", {} AS {}", value, sql.Identifier(f"g{index}"))
        for index, value in enumerate(values)
    ]
    conditions = [
        Statement.of("f.delivery_id = ANY(%s::bigint[])", params=(ids,)),
        *_days(query, table),
        *_dimension(reading, table),
        *_who(counted, ids, currency, table),
        *(_condition(one, reading, ids, table) for one in query.filters),
    ]
    return Statement.of(
        "SELECT {} AS period{}, sum(f.{}) AS amount FROM {} WHERE {} GROUP BY {}",
        _period(query, deliveries),
        Statement.joined("", columns),
        sql.Identifier(query.metric.value),
        _tables(reading, ids, table),
        Statement.joined(" AND ", conditions),
        sql.SQL(", ").join([sql.Literal(number) for number in range(1, len(values) + 2)]),
    )


def _period(query: CostQuery, deliveries: Sequence[CountedDelivery]) -> Statement:
    if query.granularity == Granularity.DAILY:
        return Statement.of("f.day")
    if query.granularity == Granularity.WEEKLY:
        return Statement.of("f.day - (extract(isodow FROM f.day)::integer - 1)")
    if query.granularity == Granularity.TOTAL:
        return Statement.of("NULL::date")
    months = Statement.joined(
        " ",
        (
            Statement.of("WHEN %s THEN %s::date", params=(delivery.id, delivery.billing_period))
            for delivery in deliveries
        ),
    )
    return Statement.of("CASE f.delivery_id {} END", months)


def _tables(reading: _Reading, ids: Sequence[int], table: FactTable) -> Statement:
    """Return the table as f, with its cost keys as k, tag sets as t and resources as r."""
    found = [Statement.of("{} f", sql.Identifier(table.name))]
    if "cost_key" in table.column_names:
        name = sql.Identifier(COST_KEY.name)
        found.append(Statement.of("JOIN {} k USING (delivery_id, cost_key)", name))
    if reading.in_tag_sets and table is not DIMENSION_COST:
        found.append(
            Statement.of(
                "JOIN ({}) t ON t.delivery_id = f.delivery_id AND t.tag_set = {}.tag_set",
                _tag_values(reading, ids),
                _keys(table),
            )
        )
    if reading.shows_resources:
        name = sql.Identifier(RESOURCE.name)
        found.append(
            Statement.of(
                "LEFT JOIN {} r ON r.delivery_id = f.delivery_id AND r.resource = f.resource", name
            )
        )
    return Statement.joined(" ", found)


def _tag_values(reading: _Reading, ids: Sequence[int]) -> Statement:
    """Return what the tag sets hold under the keys asked for: read once for each set.

    OFFSET 0 keeps PostgreSQL from reading it once for each cost instead.
    """
    values = [
        Statement.of(
            ", coalesce({} ->> %s, '')",
            sql.Identifier(dimension.source.value),
            params=(dimension.key,),
        )
        for dimension in reading.in_tag_sets
    ]
    return Statement.of(
        "SELECT delivery_id, tag_set{} FROM {} WHERE delivery_id = ANY(%s::bigint[]) OFFSET 0",
        Statement.joined(
            "",
            [
                Statement.of("{} AS {}", value, sql.Identifier(f"v{index}"))
                for index, value in enumerate(values)
            ],
        ),
        sql.Identifier(TAG_SET.name),
        params=(list(ids),),
    )


def _keys(table: FactTable) -> sql.Composable:
    """Return the alias under which the dimensions of a table's rows are found."""
    return sql.SQL("k") if "cost_key" in table.column_names else sql.SQL("f")


def _value(dimension: Dimension, reading: _Reading, table: FactTable) -> Statement:
    """Return the expression of a dimension's value, which is '' where a cost has none."""
    if table is DIMENSION_COST and dimension == reading.only_dimension:
        return Statement.of("f.value")
    if dimension.source is Source.COST_KEY:
        return Statement.of("{}.{}", _keys(table), sql.Identifier(dimension.key))
    if dimension.source is Source.RESOURCE:
        return Statement.of("coalesce(r.resource_id, '')")
    if dimension.source is Source.DERIVED:
        derivation = reading.derived[dimension.name]
        return derivation.expression(
            {name: _value(Dimension.named(name), reading, table) for name in derivation.inputs}
        )
    index = reading.in_tag_sets.index(dimension)
    return Statement.of("t.{}", sql.Identifier(f"v{index}"))


def _days(query: CostQuery, table: FactTable) -> Iterator[Statement]:
    if "day" in table.column_names:
        yield Statement.of("f.day >= %s AND f.day < %s", params=(query.start, query.end))


def _dimension(reading: _Reading, table: FactTable) -> Iterator[Statement]:
    if table is DIMENSION_COST and reading.only_dimension:
        yield Statement.of("f.dimension = %s", params=(reading.only_dimension.name,))


def _who(
    counted: Counted, ids: Sequence[int], currency: str | None, table: FactTable
) -> Iterator[Statement]:
    """Return what keeps the rows of the connected accounts, each counted once."""
    keys = _keys(table)
    yield Statement.of("{}.account_id = ANY(%s::text[])", keys, params=(list(counted.accounts),))
    if currency is not None:
        yield Statement.of("{}.currency = %s", keys, params=(currency,))
    elsewhere = [one for one in counted.elsewhere if one.delivery_id in ids]
    if elsewhere:
        yield Statement.of(
            "(f.delivery_id, {}.account_id, {}.payer_account_id) NOT IN"
            " (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[]))",
            keys,
            keys,
            params=[list(column) for column in zip(*elsewhere, strict=True)],
        )


def _condition(
    one: CostFilter, reading: _Reading, ids: Sequence[int], table: FactTable
) -> Statement:
    dimension = Dimension.named(one.dimension)
    if dimension.source is Source.RESOURCE:
        found = _of_resources(one, ids)
    else:
        found = _matches(_value(dimension, reading, table), one)
    return Statement.of("NOT ({})", found) if one.is_negated else found


def _matches(value: Statement, one: CostFilter) -> Statement:
    """Return the condition that the value is one of the filter's, or holds one of them."""
    if one.is_part:
        return Statement.of("{} ILIKE ANY(%s::text[])", value, params=(_patterns(one),))
    return Statement.of("{} = ANY(%s::text[])", value, params=(list(one.values),))


def _patterns(one: CostFilter) -> list[str]:
    """Return the values as patterns that match them anywhere, and nothing else."""
    return ["%" + _SPECIAL.sub(r"\\\g<0>", value) + "%" for value in one.values]


def _of_resources(one: CostFilter, ids: Sequence[int]) -> Statement:
    """Return the condition that a row's resource is one of these, as billed or as joined."""
    if one.is_part:
        wanted = Statement.of("resource_id ILIKE ANY(%s::text[])", params=(_patterns(one),))
    else:
        values = list(one.values)
        joined = sorted({normalised_id(value) for value in values if value})
        wanted = Statement.of(
            "cost_id = ANY(%s::text[])"
            " AND (resource_id = ANY(%s::text[]) OR cost_id = ANY(%s::text[]))",
            params=(joined, values, values),
        )
    found = Statement.of(
        "(f.delivery_id, f.resource) IN (SELECT delivery_id, resource FROM {}"
        " WHERE delivery_id = ANY({}) AND {})",
        sql.Identifier(RESOURCE.name),
        Statement.of("%s::bigint[]", params=(list(ids),)),
        wanted,
    )
    return Statement.of("({} OR f.resource = 0)", found) if "" in one.values else found
