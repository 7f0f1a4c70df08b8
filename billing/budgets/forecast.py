"""Where a period leads: the month's own forecast, and the months after it as the last ones went.

The present month is forecast as the overview does it (`billing.forecast`). In the months of a
quarter or a year that are still to come, every day costs what its weekday cost on average on the
days that forecast was taken from, and taxes and the fees that come back are those of the last whole
month.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from billing.charge_kinds import ChargeKind, kind_of
from billing.exact import added
from billing.forecast import Charge, Forecast, is_running
from billing.forecast import forecast as forecast_of_month
from billing.periods import month_start


def forecast(
    charges: Sequence[Charge],
    already: Decimal,
    end: date,
    *,
    through: date | None,
    today: date,
) -> Decimal | None:
    """Return what a period will come to; None where too little is known.

    `charges` are those of the present month and the two before it, `already` is what the period's
    earlier months came to, and `end` is the first day after the period.
    """
    month = today.replace(day=1)
    found = forecast_of_month(charges, month, through=through, today=today)
    if found is None:
        return None
    later = _days(month_start(month, 1), end)
    running = _by_weekday(charges, found)
    months = {day.replace(day=1) for day in later}
    once = _once(charges, month)
    return added(
        [already, found.amount, *(running[day.weekday()] for day in later), *[once] * len(months)]
    )


def _days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=n) for n in range((end - start).days)]


def _by_weekday(charges: Iterable[Charge], found: Forecast) -> list[Decimal]:
    """Return what each weekday's running charges cost on average, Monday first."""
    end = found.last_whole_day + timedelta(days=1)
    known = _days(end - timedelta(days=found.days), end)
    sums: list[list[Decimal]] = [[] for _ in range(7)]
    for one in charges:
        if known[0] <= one.day < end and is_running(one.charge_type):
            sums[one.day.weekday()].append(one.amount)
    counts = [sum(day.weekday() == weekday for day in known) for weekday in range(7)]
    return [added(amounts) / count for amounts, count in zip(sums, counts, strict=True)]


def _once(charges: Iterable[Charge], month: date) -> Decimal:
    """Return the last whole month's taxes, and its fees that the month before had, too."""
    last, before = month_start(month, -1), month_start(month, -2)
    fees: dict[tuple[str, str], tuple[list[Decimal], list[Decimal]]] = {}
    taxes = []
    for one in charges:
        if one.day >= month or is_running(one.charge_type):
            continue
        kind = kind_of(one.charge_type)
        if kind == ChargeKind.TAX and one.day >= last:
            taxes.append(one.amount)
        elif kind == ChargeKind.FEE and one.day >= before:
            held = fees.setdefault((one.service, one.charge_type), ([], []))
            held[one.day >= last].append(one.amount)
    again = [amount for earlier, late in fees.values() if earlier for amount in late]
    return added([*taxes, *again])
