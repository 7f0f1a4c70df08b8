"""Restatement history: what changed between two deliveries of a month.

AWS delivers a month again and again until it is final, and sometimes after. Any two can be
compared, to the last digit, also when their daily costs were dropped long ago; only the accounts
connected now are told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from django.db import connection as database
from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.counted import connected_accounts
from billing.exact import EXACT
from billing.facts import MONTH_COST
from billing.measures import Measure
from billing.models import BillingMonth, Delivery, DeliveryCost, DeliveryState
from connections.models import Connection


class RestatementError(Exception):
    """A comparison that cannot be made. `field` is what was given wrongly."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


@dataclass(frozen=True)
class Change:
    """What an account's service came to by charge type, before and after; the two differ."""

    account_id: str
    service: str
    charge_type: str
    currency: str
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        """Return after minus before."""
        with localcontext(EXACT):
            return self.after - self.before


@dataclass(frozen=True)
class Restatement:
    """Two deliveries of a month and every row that differs; the largest difference first.

    deliveries      the ones of the month that are kept, newest first
    before, after   the two that are compared; `before` None: there is only one
    """

    deliveries: list[Delivery]
    before: Delivery | None
    after: Delivery | None
    measure: Measure
    changes: list[Change]

    @property
    def differences(self) -> dict[str, Decimal]:
        """Return the sum of all differences by currency."""
        sums: dict[str, Decimal] = {}
        with localcontext(EXACT):
            for one in self.changes:
                sums[one.currency] = sums.get(one.currency, Decimal(0)) + one.difference
        return sums


def kept_deliveries(connection: Connection, billing_period: date) -> list[Delivery]:
    """Return the deliveries of a month that can be compared, newest first."""
    found = comparable().filter(export__connection=connection, billing_period=billing_period)
    return list(found.select_related("export").order_by("-loaded_at", "-pk"))


def restatement(
    connection: Connection,
    billing_period: date,
    *,
    before: int | None = None,
    after: int | None = None,
    measure: Measure = Measure.UNBLENDED,
) -> Restatement:
    """Compare two deliveries of a month, by their ids.

    Without `after`: the one that the month counts from. Without `before`: the one that its export
    delivered before that. Raises RestatementError.
    """
    kept = kept_deliveries(connection, billing_period)
    later = _chosen(kept, "to_delivery", after) or _current(connection, billing_period, kept)
    earlier = _chosen(kept, "from_delivery", before) or _preceding(kept, later)
    changes: list[Change] = []
    if earlier is not None and later is not None:
        changes = _changes(connection, earlier, later, measure)
        _still_kept("from_delivery", earlier)
        _still_kept("to_delivery", later)
    return Restatement(kept, earlier, later, measure, changes)


def comparable() -> "QuerySet[Delivery]":
    """Return the deliveries whose costs are kept: with their facts, or summed since those went."""
    has_history = Exists(DeliveryCost.objects.filter(delivery=OuterRef("pk")))
    found: QuerySet[Delivery] = Delivery.objects.filter(
        Q(state=DeliveryState.LOADED) | Q(has_history, state=DeliveryState.DROPPED)
    )
    return found


def _chosen(kept: Sequence[Delivery], field: str, pk: int | None) -> Delivery | None:
    if pk is None:
        return None
    for one in kept:
        if one.pk == pk:
            return one
    raise RestatementError(field, "The month has no such delivery, or it is kept no more.")


def _current(
    connection: Connection, billing_period: date, kept: Iterable[Delivery]
) -> Delivery | None:
    month = BillingMonth.objects.filter(connection=connection, billing_period=billing_period)
    current = month.values_list("delivery", flat=True).first()
    return next((one for one in kept if one.pk == current), None)


def _preceding(kept: Sequence[Delivery], later: Delivery | None) -> Delivery | None:
    if later is None:
        return None
    older = kept[kept.index(later) + 1 :]
    return next((one for one in older if one.export_id == later.export_id), None)


def _changes(
    connection: Connection, earlier: Delivery, later: Delivery, measure: Measure
) -> list[Change]:
    """Compare in one statement, so that both are seen at one moment."""
    cost = measure.value

    def kept(table: str, state: DeliveryState) -> str:
        return f"""
            SELECT delivery_id, account_id, service, charge_type, currency, costs.{cost}
            FROM {table} costs JOIN billing_delivery ON billing_delivery.id = delivery_id
            WHERE delivery_id IN (%(earlier)s, %(later)s) AND account_id = ANY(%(accounts)s)
                AND billing_delivery.state = '{state.value}'"""  # noqa: S608 - our own names

    query = f"""
        SELECT account_id, service, charge_type, currency, before, after FROM (
            SELECT account_id, service, charge_type, currency,
                coalesce(sum({cost}) FILTER (WHERE delivery_id = %(earlier)s), 0) AS before,
                coalesce(sum({cost}) FILTER (WHERE delivery_id = %(later)s), 0) AS after
            FROM ({kept(MONTH_COST.name, DeliveryState.LOADED)}
                UNION ALL {kept(DeliveryCost._meta.db_table, DeliveryState.DROPPED)}) AS kept
            GROUP BY 1, 2, 3, 4) AS sums
        WHERE before <> after
        ORDER BY abs(after - before) DESC, 1, 2, 3, 4
    """  # noqa: S608 - the names are our own
    accounts = list(connected_accounts(connection.organization))
    given: dict[str, Any] = {"earlier": earlier.pk, "later": later.pk, "accounts": accounts}
    with database.cursor() as cursor:
        cursor.execute(query, given)
        return [Change(*row) for row in cursor.fetchall()]


def _still_kept(field: str, delivery: Delivery) -> None:
    """A delivery is marked before its facts go, so one that can be compared still was whole."""
    if not comparable().filter(pk=delivery.pk).exists():
        raise RestatementError(field, "The delivery was just given up: ask again.")
