"""Sums over whole billing periods, from the table that holds each delivery summed by month."""

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

from django.db import connection as database
from psycopg import sql

from billing.counted import Counted
from billing.facts import MONTH_COST, FactTable


def counting(
    what: Counted,
    currency: str,
    table: FactTable = MONTH_COST,
    deliveries: Sequence[int] | None = None,
) -> tuple[sql.Composed, list[Any]]:
    """Return `table AS f` with the condition that keeps what counts, and its parameters.

    Kept are the rows of the connected accounts in the currency, each account from one bill only.
    The table must have the account, its payer and the currency as columns. `deliveries` names
    others to read than those that count.
    """
    ids = what.delivery_ids if deliveries is None else list(deliveries)
    columns = list(zip(*what.elsewhere, strict=True)) or [(), (), ()]
    text = sql.SQL(
        "{} AS f WHERE f.delivery_id = ANY(%s::bigint[]) AND f.account_id = ANY(%s::text[])"
        " AND f.currency = %s AND (f.delivery_id, f.account_id, f.payer_account_id) NOT IN"
        " (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[]))"
    ).format(sql.Identifier(table.name))
    params: list[Any] = [ids, list(what.accounts), currency]
    return text, [*params, *(list(column) for column in columns)]


def month_rows(
    what: Counted,
    currency: str | None,
    columns: Iterable[str],
    measures: Iterable[str],
    *,
    having: LiteralString = "",
    params: Iterable[Any] = (),
    table: FactTable = MONTH_COST,
    deliveries: Sequence[int] | None = None,
) -> list[tuple[Any, ...]]:
    """Return the sums of the measures by delivery and columns: (delivery id, values…, sums…).

    `having` is a further condition on `f`, beginning with AND, `params` are its parameters.
    """
    if currency is None or not what.deliveries or deliveries == []:
        return []
    source, given = counting(what, currency, table, deliveries)
    names = [sql.SQL("f.{}").format(sql.Identifier(name)) for name in ("delivery_id", *columns)]
    sums = [sql.SQL("sum(f.{})").format(sql.Identifier(name)) for name in measures]
    statement = sql.SQL("SELECT {} FROM {} {} GROUP BY {}").format(
        sql.SQL(", ").join([*names, *sums]),
        source,
        sql.SQL(having),
        sql.SQL(", ").join(names),
    )
    with database.cursor() as cursor:
        cursor.execute(statement, [*given, *params])
        return list(cursor.fetchall())
