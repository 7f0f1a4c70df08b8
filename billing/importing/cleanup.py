"""What dead runs and old deliveries leave is removed by dropping partitions, never by DELETE."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import psycopg
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from billing.facts import FACT_TABLES, FactTable
from billing.importing import history
from billing.models import BillingMonth, Delivery, DeliveryState, ImportRun
from organizations.runs import ACTIVE_STATES

logger = logging.getLogger(__name__)

_KEPT_PER_MONTH = 2  # the current one, and the one before it for what changed
# Whoever found a delivery to be current just before it was replaced has read it by then.
_READ_WITHIN = timedelta(minutes=10)
_ONE_CLEANER = 1_129_270_355  # an advisory lock, as any number but nobody else's
_PATIENCE = "5s"
_NOT_NOW = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.ObjectNotInPrerequisiteState,  # another partition is being detached
    psycopg.errors.ObjectInUse,
)


def remove_dead() -> int:
    """Drop what deliveries hold whose run ended without finishing them; return how many."""
    at_work = ImportRun.objects.filter(state__in=ACTIVE_STATES, delivery__isnull=False)
    dead = Delivery.objects.filter(state=DeliveryState.LOADING).exclude(
        pk__in=at_work.values("delivery")
    )
    return _each(partial(_remove_dead, one) for one in dead)


def _remove_dead(delivery: Delivery) -> None:
    drop_facts(delivery.pk)
    delivery.delete()


def remove_old() -> int:
    """Drop the facts of deliveries that nobody counts or compares any more; return how many.

    Of each export by itself: where one takes another's place, both are compared.
    """
    loaded = Delivery.objects.filter(state=DeliveryState.LOADED)
    several = loaded.values("export", "billing_period").order_by().annotate(held=Count("pk"))
    return _each(
        partial(_remove_old, one)
        for month in several.filter(held__gt=_KEPT_PER_MONTH)
        for one in _old(
            loaded.filter(export=month["export"], billing_period=month["billing_period"])
        )
    )


def _old(of_month: "QuerySet[Delivery]") -> list[Delivery]:
    """Return the deliveries of an export's month that were replaced, and long enough ago."""
    newest_first = list(of_month.order_by("-loaded_at", "-pk"))
    counted = set(
        BillingMonth.objects.filter(delivery__in=newest_first).values_list("delivery", flat=True)
    )
    unread_since = timezone.now() - _READ_WITHIN
    old = [
        one
        for one, newer in zip(newest_first[1:], newest_first, strict=False)
        if one.pk not in counted and newer.loaded_at is not None and newer.loaded_at < unread_since
    ]
    spare = [one for one in newest_first if one.pk not in counted][: _KEPT_PER_MONTH - 1]
    return [one for one in old if one not in spare]


def _remove_old(delivery: Delivery) -> None:
    # First the row: nothing reads facts that are going.
    with transaction.atomic():
        history.keep(delivery.pk)
        Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.DROPPED)
    drop_facts(delivery.pk)


def remove_strays() -> int:
    """Drop partitions whose delivery does not exist or was dropped; return how many."""
    kept = set(Delivery.objects.exclude(state=DeliveryState.DROPPED).values_list("pk", flat=True))
    stray = partitions_of(FACT_TABLES) - kept
    return _each(partial(drop_facts, delivery_id) for delivery_id in sorted(stray))


def _each(removals: Iterable[Callable[[], None]]) -> int:
    """Carry removals out; what somebody holds on to stays for the next time. Return how many.

    One process cleans at a time, and waits for nobody long: nothing hangs on it.
    """
    removed = 0
    with _only_cleaner() as is_ours:
        for remove in removals if is_ours else ():
            try:
                remove()
            except DatabaseError as error:
                if not isinstance(error.__cause__, _NOT_NOW):
                    raise
                logger.info("What is no longer needed is still held: %s", error)
            else:
                removed += 1
    return removed


@contextmanager
def _only_cleaner() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ONE_CLEANER])
        is_ours = cursor.fetchone()[0]
        if not is_ours:
            yield False
            return
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [_PATIENCE])
    try:
        yield True
    finally:
        # A connection that broke has given both back by itself.
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_ONE_CLEANER])


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
