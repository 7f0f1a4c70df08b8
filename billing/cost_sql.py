"""From a cost query and what counts to one SQL statement.

A delivery whose days are all asked for is read from the table that holds it summed; of the others
the days are read. Amounts stay exact decimals. Names in the statement are the house's own,
everything else is a parameter.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from psycopg import sql

from billing.cost_query import CostQuery
from billing.cost_split import CostSplit, split_statement
from billing.cost_tables import ONE_DIMENSION_EACH, Reading, sources
from billing.cost_terms import EARLIEST, LATEST, CostFilter, Granularity
from billing.counted import Counted, CountedDelivery
from billing.derivation import Derivation
from billing.dimensions import Dimension, Source
from billing.facts import (
    COST_KEY,
    DAILY_COST,
    RESOURCE,
    TAG_SET,
    FactTable,
)
from billing.statement import Statement
from connections.resource_costs import normalised_id

_SPECIAL = re.compile(r"[\\%_]")  # to LIKE


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
    named = {*query.group_by, *(one.dimension for one in query.filters)}
    split = next((name for name in sorted(named & set(derived)) if derived[name].parts), None)
    if split is None:
        return _unsplit(Reading(query, derived, query.groups, query.filters), counted, currency)
    return split_statement(
        query,
        CostSplit(split, derived[split].parts),
        lambda groups, filters: _unsplit(
            Reading(query, derived, groups, filters, by_delivery=True), counted, currency
        ),
        _holds,
    )


def _unsplit(reading: Reading, counted: Counted, currency: str) -> Statement:
    found = list(sources(reading, counted.deliveries))
    # Of a single table, whoever reads the parts sums them up: twice would be once too often.
    is_summed = len(found) > 1 or reading.by_delivery
    return Statement.joined(
        " UNION ALL ",
        (
            _part(how, counted, currency, table, deliveries, is_summed=is_summed)
            for how, table, deliveries in found
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
    reading, ids = Reading(query, derived, (), query.filters), [delivery.id]
    conditions = [
        Statement.of("f.delivery_id = %s", params=ids),
        *_days(query, DAILY_COST),
        *_who(counted, [delivery], query.currency, DAILY_COST),
        *(
            _of_resources(one, ids)
            if _is_of_resources(one)
            else _holds(_value(Dimension.named(one.dimension), reading, DAILY_COST), one)
            for one in query.filters
        ),
    ]
    return Statement.of(
        "SELECT {}, {} FROM {} JOIN {} s ON s.tag_set = k.tag_set AND {}"
        " LEFT JOIN {} x ON x.resource = f.resource AND {} WHERE {}",
        Statement.of("%s::date", params=(delivery.billing_period,)),
        sql.SQL(", ").join([sql.SQL(column) for column in columns]),
        Statement.joined(" ", [_facts(DAILY_COST, ids), *_joined(reading, ids, DAILY_COST)]),
        sql.Identifier(TAG_SET.name),
        Statement.of("s.delivery_id = %s", params=ids),
        sql.Identifier(RESOURCE.name),
        Statement.of("x.delivery_id = %s", params=ids),
        Statement.joined(" AND ", conditions),
    )


def _part(
    reading: Reading,
    counted: Counted,
    currency: str,
    table: FactTable,
    deliveries: Sequence[CountedDelivery],
    *,
    is_summed: bool,
) -> Statement:
    """Return the statement that reads one table."""
    query = reading.query
    ids = [delivery.id for delivery in deliveries]
    who = list(_who(counted, deliveries, currency, table))
    facts = _facts(table, ids, with_keys=bool(who) or reading.has_keys)
    conditions = [
        Statement.of("f.delivery_id = ANY(%s::bigint[])", params=(ids,)),
        *_days(query, table),
        *_dimension(reading, table),
        *who,
        *(_of_resources(one, ids) for one in reading.filters if _is_of_resources(one)),
    ]
    if reading.derived_named and "cost_key" in table.column_names and not reading.has_resources:
        facts, table = _derived_by_key(reading, table, ids)
    elif reading.is_worth_summing(table):
        facts, table = _narrowed(reading, table, facts, conditions)
        conditions = [Statement.of("true")]
    conditions += [
        _holds(_value(Dimension.named(one.dimension), reading, table), one)
        for one in reading.filters
        if not _is_of_resources(one)
    ]
    columns = [
        Statement.of(", {} AS {}", _value(one, reading, table), sql.Identifier(f"g{index}"))
        for index, one in enumerate(reading.groups)
    ]
    if reading.by_delivery:
        columns.append(Statement.of(", f.delivery_id"))
    amount = sql.SQL("f.{}").format(sql.Identifier(query.metric.value))
    part = Statement.of(
        "SELECT {} AS period{}, {} AS amount FROM {} WHERE {}",
        _period(query, deliveries),
        Statement.joined("", columns),
        sql.SQL("sum({})").format(amount) if is_summed else amount,
        Statement.joined(" ", [facts, *_joined(reading, ids, table)]),
        Statement.joined(" AND ", conditions),
    )
    if not is_summed:
        return part
    numbers = [sql.Literal(number) for number in range(1, len(columns) + 2)]
    return Statement.of("{} GROUP BY {}", part, sql.SQL(", ").join(numbers))


def _narrowed(
    reading: Reading, table: FactTable, facts: Statement, conditions: Sequence[Statement]
) -> tuple[Statement, FactTable]:
    """Return the facts, as f, summed by the columns that are needed, and what they hold.

    So a value is derived once for each combination of its inputs, not once for each cost.
    """
    own = ["delivery_id", *(["day"] if reading.is_by_day else [])]
    own += ["resource"] if reading.has_resources else []
    keys = sorted({one.key for one in reading.stored if one.source is Source.COST_KEY})
    keys += ["tag_set"] if reading.in_tag_sets else []
    columns = [
        *(sql.SQL("f.{}").format(sql.Identifier(name)) for name in own),
        *(sql.SQL("{}.{}").format(_keys(table), sql.Identifier(name)) for name in keys),
    ]
    metric = sql.Identifier(reading.query.metric.value)
    summed = Statement.of(
        "(SELECT {}, sum(f.{}) AS {} FROM {} WHERE {} GROUP BY {}) f",
        sql.SQL(", ").join(columns),
        metric,
        metric,
        facts,
        Statement.joined(" AND ", conditions),
        sql.SQL(", ").join(columns),
    )
    return summed, FactTable("narrowed", (*own, *keys))


def _derived_by_key(
    reading: Reading, table: FactTable, ids: Sequence[int]
) -> tuple[Statement, FactTable]:
    """Return the table as f with its cost keys as k, which also hold what is derived.

    So a value is derived once for each cost key, not once for each cost (hence OFFSET 0), and the
    costs of some values are found without reading the others.
    """
    names = [_derived_name(reading, one) for one in reading.derived_named]
    facts = Statement.of(
        "{} f JOIN ({} OFFSET 0) k ON k.delivery_id = f.delivery_id AND k.cost_key = f.cost_key",
        sql.Identifier(table.name),
        _keys_with_derived(reading, ids),
    )
    return facts, FactTable(table.name, (*table.columns, *names))


def keys_by(dimension: str, derived: Mapping[str, Derivation], delivery_id: int) -> Statement:
    """Return the statement that selects every cost key of a delivery, and as `value` what the
    derived dimension is of it.
    """
    query = CostQuery(EARLIEST, LATEST, group_by=(dimension,))
    reading = Reading(query, derived, query.groups, ())
    return Statement.of(
        "SELECT k.*, k.{} AS value FROM ({}) k",
        sql.Identifier(_derived_name(reading, *query.groups)),
        _keys_with_derived(reading, [delivery_id]),
    )


def _keys_with_derived(reading: Reading, ids: Sequence[int]) -> Statement:
    """Return the statement that selects cost keys with a column for all that is derived."""
    values = [
        Statement.of(
            "{} AS {}",
            _value(one, reading, COST_KEY),
            sql.Identifier(_derived_name(reading, one)),
        )
        for one in reading.derived_named
    ]
    keys = Statement.of("{} k", sql.Identifier(COST_KEY.name))
    if reading.in_tag_sets:
        keys = Statement.of(
            "{} JOIN ({}) t ON t.delivery_id = k.delivery_id AND t.tag_set = k.tag_set",
            keys,
            _tag_values(reading, ids),
        )
    return Statement.of(
        "SELECT k.*, {} FROM {} WHERE k.delivery_id = ANY(%s::bigint[])",
        Statement.joined(", ", values),
        keys,
        params=(list(ids),),
    )


def _derived_name(reading: Reading, dimension: Dimension) -> str:
    """Return the column of a cost key that holds what is derived; '' for what is only an input."""
    if dimension not in reading.derived_named:
        return ""
    return f"derived_{reading.derived_named.index(dimension)}"


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


def _facts(table: FactTable, ids: Sequence[int], *, with_keys: bool = True) -> Statement:
    """Return the table as f, with its cost keys as k where it has and needs them."""
    if "cost_key" not in table.column_names or not with_keys:
        return Statement.of("{} f", sql.Identifier(table.name))
    # Named once more, so that the partitions of other deliveries are not read.
    return Statement.of(
        "{} f JOIN {} k ON k.delivery_id = f.delivery_id AND k.cost_key = f.cost_key"
        " AND k.delivery_id = ANY(%s::bigint[])",
        sql.Identifier(table.name),
        sql.Identifier(COST_KEY.name),
        params=(list(ids),),
    )


def _joined(reading: Reading, ids: Sequence[int], table: FactTable) -> Iterator[Statement]:
    """Yield what is joined to the facts: tag sets as t, resources as r."""
    if reading.in_tag_sets and table not in ONE_DIMENSION_EACH:
        yield Statement.of(
            "JOIN ({}) t ON t.delivery_id = f.delivery_id AND t.tag_set = {}.tag_set",
            _tag_values(reading, ids),
            _keys(table),
        )
    if reading.shows_resources:
        yield Statement.of(
            "LEFT JOIN {} r ON r.delivery_id = f.delivery_id AND r.resource = f.resource"
            " AND r.delivery_id = ANY(%s::bigint[])",
            sql.Identifier(RESOURCE.name),
            params=(list(ids),),
        )


def _tag_values(reading: Reading, ids: Sequence[int]) -> Statement:
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


def _value(dimension: Dimension, reading: Reading, table: FactTable) -> Statement:
    """Return the expression of a dimension's value, which is '' where a cost has none."""
    if table in ONE_DIMENSION_EACH and reading.stored_as(dimension) == reading.dimension_in[table]:
        return Statement.of("f.value")
    if dimension.source is Source.COST_KEY:
        return Statement.of("{}.{}", _keys(table), sql.Identifier(dimension.key))
    if dimension.source is Source.RESOURCE:
        return Statement.of("coalesce(r.resource_id, '')")
    if dimension.source is Source.DERIVED:
        name = _derived_name(reading, dimension)
        if name in table.column_names:
            return Statement.of("k.{}", sql.Identifier(name))
        derivation = reading.derived[dimension.name]
        return derivation.expression(
            {name: _value(Dimension.named(name), reading, table) for name in derivation.inputs}
        )
    index = reading.in_tag_sets.index(dimension)
    return Statement.of("t.{}", sql.Identifier(f"v{index}"))


