"""Imports: asking for them, running them, and what follows when they end.

A look (an ImportRun without a month) compares manifests and makes one run for each month to import.
It goes on until the last of them has ended, then carries their sums.
"""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone

from billing import followups
from billing.exact import added, plain
from billing.importing import cleanup, spool
from billing.models import BillingMonth, ImportRun
from connections import health
from connections.cost_news import costs_changed
from connections.models import Connection, ConnectionKind, Export
from organizations.after_commit import after_commit
from organizations.runs import (
    ACTIVE_STATES,
    ErrorClass,
    RunFailure,
    RunState,
    Trigger,
    may_retry,
    perform,
    release_stale,
)

JOB = "import"
Send = Callable[[ImportRun, int], None]
_RETRY_AFTER = (60, 300, 900)
_SENT_AGAIN_AFTER = timedelta(minutes=15)
_UNCHANGED_KEPT = timedelta(days=14)


def send(run: ImportRun, seconds: int = 0) -> None:
    """Send the run's task once the transaction under way is committed.

    A broker that is away does not lose it: the watchdog sends queued runs again.
    """
    from billing import tasks  # noqa: PLC0415 - tasks call these services

    task = tasks.run_look if run.billing_period is None else tasks.run_month
    after_commit(task.apply_async, args=[run.pk], countdown=seconds)


def request_import(
    connection: Connection,
    trigger: Trigger,
    *,
    first_period: date | None = None,
    last_period: date | None = None,
    force: bool = False,
    export: Export | None = None,
    sender: Send | None = send,
) -> ImportRun:
    """Ask for an import of a connection's changed months; return the look that will do it.

    While one is queued or running, that one is returned. `sender` None leaves the running to the
    caller. Raises RunFailure when the connection has nothing to import from.
    """
    present = _export_of(connection)
    export = export or present
    active = ImportRun.objects.filter(
        connection=connection, export=export, billing_period=None, state__in=ACTIVE_STATES
    )
    look = active.first()
    if look is None:
        try:
            with transaction.atomic():
                look = ImportRun.objects.create(
                    connection=connection,
                    export=export,
                    trigger=trigger,
                    first_period=first_period,
                    last_period=last_period,
                    is_forced=force,
                )
        except IntegrityError:
            look = active.get()
    if sender is not None and look.state == RunState.QUEUED:
        sender(look, 0)
    return look


def request_imports(connection: Connection, trigger: Trigger) -> ImportRun:
    """Ask for an import of every live export; return the look at the present one."""
    look = request_import(connection, trigger)
    for export in other_exports(connection):
        request_import(connection, trigger, export=export)
    return look


def other_exports(connection: Connection) -> list[Export]:
    """Return the exports that are imported besides the present one, to be compared with it."""
    present = connection.current_export
    return [one for one in connection.exports.live() if one != present]


def _export_of(connection: Connection) -> Export:
    if connection.disconnected_at is not None:
        raise RunFailure(ErrorClass.CONFIG, f"{connection} is disconnected.", "Connect it again.")
    if connection.kind != ConnectionKind.ROOT:
        raise RunFailure(
            ErrorClass.CONFIG,
            f"{connection} is a linked account: its costs come with its payer's bill.",
            "Import the payer's connection.",
        )
    export = connection.current_export
    if export is None:
        raise RunFailure(
            ErrorClass.CONFIG,
            f"{connection} has no billing export.",
            "Update the billing export's parameters of this connection.",
        )
    return export


def run_look(look: ImportRun, *, sender: Send | None = send) -> ImportRun:
    """Look for changed months and hand each to `sender`; without any, the look ends here.

    With `sender` None the months are imported in this process, one after another, and nothing is
    tried again: whoever called sees the failure.
    """
    months: list[ImportRun] = []

    def work(run: ImportRun) -> RunState:
        from billing.importing.look import changed_months  # noqa: PLC0415 - see import_month

        clean_up()
        refs = changed_months(run)
        with transaction.atomic():
            run.hold()
            months.extend(_month_run(run, ref.billing_period) for ref in refs)
        run.advance("months", months=len(months))
        return RunState.RUNNING if months else RunState.UNCHANGED

    perform(look, work)
    if look.is_finished and look.is_ours:
        _after_look(look, sender)
    for month in months if look.state == RunState.RUNNING else ():
        if sender is None:
            run_month(month, sender=None)
        else:
            sender(month, 0)
    look.refresh_from_db()
    return look


def _month_run(look: ImportRun, billing_period: date, attempt: int = 1) -> ImportRun:
    run: ImportRun = ImportRun.objects.create(
        connection=look.connection,
        export=look.export,
        parent=look,
        billing_period=billing_period,
        trigger=look.trigger if attempt == 1 else Trigger.RETRY,
        requested_by=look.requested_by,
        attempt=attempt,
    )
    return run


def run_month(run: ImportRun, *, sender: Send | None = send) -> ImportRun:
    """Import one month; the last one to end also ends its look."""
    # Arrow and DuckDB are large, and only a worker needs them.
    from billing.importing.month import import_month  # noqa: PLC0415

    perform(run, import_month)
    if run.is_finished:
        _after_month(run, sender)
    return run


def _after_month(run: ImportRun, sender: Send | None) -> None:
    look = run.parent
    if look is None or run.billing_period is None:
        return
    newer = look.months.filter(billing_period=run.billing_period, attempt__gt=run.attempt)
    again_helps = may_retry(run) and look.state == RunState.RUNNING and not newer.exists()
    if sender is not None and again_helps:
        again = _month_run(look, run.billing_period, run.attempt + 1)
        sender(again, _RETRY_AFTER[min(run.attempt, len(_RETRY_AFTER)) - 1])
        return
    finish_look(look.pk, sender)


