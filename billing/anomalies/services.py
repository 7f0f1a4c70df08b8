"""Finding, updating and withdrawing anomalies. The only writer of them but for dismissals."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing.anomalies.detection import WEEKS, Unusual, floor_of, judge
from billing.anomalies.models import Anomaly, AnomalyLook
from billing.cost_query import CostFilter, CostQuery
from billing.cost_terms import EARLIEST, LATEST
from billing.counted import Counted, counted, fingerprint, known_from
from billing.freshness import data_through, lately
from billing.measures import Measure
from billing.periods import month_start
from billing.reports import answer
from organizations.models import Organization

METRIC = Measure.UNBLENDED
# Posted once, or once a month, or for a whole month at a time: no day's doing.
IGNORED_CHARGES = (
    *("Tax", "Fee", "RIFee", "SavingsPlanUpfrontFee", "SavingsPlanRecurringFee"),
    *("Credit", "Refund", "Purchase", "Adjustment"),
)
_MONTHS_JUDGED = 3
_BATCH = 500

Key = tuple[str, str, str]  # account, service, currency
_Place = tuple[date, str, str, str]


@dataclass(frozen=True)
class _Days:
    """The days judged: first <= day < end."""

    first: date
    end: date


def filters() -> tuple[CostFilter, ...]:
    """Return the filters of all that is judged."""
    return (CostFilter("charge_type", True, IGNORED_CHARGES),)


def look(organization: Organization, *, is_forced: bool = False) -> bool:
    """Look for anomalies if the bills, the accounts or the day changed; say whether it did."""
    what, today = counted(organization, EARLIEST, LATEST), timezone.now().date()
    mark = fingerprint(what, today)
    last = AnomalyLook.objects.of(organization).first()
    if last is not None and last.looked_as == mark and not is_forced:
        return False
    days = _days_judged(what, today)
    found = _found(what, days) if days else {}
    with transaction.atomic():
        # One at a time; people who only read the organization do not wait.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        if days:
            _write(organization, days, found)
        AnomalyLook.objects.update_or_create(
            organization=organization,
            defaults={
                "first_day": days.first if days else None,
                "end": days.end if days else None,
                "looked_as": mark,
                "looked_at": timezone.now(),
            },
        )
    return True


def _days_judged(what: Counted, today: date) -> _Days | None:
    """Return this month and the two before it, up to the last whole day; None without any."""
    through = data_through(lately(what.deliveries))
    known = min((one.billing_period for one in what.deliveries), default=None)
    if through is None or known is None:
        return None
    # The last day with usage may still be written to.
    end = min(through, today)
    first = max(known, month_start(end, 1 - _MONTHS_JUDGED))
    return _Days(first, end) if first < end else None


def _found(what: Counted, days: _Days) -> dict[_Place, Unusual]:
    found: dict[_Place, Unusual] = {}
    # Of what was connected later than the rest, the days before are unknown and not free of cost.
    first = known_from(what)
    for (account, service, currency), costs in _costs(what, days):
        cost = partial(_cost, costs)
        floor = floor_of(currency)
        # Only a day that cost something can have cost too much.
        for day in costs:
            if days.first <= day < days.end:
                verdict = judge(day, cost, first=first[account], floor=floor)
                if verdict:
                    found[day, account, service, currency] = verdict
    return found


def _cost(costs: dict[date, Decimal], day: date) -> Decimal:
    return costs.get(day, Decimal(0))


def _costs(what: Counted, days: _Days) -> Iterator[tuple[Key, dict[date, Decimal]]]:
    """Yield the daily costs of each account and service. One query for each currency."""
    start = min(days.first - timedelta(weeks=WEEKS), month_start(days.first, -2))
    for currency in what.currencies:
        query = CostQuery(
            max(start, EARLIEST),
            days.end,
            metric=METRIC,
            group_by=("account", "service"),
            filters=filters(),
            currency=currency,
        )
        series: dict[Key, dict[date, Decimal]] = defaultdict(dict)
        for row in answer(query, what, currency)[0]:
            account, service = row.group
            series[account, service, currency][date.fromisoformat(row.period)] = row.amount
        yield from series.items()


def _write(organization: Organization, days: _Days, found: dict[_Place, Unusual]) -> None:
    now = timezone.now()
    judged = Anomaly.objects.of(organization).filter(
        day__gte=days.first, day__lt=days.end, metric=METRIC
    )
    known = {(one.day, one.account_id, one.service, one.currency): one for one in judged}
    new, changed = [], []
    for place, verdict in found.items():
        old = known.pop(place, None)
        if old is None:
            new.append(_anomaly(organization, place, verdict))
        elif _update(old, verdict):
            changed.append(old)
    gone = [one.pk for one in known.values() if one.withdrawn_at is None]
    Anomaly.objects.bulk_create(new, batch_size=_BATCH)
    Anomaly.objects.bulk_update(
        changed,
        ["actual", "expected", "impact", "is_new_service", "withdrawn_at"],
        batch_size=_BATCH,
    )
    Anomaly.objects.filter(pk__in=gone).update(withdrawn_at=now)


def _anomaly(organization: Organization, place: _Place, verdict: Unusual) -> Anomaly:
    day, account, service, currency = place
    return Anomaly(
        organization=organization,
        day=day,
        account_id=account,
        service=service,
        currency=currency,
        metric=METRIC,
        **_told(verdict),
    )


def _told(verdict: Unusual) -> dict[str, Any]:
    return {
        "actual": verdict.actual,
        "expected": verdict.expected,
        "impact": verdict.impact,
        "is_new_service": verdict.is_new,
    }


def _update(old: Anomaly, verdict: Unusual) -> bool:
    """Bring an anomaly up to date; say whether that changed anything."""
    wanted = {**_told(verdict), "withdrawn_at": None}
    differs = any(getattr(old, name) != value for name, value in wanted.items())
    for name, value in wanted.items():
        setattr(old, name, value)
    return differs
