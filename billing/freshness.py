"""How far the data reaches: per range, and per connection."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing.counted import CountedDelivery, current_deliveries
from billing.periods import month_start
from connections.models import Connection, ConnectionKind, JobHealth
from organizations.models import Organization


@dataclass(frozen=True)
class Freshness:
    """How far one connection's bill reaches.

    data_through    last day with usage; None before the first delivery
    loaded_at       when the newest delivery was loaded
    last_looked_at  when an import last succeeded, with or without a new delivery
    final_through   the last month that AWS closed, as its first day
    """

    connection_id: int
    name: str
    account_id: str
    status: str
    status_message: str
    data_through: date | None
    loaded_at: datetime | None
    last_looked_at: datetime | None
    final_through: date | None


def freshness(organization: Organization) -> list[Freshness]:
    """Return how fresh each connected payer's data is, by name. Takes three queries."""
    deliveries: dict[int, list[CountedDelivery]] = {}
    for delivery in current_deliveries(organization):
        deliveries.setdefault(delivery.connection_id, []).append(delivery)
    looked = dict(
        JobHealth.objects.of(organization)
        .filter(job="import")
        .values_list("connection_id", "last_success_at")
    )
    roots = Connection.objects.of(organization).connected().filter(kind=ConnectionKind.ROOT)
    return [
        Freshness(
            connection_id=one.pk,
            name=one.name,
            account_id=one.account_id,
            status=one.status,
            status_message=one.status_message,
            data_through=_latest(found.data_through for found in deliveries.get(one.pk, ())),
            loaded_at=max(
                (found.loaded_at for found in deliveries.get(one.pk, ()) if found.loaded_at),
                default=None,
            ),
            last_looked_at=looked.get(one.pk),
            final_through=_latest(
                found.billing_period for found in deliveries.get(one.pk, ()) if found.is_final
            ),
        )
        for one in roots.defer("secret_access_key").order_by("name")
    ]


def data_through(deliveries: Iterable[CountedDelivery]) -> date | None:
    """Return the last day with usage that every connection of the deliveries has delivered.

    Those that deliver no more matter only where there is no other: disconnected and paused ones,
    and one whose last month AWS has closed while others have a newer one. AWS closes no month
    before it has begun to bill the next.
    """
    newest: dict[int, CountedDelivery] = {}
    days: dict[int, date] = {}
    for one in deliveries:
        last = newest.get(one.connection_id, one)
        newest[one.connection_id] = max(last, one, key=lambda found: found.billing_period)
        if one.data_through is not None:
            before = days.get(one.connection_id, one.data_through)
            days[one.connection_id] = max(before, one.data_through)
    month = max((one.billing_period for one in newest.values()), default=None)
    by_rank: dict[tuple[bool, bool], list[date]] = {}
    for connection_id, day in days.items():
        last = newest[connection_id]
        has_ended = last.is_final and last.billing_period != month
        by_rank.setdefault((not last.is_delivering, has_ended), []).append(day)
    return min(by_rank[min(by_rank)]) if by_rank else None


def lately(deliveries: Iterable[CountedDelivery]) -> list[CountedDelivery]:
    """Return the deliveries of the newest month and of the one before it.

    A connection without any has ended: nothing that looks at the present waits for it.
    """
    found = list(deliveries)
    newest = max((one.billing_period for one in found), default=None)
    return [one for one in found if newest and one.billing_period >= month_start(newest, -1)]


def is_final(deliveries: Iterable[CountedDelivery], start: date, end: date) -> bool:
    """Say whether every month from the first one delivered to the end of the range is closed."""
    found = list(deliveries)
    if not found or not all(one.is_final for one in found):
        return False
    delivered = {one.billing_period for one in found}
    month = max(start.replace(day=1), min(delivered))
    last = (end - timedelta(days=1)).replace(day=1)
    while month <= last:
        if month not in delivered:
            return False
        month = month_start(month, 1)
    return True


def _latest(days: Iterable[date | None]) -> date | None:
    return max((day for day in days if day is not None), default=None)
