"""Which part of a shared center's costs each other center bears, month by month. Reads only."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from django.core.cache import cache
from django.db import connection

from billing.allocation.derivation import Allocation
from billing.allocation.weights import weights
from billing.cost_query import CostQuery, Granularity
from billing.cost_sql import cost_statement
from billing.cost_terms import EARLIEST, LATEST
from billing.counted import Counted, counted
from billing.derivation import Part
from billing.dimensions import COST_CENTER
from billing.statement import Statement

Shares = Mapping[str, Decimal]
Amounts = dict[date, dict[str, Decimal]]
_KEPT_SECONDS = 600


def with_parts(
    allocation: Allocation, query: CostQuery, what: Counted, currency: str
) -> Allocation:
    """Return the allocation with the parts by which the query's costs are split.

    A center that is split in proportion is split, in each billing month, as the other centers' own
    costs of that whole month stand, in the query's measure and currency: whatever else the query
    asks for. Where no other center has costs in a month, it keeps its own.
    """
    if not allocation.splits:
        return allocation
    by_month: Mapping[date, Shares] = {}
    if allocation.proportional:
        by_month = _proportions(query, what, currency, allocation)
    return replace(allocation, parts=tuple(_parts(what, allocation, by_month)))


def _parts(
    what: Counted, allocation: Allocation, by_month: Mapping[date, Shares]
) -> Iterator[Part]:
    for delivery in what.deliveries:
        sources = dict(allocation.fixed) | {
            code: by_month.get(delivery.billing_period, {}) for code in allocation.proportional
        }
        for source, shares in sources.items():
            for target, weight in shares.items():
                yield Part(delivery.id, source, target, weight)


def _proportions(
    query: CostQuery,
    what: Counted,
    currency: str,
    allocation: Allocation,
) -> dict[date, Shares]:
    """Return the bearers' shares by month. Pages ask several times: it is kept."""
    months = {one.billing_period for one in what.deliveries}
    whole = counted(what.organization, EARLIEST, LATEST)
    whole = replace(
        whole, deliveries=tuple(one for one in whole.deliveries if one.billing_period in months)
    )
    own = CostQuery(
        EARLIEST,
        LATEST,
        granularity=Granularity.MONTHLY,
        metric=query.metric,
        group_by=(COST_CENTER,),
    )
    statement = cost_statement(own, whole, currency, {COST_CENTER: allocation}, limit=None)
    key = _key(statement)
    amounts: Amounts | None = cache.get(key)
    if amounts is None:
        amounts = _asked(statement)
        cache.set(key, amounts, _KEPT_SECONDS)
    return {
        month: weights({code: found.get(code, Decimal(0)) for code in allocation.bearers})
        for month, found in amounts.items()
    }


def _asked(statement: Statement) -> Amounts:
    amounts: Amounts = {}
    with connection.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        for month, code, amount, _, _ in cursor.fetchall():
            amounts.setdefault(month, {})[code] = amount
    return amounts


def _key(statement: Statement) -> str:
    """Return what the answer is kept under: the whole question.

    It names the deliveries, whose costs never change, the accounts, the rules and the measure; so
    an answer that is kept is always the right one.
    """
    text = f"{statement.text.as_string(None)}{statement.params!r}"
    return f"allocation-shares:{hashlib.sha256(text.encode()).hexdigest()}"
