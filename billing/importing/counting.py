"""From which export a month counts: always one, also while one export takes another's place.

A new export counts from its `counts_from` on, in every month that it holds; every other month
counts from the export that it replaces. Until that is said, nothing counts from it.
"""

from datetime import date

from django.db.models import QuerySet

from billing.models import BillingMonth, Delivery, DeliveryState
from connections.models import Connection, Export


def point(connection: Connection, delivery: Delivery) -> None:
    """Point the month at a delivery just loaded, if the month counts from its export.

    Inside a transaction; it waits for whoever is switching exports.
    """
    Connection.objects.select_for_update().get(pk=connection.pk)
    export = Export.objects.get(pk=delivery.export_id)
    if counts(export, delivery.billing_period):
        BillingMonth.objects.update_or_create(
            connection=connection,
            billing_period=delivery.billing_period,
            defaults={"delivery": delivery},
        )


def counts(export: Export, billing_period: date) -> bool:
    """Whether a delivery of this month from this export is what the month counts from."""
    if export.retired_at is not None:
        return False
    if export.replaces_id is not None:
        return export.counts_from is not None and billing_period >= export.counts_from
    taking_over = Export.objects.live().filter(replaces=export, counts_from__lte=billing_period)
    return not loaded(taking_over).filter(billing_period=billing_period).exists()


def loaded(exports: "QuerySet[Export]") -> "QuerySet[Delivery]":
    """Return the deliveries of these exports that are whole, the newest first."""
    whole = Delivery.objects.filter(export__in=exports, state=DeliveryState.LOADED)
    found: QuerySet[Delivery] = whole.order_by("-loaded_at", "-pk")
    return found


def held(export: Export) -> dict[date, Delivery]:
    """Return the newest whole delivery of every month that an export holds."""
    newest: dict[date, Delivery] = {}
    for delivery in loaded(Export.objects.filter(pk=export.pk)):
        newest.setdefault(delivery.billing_period, delivery)
    return newest


def known_etags(export: Export) -> dict[date, str]:
    """Return the manifest's ETag of every month that needs no import while it stays the same.

    Where a month counts from this export, that is the delivery that it counts from; elsewhere the
    newest one that was loaded for comparison.
    """
    pointed = dict(
        BillingMonth.objects.filter(
            connection=export.connection_id, delivery__export=export
        ).values_list("billing_period", "delivery__manifest_etag")
    )
    compared = {
        month: delivery.manifest_etag
        for month, delivery in held(export).items()
        if month not in pointed and not counts(export, month)
    }
    return {**compared, **pointed}


def settle(connection: Connection, old: Export, new: Export) -> None:
    """Point every month that either export holds to the one that it counts from."""
    by_old, by_new = held(old), held(new)
    for month in sorted(by_old.keys() | by_new.keys()):
        is_new = new.counts_from is not None and month >= new.counts_from and month in by_new
        delivery = by_new[month] if is_new else by_old.get(month)
        pointer = BillingMonth.objects.filter(connection=connection, billing_period=month)
        if delivery is not None:
            if not pointer.filter(delivery=delivery).exists():
                BillingMonth.objects.update_or_create(
                    connection=connection, billing_period=month, defaults={"delivery": delivery}
                )
        else:
            pointer.filter(delivery__export=new).delete()
