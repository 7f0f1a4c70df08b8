"""Groups of costs in an order, a page of them at a time, beside what they cost before. Reads only.

PostgreSQL sums, compares, sorts and cuts, so that a page costs the same whatever there are groups.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import Any, LiteralString

from django.db import connection
from psycopg import sql

from billing import charts
from billing.cost_query import CostQuery
from billing.cost_sql import cost_parts
from billing.counted import Counted
from billing.derived import derivations
from billing.statement import Statement

_FETCHED = 2000
_NOW = sql.SQL("amount AS now, 0::numeric AS before")
_BEFORE = sql.SQL("0::numeric AS now, amount AS before")
_KEYS: Mapping[str, LiteralString] = {
    "amount": "amount",
    "previous": "previous",
    "change": "amount - previous",
    "percent": "(amount - previous) / nullif(abs(previous), 0)",
}


@dataclass(frozen=True)
class Order:
    """By `amount`, `previous`, `change`, `percent`, or the `name` of the group-by number `group`.

    `names` are the readable ones, {value: name}; a value without one sorts by itself.
    """

    by: str = "amount"
    is_descending: bool = True
    group: int = 0
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ranked:
    """One group: its values in the order of the group-by, what it cost and what it cost before."""

    values: tuple[str, ...]
    amount: Decimal
    previous: Decimal


@dataclass(frozen=True)
class Ranking:
    """A page of the groups in order.

    rows            those on the page
    leading         the biggest amounts of all, credits too: what a chart shows by name
    total           of all groups, also of those on other pages; previous_total likewise
    row_count       how many groups there are
    """

    rows: list[Ranked]
    leading: list[Ranked]
    total: Decimal
    previous_total: Decimal
    row_count: int


_NOTHING = Ranking([], [], Decimal(0), Decimal(0), 0)


def ranking(
    query: CostQuery,
    previous: CostQuery | None,
    what: Counted,
    currency: str | None,
    order: Order,
    *,
    first: int,
    count: int,
) -> Ranking:
    """Return `count` groups from the one numbered `first` (0 is the first) on, in one database
    query beside those of the derivations.

    `query` and `previous` ask for totals of the same groups; `what` must hold the days of both.
    """
    statement = _statement(query, previous, what, currency, order)
    if statement is None:
        return _NOTHING
    cut = Statement.of(
        "SELECT * FROM ({}) ranked WHERE (place > %s AND place <= %s) OR standing <= %s"
        " ORDER BY place",
        statement,
        params=(first, first + count, charts.SLOTS),
    )
    with connection.cursor() as cursor:
        cursor.execute(cut.text, cut.params)
        found = cursor.fetchall()
    if not found:
        return _NOTHING
    total, previous_total, row_count = found[0][-5:-2]
    return Ranking(
        rows=[_ranked(one) for one in found if first < one[-2] <= first + count],
        leading=[
            _ranked(one)
            for one in sorted(found, key=lambda one: int(one[-1]))
            if one[-1] <= charts.SLOTS
        ],
        total=total,
        previous_total=previous_total,
        row_count=row_count,
    )


def streamed(
    query: CostQuery,
    previous: CostQuery | None,
    what: Counted,
    currency: str | None,
    order: Order,
) -> tuple[Ranking, Iterator[Ranked]]:
    """Return the sums of all groups, and then every group in order, in constant memory."""
    records = _records(_statement(query, previous, what, currency, order))
    first = next(records, None)
    if first is None:
        return _NOTHING, iter(())
    total, previous_total, row_count = first[-5:-2]
    return (
        Ranking([], [], total, previous_total, row_count),
        (_ranked(record) for record in chain([first], records)),
    )


def _records(statement: Statement | None) -> Iterator[tuple[Any, ...]]:
    if statement is None:
        return
    ordered = Statement.of("SELECT * FROM ({}) ranked ORDER BY place", statement)
    with connection.chunked_cursor() as cursor:
        cursor.execute(ordered.text, ordered.params)
        while records := cursor.fetchmany(_FETCHED):
            yield from records


def _ranked(record: tuple[Any, ...]) -> Ranked:
    *values, amount, previous, _, _, _, _, _ = record
    return Ranked(tuple(values), amount, previous)


def _statement(
    query: CostQuery,
    previous: CostQuery | None,
    what: Counted,
    currency: str | None,
    order: Order,
) -> Statement | None:
    """Return the statement whose rows are (group values…, amount, previous, total, previous
    total, row count, place in the order, standing by size); None where nothing was delivered.
    """
    derived = derivations(query, what, currency)
    sides = []
    for asked, columns in ((query, _NOW), (previous, _BEFORE)):
        touching = what.touching(asked.start, asked.end) if asked else None
        if asked and touching and touching.deliveries and currency:
            parts = cost_parts(asked, touching, currency, derived)
            sides.append(
                Statement.of("SELECT {}{} FROM ({}) parts", _groups(query), columns, parts)
            )
    if not sides:
        return None
    groups = _groups(query)
    return Statement.of(
        "SELECT {}amount, previous, sum(amount) OVER () AS total,"
        " sum(previous) OVER () AS previous_total, count(*) OVER () AS row_count,"
        " row_number() OVER (ORDER BY {}{}) AS place,"
        " row_number() OVER (ORDER BY abs(amount) DESC{}) AS standing"
        " FROM (SELECT {}sum(now) AS amount, sum(before) AS previous FROM ({}) sides"
        " GROUP BY {} HAVING count(*) > 0) summed",
        groups,
        _sort_key(order),
        _then_by_groups(query),
        _then_by_groups(query),
        groups,
        Statement.joined(" UNION ALL ", sides),
        _grouping(query),
    )


def _sort_key(order: Order) -> Statement:
    direction = sql.SQL("DESC NULLS LAST" if order.is_descending else "ASC NULLS LAST")
    if order.by != "name":
        return Statement.of("{} {}", sql.SQL(_KEYS[order.by]), direction)
    group = sql.Identifier(f"g{order.group}")
    names = Statement.of("%s::jsonb", params=(json.dumps(dict(order.names)),))
    readable = Statement.of("coalesce(nullif({} ->> {}, ''), {})", names, group, group)
    return Statement.of('lower({}) COLLATE "C" {}', readable, direction)


def _names(query: CostQuery) -> list[sql.Identifier]:
    return [sql.Identifier(f"g{index}") for index in range(len(query.group_by))]


def _groups(query: CostQuery) -> sql.Composable:
    return sql.SQL("").join([sql.SQL("{}, ").format(name) for name in _names(query)])


def _grouping(query: CostQuery) -> sql.Composable:
    return sql.SQL("()") if not query.group_by else sql.SQL(", ").join(_names(query))


def _then_by_groups(query: CostQuery) -> sql.Composable:
    return sql.SQL("").join([sql.SQL(', {} COLLATE "C"').format(name) for name in _names(query)])
