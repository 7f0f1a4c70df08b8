"""Two ranges side by side in one statement, so that both are seen at one moment."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import connection as database
from psycopg import sql

from billing.cost_query import CostFilter, CostQuery
from billing.cost_sql import cost_parts
from billing.counted import Counted
from billing.derived import derivations
from billing.dimensions import RESOURCE
from billing.statement import Statement

Row = tuple[tuple[str, ...], Decimal, Decimal]
_NOW = sql.SQL("amount AS now, 0::numeric AS before")
_BEFORE = sql.SQL("0::numeric AS now, amount AS before")


def compared(
    now: CostQuery,
    before: CostQuery,
    what: Counted,
    currency: str | None,
    *,
    limit: int | None = None,
) -> list[Row]:
    """Return (values, amount before, amount now) of each group, the largest difference first."""
    sides = _sides(now, before, what, currency)
    if sides is None:
        return []
    statement = Statement.of(
        "SELECT * FROM ({}) sides ORDER BY abs(now - before) DESC, {}",
        sides,
        _list(_names(len(now.group_by))),
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
    if not groups:
        return {}
    dimensions = now.group_by
    named = [
        CostFilter(dimension, values=tuple({values[n] for values in groups}))
        for n, dimension in enumerate(dimensions)
    ]
    sides = _sides(_by_resource(now, named), _by_resource(before, named), what, currency)
    if sides is None:
        return {}
    names = _names(len(dimensions) + 1)
    statement = Statement.of(
        "SELECT {}, before, now FROM (SELECT *, row_number() OVER"
        " (PARTITION BY {} ORDER BY abs(now - before) DESC, {}) AS place"
        " FROM ({}) sides WHERE now <> before) ranked"
        " WHERE place <= %s ORDER BY place",
        _list(names),
        _list(names[:-1]),
        names[-1],
        sides,
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


def _sides(
    now: CostQuery, before: CostQuery, what: Counted, currency: str | None
) -> Statement | None:
    """Return both ranges' costs as (g0, g1, …, before, now); None where neither has a delivery."""
    names = _list(_names(len(now.group_by)))
    sides = []
    for query, columns in ((now, _NOW), (before, _BEFORE)):
        found = what.touching(query.start, query.end)
        if found.deliveries and currency is not None:
            derived = derivations(query, found, currency)
            parts = cost_parts(query, found, currency, derived)
            sides.append(Statement.of("SELECT {}, {} FROM ({}) parts", names, columns, parts))
    if not sides:
        return None
    return Statement.of(
        "SELECT {}, sum(before) AS before, sum(now) AS now FROM ({}) both_sides GROUP BY {}",
        names,
        Statement.joined(" UNION ALL ", sides),
        names,
    )


def _names(count: int) -> list[sql.Identifier]:
    return [sql.Identifier(f"g{number}") for number in range(count)]


def _list(names: Iterable[sql.Identifier]) -> sql.Composed:
    return sql.SQL(", ").join(list(names))


def _fetched(statement: Statement) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        return list(cursor.fetchall())
