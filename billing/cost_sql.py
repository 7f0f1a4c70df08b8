"""From a cost query and what counts to one SQL statement.

A delivery whose days are all asked for is read from the table that holds it summed; of the others
the days are read. Amounts stay exact decimals. Names in the statement are the house's own,
everything else is a parameter.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from billing.cost_query import CostQuery
from billing.cost_terms import CostFilter, Granularity
from billing.counted import Counted, CountedDelivery
from billing.dimensions import TAG_SOURCES, Dimension, Source
from billing.facts import (
    COST_KEY,
    DAILY_COST,
    MONTH_COST,
    RESOURCE,
    RESOURCE_COST,
    ROLLUP_COST,
    SERVICE_COST,
    SERVICE_DIMENSIONS,
    TAG_SET,
    FactTable,
)
from connections.resource_costs import normalised_id


@dataclass(frozen=True)
class Statement:
    """SQL with its parameters."""

    text: sql.Composed
    params: tuple[Any, ...] = ()

    @classmethod
    def of(
        cls,
        template: LiteralString,
        *parts: "Statement | sql.Composable",
        params: Iterable[Any] = (),
    ) -> "Statement":
        """Return the template with its parts in place.

        `params` are for the template's own placeholders, which must stand behind the last part.
        """
        inner: list[Any] = []
        texts: list[sql.Composable] = []
        for part in parts:
            texts.append(part.text if isinstance(part, Statement) else part)
            inner += part.params if isinstance(part, Statement) else ()
        return cls(sql.SQL(template).format(*texts), (*inner, *params))

    @classmethod
    def joined(cls, separator: LiteralString, parts: Iterable["Statement"]) -> "Statement":
        """Return the parts one after the other."""
        found = list(parts)
        return cls(
            sql.SQL(separator).join([part.text for part in found]),
            tuple(value for part in found for value in part.params),
        )


def cost_statement(
    query: CostQuery, counted: Counted, currency: str, *, limit: int | None
) -> Statement:
    """Return the statement whose rows are (period, group values…, amount, total, row count).

    `period` is a day, the first day of a billing period, or NULL for the whole range. `total` and
    `row count` are those of all rows, also of the ones beyond the limit. `counted` must hold at
    least one delivery.
    """
    parts = Statement.joined(
        " UNION ALL ",
        (
            _part(query, counted, currency, table, deliveries)
            for table, deliveries in _sources(query, counted.deliveries)
        ),
    )
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
    return Statement.of("{} LIMIT %s", statement, params=(limit,))


def _sources(
    query: CostQuery, deliveries: Iterable[CountedDelivery]
) -> Iterator[tuple[FactTable, list[CountedDelivery]]]:
    """Return which deliveries are read from which table."""
    whole: list[CountedDelivery] = []
    partly: list[CountedDelivery] = []
    for delivery in deliveries:
        (whole if _is_whole(query, delivery) else partly).append(delivery)
    columns = {
        dimension.key if dimension.source is Source.COST_KEY else dimension.source
        for dimension in (*query.groups, *(Dimension.named(one.dimension) for one in query.filters))
    }
    if query.needs_resource:
        tables = RESOURCE_COST, DAILY_COST
    elif columns <= set(SERVICE_DIMENSIONS):
        tables = MONTH_COST, SERVICE_COST
    else:
        tables = MONTH_COST, ROLLUP_COST
    for table, found in zip(tables, (whole, partly), strict=True):
        if found:
            yield table, found


def _is_whole(query: CostQuery, delivery: CountedDelivery) -> bool:
    if query.granularity == Granularity.DAILY:
        return False
    if delivery.first_day is None or delivery.last_day is None:
        return False
    return query.start <= delivery.first_day and delivery.last_day < query.end


def _part(
    query: CostQuery,
    counted: Counted,
    currency: str,
    table: FactTable,
    deliveries: Sequence[CountedDelivery],
) -> Statement:
    """Return the statement that reads one table: (period, g0, g1, …, amount)."""
    ids = [delivery.id for delivery in deliveries]
    values = [_value(dimension, query, table) for dimension in query.groups]
    columns = [
        Statement.of(", {} AS {}", value, sql.Identifier(f"g{index}"))
        for index, value in enumerate(values)
    ]
    conditions = [
        Statement.of("f.delivery_id = ANY(%s::bigint[])", params=(ids,)),
        *_days(query, table),
        *_who(counted, ids, currency, table),
        *(_condition(one, query, ids, table) for one in query.filters),
    ]
    return Statement.of(
        "SELECT {} AS period{}, sum(f.{}) AS amount FROM {} WHERE {} GROUP BY {}",
        _period(query, deliveries),
        Statement.joined("", columns),
        sql.Identifier(query.metric.value),
        _tables(query, ids, table),
        Statement.joined(" AND ", conditions),
        sql.SQL(", ").join([sql.Literal(number) for number in range(1, len(values) + 2)]),
    )


def _period(query: CostQuery, deliveries: Sequence[CountedDelivery]) -> Statement:
    if query.granularity == Granularity.DAILY:
        return Statement.of("f.day")
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


def _tables(query: CostQuery, ids: Sequence[int], table: FactTable) -> Statement:
    """Return the table as f, with its cost keys as k, tag sets as t and resources as r."""
    found = [Statement.of("{} f", sql.Identifier(table.name))]
    if "cost_key" in table.column_names:
        name = sql.Identifier(COST_KEY.name)
        # Named once more, so that the partitions of other deliveries are not read.
        found.append(
            Statement.of(
                "JOIN {} k ON k.delivery_id = f.delivery_id AND k.cost_key = f.cost_key"
                " AND k.delivery_id = ANY(%s::bigint[])",
                name,
                params=(list(ids),),
            )
        )
    if query.needs_tags:
        found.append(
            Statement.of(
                "JOIN ({}) t ON t.delivery_id = f.delivery_id AND t.tag_set = {}.tag_set",
                _tag_values(query, ids),
                _keys(table),
            )
        )
    if any(dimension.source is Source.RESOURCE for dimension in query.groups):
        name = sql.Identifier(RESOURCE.name)
        found.append(
            Statement.of(
                "LEFT JOIN {} r ON r.delivery_id = f.delivery_id AND r.resource = f.resource"
                " AND r.delivery_id = ANY(%s::bigint[])",
                name,
                params=(list(ids),),
            )
        )
    return Statement.joined(" ", found)


def _tag_values(query: CostQuery, ids: Sequence[int]) -> Statement:
    """Return what the tag sets hold under the keys asked for: read once for each set.

    OFFSET 0 keeps PostgreSQL from reading it once for each cost instead.
    """
    values = [
        Statement.of(
            ", coalesce({} ->> %s, '')",
            sql.Identifier(dimension.source.value),
            params=(dimension.key,),
        )
        for dimension in _in_tag_sets(query)
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


def _in_tag_sets(query: CostQuery) -> list[Dimension]:
    """Return the tags and cost categories that the query names, each once."""
    named = [*query.groups, *(Dimension.named(one.dimension) for one in query.filters)]
    return list(dict.fromkeys(one for one in named if one.source in TAG_SOURCES))


def _keys(table: FactTable) -> sql.Composable:
    """Return the alias under which the dimensions of a table's rows are found."""
    return sql.SQL("k") if "cost_key" in table.column_names else sql.SQL("f")


