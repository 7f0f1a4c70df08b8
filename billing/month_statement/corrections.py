"""What AWS changed in a month after closing it: the restatements that accounting must book."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db import connection as database
from psycopg import sql

from billing.counted import BilledAccount, Counted
from billing.exact import added
from billing.measures import Measure
from billing.models import Delivery, DeliveryCost, DeliveryState
from billing.month_facts import counting
from billing.months import MonthFrame
from billing.restatements import Change, comparable

_Sums = dict[tuple[str, str, str], Decimal]


@dataclass(frozen=True)
class Correction:
    """The first closed delivery of a month, the current one, and what differs.

    `changes` has the largest difference first; it is empty where nothing changed.
    """

    closed: Delivery
    current: Delivery
    changes: list[Change]

    @property
    def difference(self) -> Decimal:
        """Return the sum of all differences."""
        return added(one.difference for one in self.changes)


def corrections(frame: MonthFrame, measure: Measure) -> list[Correction]:
    """Return what changed since closing, for each delivery that followed a closed one.

    Only the accounts connected now are told, in the frame's currency. Takes two queries.
    """
    ids = frame.what.delivery_ids
    kept = (
        comparable()
        .filter(
            export__in=Delivery.objects.filter(pk__in=ids).values("export"),
            billing_period=frame.month,
        )
        .select_related("export__connection")
        .defer("export__connection__secret_access_key")
        .order_by("loaded_at", "pk")
    )
    pairs = _pairs(kept, set(ids))
    sums = _sums(frame, measure, pairs)
    return [
        Correction(
            closed,
            current,
            _changes(sums.get(closed.pk, {}), sums.get(current.pk, {}), frame.currency or ""),
        )
        for closed, current in pairs
    ]


def _pairs(kept: Iterable[Delivery], current: set[int]) -> list[tuple[Delivery, Delivery]]:
    """Return each current delivery with the first closed one of its export that came before."""
    by_export: dict[int, list[Delivery]] = {}
    for one in kept:
        by_export.setdefault(one.export_id, []).append(one)
    found = []
    for deliveries in by_export.values():
        closed = next((one for one in deliveries if one.is_final), None)
        now = next((one for one in deliveries if one.pk in current), None)
        if closed and now and deliveries.index(closed) < deliveries.index(now):
            found.append((closed, now))
    return found


def _sums(
    frame: MonthFrame, measure: Measure, pairs: Sequence[tuple[Delivery, Delivery]]
) -> Mapping[int, _Sums]:
    """Return what each delivery came to, in one statement, so that all are seen at one moment.

    A closed delivery may have been dropped: then its sums were kept, without their payers.
    """
    if frame.currency is None or not pairs:
        return {}
    ids = sorted({one.pk for pair in pairs for one in pair})
    what = _alike(frame.what, pairs)
    source, params = counting(what, frame.currency, deliveries=ids)
    statement = sql.SQL(
        "SELECT f.delivery_id, f.account_id, f.service, f.charge_type, sum(f.{cost}) FROM {source}"
        " AND f.delivery_id IN (SELECT id FROM billing_delivery WHERE state = %s)"
        " GROUP BY 1, 2, 3, 4"
        " UNION ALL SELECT delivery_id, account_id, service, charge_type, {cost} FROM {kept}"
        " WHERE delivery_id IN (SELECT id FROM billing_delivery WHERE state = %s"
        " AND id = ANY(%s::bigint[])) AND account_id = ANY(%s::text[]) AND currency = %s"
        " AND (delivery_id, account_id) NOT IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))"
    ).format(
        cost=sql.Identifier(measure.value),
        source=source,
        kept=sql.Identifier(DeliveryCost._meta.db_table),
    )
    given: list[Any] = [
        *params,
        DeliveryState.LOADED,
        DeliveryState.DROPPED,
        ids,
        list(what.accounts),
        frame.currency,
        [one.delivery_id for one in what.elsewhere],
        [one.account_id for one in what.elsewhere],
    ]
    found: dict[int, _Sums] = {}
    with database.cursor() as cursor:
        cursor.execute(statement, given)
        for delivery, account, service, charge_type, amount in cursor.fetchall():
            found.setdefault(delivery, {})[account, service, charge_type] = amount
    return found


def _alike(what: Counted, pairs: Iterable[tuple[Delivery, Delivery]]) -> Counted:
    """Return what counts, with what is counted elsewhere left out of the closed deliveries too."""
    closed_of = {current.pk: closed.pk for closed, current in pairs}
    also = [
        BilledAccount(closed_of[one.delivery_id], *one[1:])
        for one in what.elsewhere
        if one.delivery_id in closed_of
    ]
    return replace(what, elsewhere=(*what.elsewhere, *also))


def _changes(before: _Sums, after: _Sums, currency: str) -> list[Change]:
    none = Decimal(0)
    found = [
        Change(*key, currency, before.get(key, none), after.get(key, none))
        for key in before.keys() | after.keys()
        if before.get(key, none) != after.get(key, none)
    ]
    return sorted(
        found,
        key=lambda one: (-abs(one.difference), one.account_id, one.service, one.charge_type),
    )
