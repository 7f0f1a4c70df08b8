"""What a month will come to: a run rate by weekday, with its range. Computes only, asks nothing.

Running charges (usage, what commitments pay, discounts) go on as they did: each day to come costs
what that weekday cost on average in the last four weeks of whole days. The last day delivered may
still be filled up, so it is no whole day and is forecast like the days after it.

Charges that come once are told apart:

    tax                  grows with the costs, at last month's rate of them
    fees                 counted as billed; a service that charged one in each of the two months
                         before is expected to charge last month's amount again
    credits, refunds     counted as billed: nobody knows the next one

The range is where four of five such months end, if days go on straying from their weekday's average
as they did. With less than two weeks of whole days there is no forecast.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import NamedTuple

from billing.charge_kinds import ChargeKind, kind_of
from billing.exact import added
from billing.periods import month_start

WINDOW = timedelta(days=28)
FEWEST_DAYS = 14
FOUR_OF_FIVE = Decimal("1.2816")  # standard deviations of a normal distribution
_RUNNING = (ChargeKind.USAGE, ChargeKind.DISCOUNT)
_DIGITS = 40


class Charge(NamedTuple):
    """What was charged on a day: the service's product code, AWS's line item type, the amount."""

    day: date
    service: str
    charge_type: str
    amount: Decimal


@dataclass(frozen=True)
class Forecast:
    """What a month is expected to come to.

    amount, low, high   rounded to four decimals
    billed              what of it is billed already
    last_whole_day      the last day that the run rate was taken from
    days                the whole days that it was taken from
    """

    amount: Decimal
    low: Decimal
    high: Decimal
    billed: Decimal
    last_whole_day: date
    days: int


def is_running(charge_type: str) -> bool:
    """Say whether a charge is made day by day; the others come once."""
    return kind_of(charge_type) in _RUNNING or charge_type == "SavingsPlanRecurringFee"


def forecast(
    charges: Iterable[Charge],
    month: date,
    *,
    through: date | None,
    today: date,
) -> Forecast | None:
    """Return the forecast of the month that begins on `month`.

    None where there is too little to say, or where the month is over. `charges` are those of the
    month and of the two before it, without a gap; those of the earliest month need no days but the
    first. `through` is the last day delivered.
    """
    end = month_start(month, 1)
    if through is None or today >= end:
        return None
    found = list(charges)
    # The last day may be half a day.
    last_whole = min(through, today) - timedelta(days=1)
    start = max(last_whole + timedelta(days=1) - WINDOW, _first_day(found, last_whole))
    days = _by_day(found, start, last_whole)
    if len(days) < FEWEST_DAYS:
        return None
    with localcontext() as context:
        context.prec = _DIGITS
        rates = _rates(days)
        first_to_come = max(month, last_whole + timedelta(days=1))
        to_come = [first_to_come + timedelta(days=n) for n in range((end - first_to_come).days)]
        running = _so_far(found, month, first_to_come) + added(
            rates[day.weekday()] for day in to_come
        )
        tax_rate = _tax_rate(found, month)
        amount = _with_charges_that_come_once(running, found, month, tax_rate)
        spread = _spread(days, rates, to_come) * (1 + tax_rate)
    return Forecast(
        amount=_rounded(amount),
        low=_rounded(amount - spread),
        high=_rounded(amount + spread),
        billed=added(one.amount for one in found if month <= one.day < end),
        last_whole_day=last_whole,
        days=len(days),
    )


def _so_far(charges: Iterable[Charge], month: date, end: date) -> Decimal:
    """Return the running charges of the month's days before `end`."""
    return added(
        one.amount for one in charges if is_running(one.charge_type) and month <= one.day < end
    )


def _with_charges_that_come_once(
    running: Decimal, charges: Iterable[Charge], month: date, tax_rate: Decimal
) -> Decimal:
    """Return the whole month: its running charges, and its fees, tax, credits and refunds."""
    fees = _fees(charges, month)
    billed_tax = _of_kind(charges, month, ChargeKind.TAX)
    tax = max(billed_tax, tax_rate * (running + fees)) if tax_rate else billed_tax
    return running + fees + tax + _given_back(charges, month)


