"""Two ranges side by side in one statement, so that both are seen at one moment."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import connection as database
from psycopg import sql

from billing.cost_query import CostFilter, CostQuery
from billing.cost_sql import cost_statement
from billing.counted import Counted
from billing.derived import derivations
from billing.dimensions import RESOURCE
from billing.statement import Statement

Row = tuple[tuple[str, ...], Decimal, Decimal]
_SIDE = "SELECT {}, amount FROM ({}) cost"
_NOTHING = "SELECT {}, 0::numeric AS amount WHERE false"


def compared(
    now: CostQuery,
    before: CostQuery,
    what: Counted,
    currency: str | None,
    *,
    limit: int | None = None,
) -> list[Row]:
    """Return (values, amount before, amount now) of each group, the largest difference first."""
    if currency is None:
        return []
    names = _names(len(now.group_by))
    statement = Statement.of(
        "SELECT {}, coalesce(b.amount, 0) AS before, coalesce(a.amount, 0) AS now"
        " FROM ({}) a FULL JOIN ({}) b USING ({})"
        " ORDER BY abs(coalesce(a.amount, 0) - coalesce(b.amount, 0)) DESC, {}",
        _list(names),
        _side(now, what, currency),
        _side(before, what, currency),
        _list(names),
        _list(names),
    )
    if limit is not None:
        statement = Statement.of("{} LIMIT %s", statement, params=(limit,))
    return [(tuple(row[:-2]), row[-2], row[-1]) for row in _fetched(statement)]


def resources_behind(
    now: CostQuery,
    before: CostQuery,
    what: Counted,
    currency: str | None,
    *,
    groups: Sequence[tuple[str, ...]],
    count: int,
) -> dict[tuple[str, ...], list[tuple[str, Decimal, Decimal]]]:
    """Return for each group the resources that differ most: (id, before, now), `count` of each.

    The id '' stands for the cost that belongs to no resource.
    """
    if currency is None or not groups:
        return {}
    dimensions = now.group_by
    named = [
        CostFilter(dimension, values=tuple({values[n] for values in groups}))
        for n, dimension in enumerate(dimensions)
    ]
    names = _names(len(dimensions) + 1)
    resource = names[-1]
    statement = Statement.of(
        "SELECT {}, before, now FROM (SELECT {}, before, now, row_number() OVER"
        " (PARTITION BY {} ORDER BY abs(now - before) DESC, {}) AS place FROM ("
        "SELECT {}, coalesce(b.amount, 0) AS before, coalesce(a.amount, 0) AS now"
        " FROM ({}) a FULL JOIN ({}) b USING ({})) sides WHERE now <> before) ranked"
        " WHERE place <= %s ORDER BY place",
        _list(names),
        _list(names),
        _list(names[:-1]),
        resource,
        _list(names),
        _side(_by_resource(now, named), what, currency),
        _side(_by_resource(before, named), what, currency),
        _list(names),
        params=(count,),
    )
    found: dict[tuple[str, ...], list[tuple[str, Decimal, Decimal]]] = {}
    for *values, resource_id, amount_before, amount_now in _fetched(statement):
        found.setdefault(tuple(values), []).append((resource_id, amount_before, amount_now))
    return {group: found[group] for group in groups if group in found}


def _by_resource(query: CostQuery, filters: Iterable[CostFilter]) -> CostQuery:
    """Return the query by resource too, of these groups only.

    A filter of the same dimension that the query has already names a subset: it stays alone.
    """
    kept = list(query.filters)
    taken = {one.dimension for one in kept if not one.is_negated}
    kept += [one for one in filters if one.dimension not in taken]
    return replace(query, group_by=(*query.group_by, RESOURCE), filters=tuple(kept))


def _side(query: CostQuery, what: Counted, currency: str) -> Statement:
    """Return one range's costs as (g0, g1, …, amount); nothing where it has no delivery."""
    names = _names(len(query.group_by))
    found = what.touching(query.start, query.end)
    if not found.deliveries:
        columns = sql.SQL(", ").join([sql.SQL("''::text AS {}").format(name) for name in names])
        return Statement.of(_NOTHING, columns)
    derived = derivations(query, found, currency)
    costs = cost_statement(query, found, currency, derived, limit=None)
    return Statement.of(_SIDE, _list(names), costs)


def _names(count: int) -> list[sql.Identifier]:
    return [sql.Identifier(f"g{number}") for number in range(count)]


def _list(names: Iterable[sql.Identifier]) -> sql.Composed:
    return sql.SQL(", ").join(list(names))


def _fetched(statement: Statement) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        return list(cursor.fetchall())
