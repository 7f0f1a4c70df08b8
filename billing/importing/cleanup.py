"""What dead runs and old deliveries leave is removed by dropping partitions, never by DELETE."""

import re
from collections.abc import Iterable
from datetime import date

from django.db import connection

from billing.facts import FACT_TABLES, FactTable
from billing.models import BillingMonth, Delivery, DeliveryState, ImportRun
from connections.models import Export
from organizations.runs import ACTIVE_STATES

_KEPT_PER_MONTH = 2  # the current one, and the one before it for what changed


def remove_dead() -> int:
    """Drop what deliveries hold whose run ended without finishing them; return how many."""
    at_work = ImportRun.objects.filter(state__in=ACTIVE_STATES, delivery__isnull=False)
    dead = Delivery.objects.filter(state=DeliveryState.LOADING).exclude(
        pk__in=at_work.values("delivery")
    )
    removed = 0
    for delivery in dead:
        drop_facts(delivery.pk)
        delivery.delete()
        removed += 1
    return removed


def remove_old(export: Export, billing_period: date) -> int:
    """Drop the facts of a month's deliveries that nobody compares any more; return how many.

    Of each export by itself: where one takes another's place, both are compared.
    """
    current = BillingMonth.objects.filter(
        connection=export.connection_id, billing_period=billing_period
    )
    loaded = (
        Delivery.objects.filter(
            export=export,
            billing_period=billing_period,
            state=DeliveryState.LOADED,
        )
        .exclude(pk__in=current.values("delivery"))
        .order_by("-loaded_at")
    )
    old = list(loaded[_KEPT_PER_MONTH - 1 :])
    for delivery in old:
        # First the row: nothing offers a delivery for comparison whose facts are going.
        Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.DROPPED)
        drop_facts(delivery.pk)
    return len(old)


def remove_strays() -> int:
    """Drop partitions whose delivery does not exist or was dropped; return how many."""
    kept = set(Delivery.objects.exclude(state=DeliveryState.DROPPED).values_list("pk", flat=True))
    stray = partitions_of(FACT_TABLES) - kept
    for delivery_id in stray:
        drop_facts(delivery_id)
    return len(stray)


def drop_facts(delivery_id: int) -> None:
    """Detach and drop a delivery's tables, without stopping those who read other deliveries."""
    for table in FACT_TABLES:
        _detach(table, delivery_id)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {table.partition(delivery_id)}")


def partitions_of(tables: Iterable[FactTable]) -> set[int]:
    """Return the deliveries for which a table of these exists, attached or not."""
    found = set()
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = current_schema()::regnamespace AND relname ~ %s",
                [f"^{table.name}_[0-9]+$"],
            )
            found |= {int(re.findall(r"\d+$", name)[0]) for (name,) in cursor.fetchall()}
    return found


def _detach(table: FactTable, delivery_id: int) -> None:
    name = table.partition(delivery_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhdetachpending FROM pg_inherits JOIN pg_class ON oid = inhrelid"
            " WHERE relname = %s AND inhparent = %s::regclass",
            [name, table.name],
        )
        attached = cursor.fetchone()
        if attached is None:
            return
        # CONCURRENTLY waits for readers instead of stopping them; it cannot run in a transaction.
        # A detach that a dead worker left half done only needs its end.
        how = "FINALIZE" if attached[0] else "CONCURRENTLY"
        if connection.in_atomic_block and not attached[0]:
            how = ""
        cursor.execute(f"ALTER TABLE {table.name} DETACH PARTITION {name} {how}")
