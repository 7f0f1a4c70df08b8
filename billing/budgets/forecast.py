"""Where a period leads: what was billed, and what its remaining days will cost if all goes on."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from billing.exact import added
from billing.periods import month_start

# {day: {charge type: amount}}
Days = Mapping[date, Mapping[str, Decimal]]

LOOK_BACK = 28  # days: four of each weekday
_LEAST = 7
# Charged once a month: what is still missing of last month's comes before the month ends.
MONTHLY = frozenset({"Tax", "RIFee"})
# Charged when somebody buys or AWS grants something: nobody knows when that happens again.
ONE_OFF = frozenset(
    {
        *("Fee", "SavingsPlanUpfrontFee", "Credit", "Refund"),
        *("Purchase", "Adjustment"),
    }
)


def forecast(days: Days, start: date, end: date, *, first: date, whole: date) -> Decimal | None:
    """Return what the days start <= day < end will come to; None where too little is known.

    `first` is the first day of the bills and `whole` the first day that is not complete yet. Every
    remaining day costs what its weekday cost on average in the last four weeks, the usual charges
    of a month arrive in every month, and nothing that is charged once comes again.
    """
    known = [whole - timedelta(days=n) for n in range(1, LOOK_BACK + 1)]
    known = [day for day in known if day >= first]
    if len(known) < _LEAST:
        return None
    still = _days(max(start, whole), end)
    usual = {weekday: _usual(days, known, weekday) for weekday in {one.weekday() for one in still}}
    parts = [
        *(_regular(days, day) for day in _days(start, min(end, whole))),
        # What is billed of a day under way can only grow, and fees may lie on days to come.
        *(max(_regular(days, day), usual[day.weekday()]) for day in still),
        *(_of(days, day, MONTHLY | ONE_OFF) for day in _days(start, end)),
        *(_missing(days, month, first, whole) for month in _months(max(start, whole), end)),
    ]
    return added(parts)


def _days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=n) for n in range((end - start).days)]


def _months(start: date, end: date) -> list[date]:
    return sorted({day.replace(day=1) for day in _days(start, end)})


def _of(days: Days, day: date, charge_types: frozenset[str]) -> Decimal:
    return added(amount for name, amount in days.get(day, {}).items() if name in charge_types)


def _regular(days: Days, day: date) -> Decimal:
    found = days.get(day, {}).items()
    return added(amount for name, amount in found if name not in MONTHLY | ONE_OFF)


def _usual(days: Days, known: list[date], weekday: int) -> Decimal:
    """Return the mean of a weekday; of all days while there are fewer than two weeks."""
    alike = [day for day in known if day.weekday() == weekday] if len(known) >= 14 else known
    return added(_regular(days, day) for day in alike) / len(alike)


def _missing(days: Days, month: date, first: date, whole: date) -> Decimal:
    """Return what is still to come of a month's usual charges, by those of the last whole one."""
    last = month_start(min(month, whole), -1)
    if last < first:
        return Decimal(0)
    missing = Decimal(0)
    for name in MONTHLY:
        only = frozenset({name})
        before = added(_of(days, day, only) for day in _days(last, month_start(last, 1)))
        so_far = added(_of(days, day, only) for day in _days(month, month_start(month, 1)))
        missing += max(before - so_far, Decimal(0))
    return missing
