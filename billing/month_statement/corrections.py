"""What AWS changed in a month after closing it: the restatements that accounting must book."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.exact import added
from billing.measures import Measure
from billing.models import Delivery, DeliveryState
from billing.month_facts import month_rows
from billing.months import MonthFrame
from billing.restatements import Change

_COLUMNS = ("account_id", "service", "charge_type")
_Sums = dict[tuple[str, str, str], Decimal]


@dataclass(frozen=True)
class Correction:
    """The first closed delivery that is kept of a month, the current one, and what differs.

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
        Delivery.objects.filter(
            export__in=Delivery.objects.filter(pk__in=ids).values("export"),
            billing_period=frame.month,
            state=DeliveryState.LOADED,
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
    frame: MonthFrame, measure: Measure, pairs: Iterable[tuple[Delivery, Delivery]]
) -> Mapping[int, _Sums]:
    ids = sorted({one.pk for pair in pairs for one in pair})
    found: dict[int, _Sums] = {}
    for delivery, account, service, charge_type, amount in month_rows(
        frame.what, frame.currency, _COLUMNS, (measure.value,), deliveries=ids
    ):
        found.setdefault(delivery, {})[account, service, charge_type] = amount
    return found


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
