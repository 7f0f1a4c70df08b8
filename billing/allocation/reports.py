"""What the cost centers cost, and what would move if the rules were others. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from billing.allocation.codes import center_names
from billing.allocation.derivation import Allocation, allocation_of
from billing.allocation.models import CostCenter
from billing.allocation.splitting import with_parts
from billing.cost_query import CostQuery, Granularity
from billing.counted import Counted, counted
from billing.dimensions import COST_CENTER
from billing.exact import added
from billing.freshness import data_through
from billing.periods import PRESETS, month_start
from billing.reports import answer
from organizations.models import Organization

Amounts = Mapping[str, Decimal]
_NOTICE_PERIOD = "this-month"
ZERO = Decimal(0)


@dataclass(frozen=True)
class CenterCosts:
    """A center with its costs of last month and this one. `center` None: what is unallocated.

    own        what the rules put there, last month
    last, now  after splitting shared costs
    """

    center: CostCenter | None
    own: Decimal
    last: Decimal
    now: Decimal


@dataclass(frozen=True)
class CentersReport:
    """All centers and what is unallocated, in one currency; the totals are those of the bill.

    currency    None where nothing was billed in the two months
    currencies  those that were
    """

    currency: str | None
    currencies: tuple[str, ...]
    months: tuple[date, date]
    rows: list[CenterCosts]
    total: CenterCosts
    data_through: date | None


@dataclass(frozen=True)
class Moved:
    """What a center had last month and would have. An empty code: what is unallocated."""

    code: str
    name: str
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        """Return by how much it changes."""
        return added([self.after, self.before.copy_negate()])


@dataclass(frozen=True)
class MovedIn:
    """What would move in one currency: only what changes. The total stays."""

    currency: str
    rows: list[Moved]
    total: Decimal


@dataclass(frozen=True)
class Preview:
    """What would move in a month, for each currency that was billed in it."""

    month: date
    currencies: list[MovedIn]


def centers_report(organization: Organization, today: date, asked: str | None) -> CentersReport:
    """Return the centers' costs, in a constant number of queries.

    Without `asked`, or where nothing was billed in it: US dollars if there are any, else the first
    currency by name.
    """
    last, now, end = (month_start(today, number) for number in (-1, 0, 1))
    what = counted(organization, last, end)
    currency = asked if asked in what.currencies else what.first_currency
    allocation = allocation_of(organization)
    shown_now = _amounts(what, allocation, currency, now, end)
    shown_last = _amounts(what, allocation, currency, last, now)
    own_last = shown_last
    if allocation.splits:
        own_last = _amounts(what, allocation.unsplit, currency, last, now)
    codes: list[CostCenter | None] = [*CostCenter.objects.of(organization), None]
    rows = [_row(center, own_last, shown_last, shown_now) for center in codes]
    return CentersReport(
        currency=currency,
        currencies=what.currencies,
        months=(last, now),
        rows=rows,
        total=CenterCosts(
            None,
            added(own_last.values()),
            added(shown_last.values()),
            added(shown_now.values()),
        ),
        data_through=data_through(what.deliveries),
    )


def preview(organization: Organization, wanted: Allocation, today: date) -> Preview:
    """Return what would move in the last month if the allocation were this one.

    Takes as many queries for each currency; amounts of different ones are never added.
    """
    month, end = month_start(today, -1), month_start(today)
    what = counted(organization, month, end)
    now, names = allocation_of(organization), center_names(organization)
    found = []
    for currency in what.currencies:
        before = _amounts(what, now, currency, month, end)
        after = _amounts(what, wanted, currency, month, end)
        found.append(MovedIn(currency, _moved(before, after, names), added(after.values())))
    return Preview(month, found)


def _moved(before: Amounts, after: Amounts, names: Mapping[str, str]) -> list[Moved]:
    """Return the centers whose amount changes, by code, what is unallocated last."""
    moved = [
        Moved(code, names.get(code, code), before.get(code, ZERO), after.get(code, ZERO))
        for code in sorted({*before, *after}, key=lambda code: (not code, code.lower()))
    ]
    return [one for one in moved if one.difference]


def unallocated(
    organization: Organization, today: date, currency: str | None
) -> dict[str, Any] | None:
    """Return the context of billing/overview_unallocated.html: this month's cost without a center.

    None where there are no cost centers, or nothing was billed. Takes a constant number of queries.
    """
    if currency is None or not CostCenter.objects.of(organization).exists():
        return None
    start, end = PRESETS[_NOTICE_PERIOD].days(today)
    what = counted(organization, start, end)
    # Splitting moves costs between centers only.
    amounts = _amounts(what, allocation_of(organization).unsplit, currency, start, end)
    if not amounts:
        return None
    return {
        "amount": amounts.get("", ZERO),
        "share_of": added(amounts.values()),
        "currency": currency,
        "period": _NOTICE_PERIOD,
    }


def _amounts(
    what: Counted, allocation: Allocation, currency: str | None, start: date, end: date
) -> Amounts:
    """Return {code: amount} of the days start <= day < end."""
    query = CostQuery(start, end, granularity=Granularity.TOTAL, group_by=(COST_CENTER,))
    if currency is None:
        return {}
    allocation = with_parts(allocation, query, what, currency)
    rows, _, _ = answer(query, what, currency, derived={COST_CENTER: allocation})
    return {row.group[0]: row.amount for row in rows}


def _row(center: CostCenter | None, *amounts: Amounts) -> CenterCosts:
    code = center.code if center else ""
    own, last, now = (found.get(code, ZERO) for found in amounts)
    return CenterCosts(center, own, last, now)