def finish_look(look_id: int, sender: Send | None = send) -> None:
    """End a look whose months have all ended, with their sums and the first of their failures."""
    with transaction.atomic():
        look = ImportRun.objects.select_for_update().get(pk=look_id)
        if look.state != RunState.RUNNING or not look.months.exists():
            return
        if look.months.filter(state__in=ACTIVE_STATES).exists():
            return
        months = _last_attempts(look)
        _add_up(look, months)
        failed = [month for month in months if month.state == RunState.FAILED]
        if failed:
            look.fail(_failure_of(failed))
        else:
            look.finish()
    clean_up()
    _after_look(look, sender)


def _last_attempts(look: ImportRun) -> list[ImportRun]:
    last = {run.billing_period: run for run in look.months.order_by("billing_period", "attempt")}
    return list(last.values())


def _add_up(look: ImportRun, months: Iterable[ImportRun]) -> None:
    good = [month for month in months if month.state == RunState.SUCCEEDED]
    look.rows_read = sum(month.rows_read for month in good)
    look.rows_loaded = sum(month.rows_loaded for month in good)
    look.bytes_read = sum(month.bytes_read for month in good)
    currencies = {month.currency for month in good}
    if len(currencies) == 1 and "" not in currencies:
        look.currency = currencies.pop()
        look.export_total = _total(month.export_total for month in good)
        look.portal_total = _total(month.portal_total for month in good)
    look.skipped_accounts = _skipped(good)


def _skipped(months: Iterable[ImportRun]) -> list[dict[str, str]]:
    """Return what the months left out together, an account and currency once, dearest first."""
    amounts: dict[tuple[str, str], list[Decimal]] = {}
    names: dict[str, str] = {}
    for month in months:
        for one in month.skipped_accounts:
            amounts.setdefault((one["account_id"], one["currency"]), []).append(
                Decimal(one["amount"])
            )
            names[one["account_id"]] = one["name"] or names.get(one["account_id"], "")
    sums = [(key, added(found)) for key, found in amounts.items()]
    return [
        {
            "account_id": account_id,
            "name": names[account_id],
            "amount": plain(amount),
            "currency": currency,
        }
        for (account_id, currency), amount in sorted(sums, key=lambda one: -one[1])
    ]


def _total(amounts: Iterable[Decimal | None]) -> Decimal:
    return added(amount for amount in amounts if amount is not None)


def _failure_of(failed: list[ImportRun]) -> RunFailure:
    first = failed[0]
    others = f" ({len(failed) - 1} more months failed, too.)" if len(failed) > 1 else ""
    return RunFailure(
        ErrorClass(first.error_class),
        f"{first.billing_period:%Y-%m}: {first.error_message}{others}",
        first.error_hint,
    )


def _after_look(look: ImportRun, sender: Send | None) -> None:
    if look.months.filter(state=RunState.SUCCEEDED).exists():
        costs_changed(look.connection.organization_id, here=sender is None)
        followups.after_import(look.connection.organization_id)
    # An export that is only compared with the present one says nothing of the connection's health.
    if look.export == look.connection.current_export:
        has_data = BillingMonth.objects.filter(connection=look.connection).exists()
        health.note_outcome(look.connection, JOB, look, has_data=has_data)
    # Months have had their own further attempts.
    if sender is not None and may_retry(look) and not look.months.exists():
        _retry_look(look, sender)


def _retry_look(look: ImportRun, sender: Send) -> None:
    try:
        with transaction.atomic():
            again = ImportRun.objects.create(
                connection=look.connection,
                export=look.export,
                trigger=Trigger.RETRY,
                requested_by=look.requested_by,
                first_period=look.first_period,
                last_period=look.last_period,
                is_forced=look.is_forced,
                attempt=look.attempt + 1,
            )
    except IntegrityError:
        return  # somebody asked for the next import already
    sender(again, _RETRY_AFTER[min(look.attempt, len(_RETRY_AFTER)) - 1])


def clean_up() -> None:
    """Remove what dead runs left, spool folders and half-loaded deliveries, and what is old."""
    spool.remove_leftovers()
    cleanup.remove_dead()
    cleanup.remove_old()


def watch() -> None:
    """End runs whose worker died, go on with what they held up, send again what got lost."""
    at_work = ImportRun.objects.filter(state__in=ACTIVE_STATES, parent__isnull=False)
    ImportRun.objects.filter(state=RunState.RUNNING, pk__in=at_work.values("parent")).update(
        heartbeat_at=timezone.now()
    )
    for run in release_stale(ImportRun):
        if run.billing_period is None:
            _after_look(run, send)
            continue
        # The months beside it may have waited for the same process.
        for month in ImportRun.objects.filter(parent=run.parent, state=RunState.QUEUED, attempt=1):
            send(month)
        _after_month(run, send)
    lost = timezone.now() - _SENT_AGAIN_AFTER
    for run in ImportRun.objects.filter(state=RunState.QUEUED, queued_at__lt=lost):
        send(run)
    clean_up()
    cleanup.remove_strays()


def prune() -> int:
    """Delete looks that found nothing new two weeks ago; return how many."""
    old = timezone.now() - _UNCHANGED_KEPT
    deleted, _ = ImportRun.objects.filter(
        state=RunState.UNCHANGED, billing_period=None, finished_at__lt=old
    ).delete()
    return deleted
