"""What a budget's periods came to, and where the present one leads. Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from django.http import QueryDict

from billing.budgets.forecast import forecast
from billing.budgets.models import Budget, BudgetPeriod
from billing.budgets.periods import HISTORY, Period, period_of
from billing.cost_query import CostQuery, CostQueryError, Granularity
from billing.cost_terms import EARLIEST, LATEST
from billing.counted import Counted
from billing.dimensions import Dimension, Source
from billing.exact import added
from billing.forecast import Charge
from billing.freshness import data_through, is_final, lately
from billing.measures import Measure
from billing.periods import month_start
from billing.reports import CostRow, answer, check_accounts

_Days = dict[date, Decimal]


@dataclass(frozen=True)
class Figures:
    """What one period came to. `data_from` is the first day of the bills at all."""

    period: Period
    actual: Decimal
    forecast: Decimal | None
    data_from: date
    data_through: date | None
    is_final: bool


def query_of(budget: Budget, start: date, end: date) -> CostQuery:
    """Return the question for a budget's costs by day. Raises CostQueryError."""
    filters = QueryDict(budget.filters, mutable=True)
    filters["from"], filters["to"] = start.isoformat(), end.isoformat()
    filters["granularity"] = Granularity.DAILY.value
    filters["metric"] = Measure(budget.metric).value
    filters["currency"] = budget.currency
    return CostQuery.from_params(filters, today=start)


def asks_for_derived(budget: Budget) -> bool:
    """Say whether its filters name what an organization derives by rules that change anytime."""
    try:
        filters = query_of(budget, EARLIEST, LATEST).filters
    except CostQueryError:
        return False
    return any(Dimension.named(one.dimension).source is Source.DERIVED for one in filters)


def figures(budget: Budget, what: Counted, today: date) -> list[Figures]:
    """Return the present period and those before it that the bills know, in two queries.

    `what` counts all days there are. Raises CostQueryError when the filters cannot be asked for.
    """
    kind = BudgetPeriod(budget.period)
    first = min((one.billing_period for one in what.deliveries), default=None)
    periods = [period_of(kind, today, ago=ago) for ago in range(HISTORY[kind] + 1)]
    query = query_of(budget, periods[-1].start, periods[0].end)
    check_accounts(query, what)
    if first is None:
        return []
    days = _by_day(answer(query, what, budget.currency)[0])
    through = data_through(lately(what.deliveries))
    return [
        Figures(
            period=period,
            actual=_sum(days, period.start, period.end),
            forecast=_forecast(budget, what, days, through, today)
            if period == periods[0]
            else None,
            data_from=first,
            data_through=through,
            is_final=is_final(
                what.touching(period.start, period.end).deliveries, period.start, period.end
            ),
        )
        for period in periods
        if first < period.end
    ]


def _by_day(rows: Iterable[CostRow]) -> _Days:
    return {date.fromisoformat(row.period): row.amount for row in rows}


def _sum(days: _Days, start: date, end: date) -> Decimal:
    return added(amount for day, amount in days.items() if start <= day < end)


def _forecast(
    budget: Budget, what: Counted, days: _Days, through: date | None, today: date
) -> Decimal | None:
    """Return what the present period will come to, by the charges of the last three months."""
    month, period = today.replace(day=1), period_of(budget.period, today)
    query = replace(
        query_of(budget, month_start(month, -2), month_start(month, 1)),
        group_by=("service", "charge_type"),
    )
    charges = [
        Charge(date.fromisoformat(row.period), row.group[0], row.group[1], row.amount)
        for row in answer(query, what, budget.currency)[0]
    ]
    return forecast(
        charges,
        _sum(days, period.start, month),
        period.end,
        through=through,
        today=today,
    )