def _days(query: CostQuery, table: FactTable) -> Iterator[Statement]:
    if "day" in table.column_names:
        yield Statement.of("f.day >= %s AND f.day < %s", params=(query.start, query.end))


def _dimension(reading: Reading, table: FactTable) -> Iterator[Statement]:
    if table in ONE_DIMENSION_EACH:
        yield Statement.of("f.dimension = %s", params=(reading.dimension_in[table],))


def _who(
    counted: Counted,
    deliveries: Sequence[CountedDelivery],
    currency: str | None,
    table: FactTable,
) -> Iterator[Statement]:
    """Return what keeps the rows of the connected accounts, each counted once."""
    keys, is_complete = _keys(table), all(one.is_complete for one in deliveries)
    if currency is not None and not (is_complete and counted.currencies == (currency,)):
        yield Statement.of("{}.currency = %s", keys, params=(currency,))
    if is_complete:
        return
    ids = [one.id for one in deliveries]
    yield Statement.of("{}.account_id = ANY(%s::text[])", keys, params=(list(counted.accounts),))
    elsewhere = [one for one in counted.elsewhere if one.delivery_id in ids]
    if elsewhere:
        yield Statement.of(
            "(f.delivery_id, {}.account_id, {}.payer_account_id) NOT IN"
            " (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[]))",
            keys,
            keys,
            params=[list(column) for column in zip(*elsewhere, strict=True)],
        )


def _is_of_resources(one: CostFilter) -> bool:
    return Dimension.named(one.dimension).source is Source.RESOURCE


def _holds(value: Statement, one: CostFilter) -> Statement:
    """Return the condition that the value is, contains or is not what the filter says."""
    if one.is_part:
        found = Statement.of("{} ILIKE ANY(%s::text[])", value, params=(_patterns(one),))
    else:
        found = Statement.of("{} = ANY(%s::text[])", value, params=(list(one.values),))
    return Statement.of("NOT ({})", found) if one.is_negated else found


def _patterns(one: CostFilter) -> list[str]:
    """Return the values as patterns that match them anywhere, and nothing else."""
    return ["%" + _SPECIAL.sub(r"\\\g<0>", value) + "%" for value in one.values]


def _of_resources(one: CostFilter, ids: Sequence[int]) -> Statement:
    """Return the condition that a row's resource is (not) one of these, as billed or as joined."""
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
    if "" in one.values:
        found = Statement.of("({} OR f.resource = 0)", found)
    return Statement.of("NOT ({})", found) if one.is_negated else found