def _first_day(charges: Iterable[Charge], last: date) -> date:
    """Return the first day of the last two months that has a running charge."""
    start = month_start(last, -1)
    days = (one.day for one in charges if one.day >= start and is_running(one.charge_type))
    return min(days, default=last + timedelta(days=1))


def _by_day(charges: Iterable[Charge], start: date, last: date) -> dict[date, Decimal]:
    """Return what the running charges of each day came to; a day without any cost nothing."""
    parts: dict[date, list[Decimal]] = {
        start + timedelta(days=n): [] for n in range((last - start).days + 1)
    }
    for one in charges:
        if one.day in parts and is_running(one.charge_type):
            parts[one.day].append(one.amount)
    return {day: added(found) for day, found in parts.items()}


def _rates(days: Mapping[date, Decimal]) -> list[Decimal]:
    """Return the average of each weekday, Monday first."""
    found: list[list[Decimal]] = [[] for _ in range(7)]
    for day, amount in days.items():
        found[day.weekday()].append(amount)
    return [added(amounts) / len(amounts) for amounts in found]


def _spread(days: Mapping[date, Decimal], rates: list[Decimal], to_come: Iterable[date]) -> Decimal:
    """Return how far the sum of the days to come may lie from its forecast, four times of five.

    Both are uncertain: the days themselves, and the averages that they are forecast from.
    """
    squares = sum(
        ((amount - rates[day.weekday()]) ** 2 for day, amount in days.items()), Decimal(0)
    )
    variance = squares / (len(days) - 7)
    samples, ahead = [0] * 7, [0] * 7
    for day in days:
        samples[day.weekday()] += 1
    for day in to_come:
        ahead[day.weekday()] += 1
    weight = sum((n + Decimal(n * n) / k for n, k in zip(ahead, samples, strict=True)), Decimal(0))
    return FOUR_OF_FIVE * (variance * weight).sqrt()


def _tax_rate(charges: Iterable[Charge], month: date) -> Decimal:
    """Return last month's tax as a part of what was taxed."""
    before = [one for one in charges if month_start(month, -1) <= one.day < month]
    taxed = added(
        one.amount
        for one in before
        if is_running(one.charge_type) or kind_of(one.charge_type) == ChargeKind.FEE
    )
    tax = added(one.amount for one in before if kind_of(one.charge_type) == ChargeKind.TAX)
    return tax / taxed if taxed > 0 and tax > 0 else Decimal(0)


def _fees(charges: Iterable[Charge], month: date) -> Decimal:
    """Return the month's fees: those billed, and those that come back every month."""
    sums: dict[tuple[str, str], list[list[Decimal]]] = {}
    starts = [month_start(month, -2), month_start(month, -1), month, month_start(month, 1)]
    for one in charges:
        if kind_of(one.charge_type) != ChargeKind.FEE or is_running(one.charge_type):
            continue
        for place in range(3):
            if starts[place] <= one.day < starts[place + 1]:
                key = (one.service, one.charge_type)
                sums.setdefault(key, [[], [], []])[place].append(one.amount)
    return added(
        added(now) if now or not (before and earlier) else added(before)
        for earlier, before, now in sums.values()
    )


def _given_back(charges: Iterable[Charge], month: date) -> Decimal:
    """Return the month's credits, refunds and what has no kind, as billed."""
    kinds = (ChargeKind.CREDIT, ChargeKind.REFUND, ChargeKind.OTHER)
    return added(_of_kind(charges, month, kind) for kind in kinds)


def _of_kind(charges: Iterable[Charge], month: date, kind: ChargeKind) -> Decimal:
    return added(
        one.amount
        for one in charges
        if kind_of(one.charge_type) == kind and month <= one.day < month_start(month, 1)
    )


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"))
