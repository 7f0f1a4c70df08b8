"""Which part of a shared center's costs each other center bears, month by month. Reads only."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from django.db import connection

from billing.allocation.derivation import Allocation
from billing.allocation.weights import weights
from billing.cost_query import CostQuery, Granularity
from billing.cost_sql import cost_statement
from billing.cost_terms import EARLIEST, LATEST
from billing.counted import Counted, counted
from billing.derivation import Part
from billing.dimensions import COST_CENTER

Shares = Mapping[str, Decimal]


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
    """Return the bearers' shares by month. Takes four queries."""
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
    amounts: dict[date, dict[str, Decimal]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        for month, code, amount, _, _ in cursor.fetchall():
            if code in allocation.bearers:
                amounts.setdefault(month, {})[code] = amount
    return {month: weights(found) for month, found in amounts.items()}