def _value(dimension: Dimension, query: CostQuery, table: FactTable) -> Statement:
    """Return the expression of a dimension's value, which is '' where a cost has none."""
    if dimension.source is Source.COST_KEY:
        return Statement.of("{}.{}", _keys(table), sql.Identifier(dimension.key))
    if dimension.source is Source.RESOURCE:
        return Statement.of("coalesce(r.resource_id, '')")
    index = _in_tag_sets(query).index(dimension)
    return Statement.of("t.{}", sql.Identifier(f"v{index}"))


def _days(query: CostQuery, table: FactTable) -> Iterator[Statement]:
    if "day" in table.column_names:
        yield Statement.of("f.day >= %s AND f.day < %s", params=(query.start, query.end))


def _who(
    counted: Counted, ids: Sequence[int], currency: str, table: FactTable
) -> Iterator[Statement]:
    """Return what keeps the rows of the connected accounts, each counted once."""
    keys = _keys(table)
    yield Statement.of("{}.account_id = ANY(%s::text[])", keys, params=(list(counted.accounts),))
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
    one: CostFilter, query: CostQuery, ids: Sequence[int], table: FactTable
) -> Statement:
    dimension = Dimension.named(one.dimension)
    values = list(one.values)
    if dimension.source is Source.RESOURCE:
        found = _of_resources(values, ids)
        return Statement.of("NOT {}", found) if one.is_negated else found
    value = _value(dimension, query, table)
    if one.is_negated:
        return Statement.of("{} <> ALL(%s::text[])", value, params=(values,))
    return Statement.of("{} = ANY(%s::text[])", value, params=(values,))


def _of_resources(values: Sequence[str], ids: Sequence[int]) -> Statement:
    """Return the condition that a row's resource is one of these, as billed or as joined."""
    joined = sorted({normalised_id(value) for value in values if value})
    found = Statement.of(
        "(f.delivery_id, f.resource) IN (SELECT delivery_id, resource FROM {}"
        " WHERE delivery_id = ANY(%s::bigint[]) AND cost_id = ANY(%s::text[])"
        " AND (resource_id = ANY(%s::text[]) OR cost_id = ANY(%s::text[])))",
        sql.Identifier(RESOURCE.name),
        params=(list(ids), joined, list(values), list(values)),
    )
    return Statement.of("({} OR f.resource = 0)", found) if "" in values else found
