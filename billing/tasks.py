"""Background work on bills. Tasks carry ids only, and may be delivered twice: a run is claimed."""

from celery import shared_task
from django.utils import timezone

from billing import services
from billing.models import ImportRun
from billing.saved_reports import mailing
from connections.models import Connection
from organizations.runs import RunFailure, Trigger


@shared_task(name="billing.import_connection")
def import_connection(connection_id: int) -> None:
    """Look for new deliveries of a connection: what beat sends by its schedule."""
    connection = Connection.objects.active().filter(pk=connection_id).first()
    if connection is None or connection.current_export is None:
        return
    for export in (None, *services.other_exports(connection)):
        try:
            look = services.request_import(connection, Trigger.SCHEDULE, export=export, sender=None)
        except RunFailure:
            return  # disconnected meanwhile
        services.run_look(look)


@shared_task(name="billing.run_look")
def run_look(run_id: int) -> None:
    """Look for changed months."""
    look = ImportRun.objects.filter(pk=run_id).first()
    if look is not None:
        services.run_look(look)


@shared_task(name="billing.run_month")
def run_month(run_id: int) -> None:
    """Import one month."""
    run = ImportRun.objects.filter(pk=run_id).first()
    if run is not None:
        services.run_month(run)


@shared_task(name="billing.watch_imports")
def watch_imports() -> None:
    """End what died, go on with what it held up."""
    services.watch()


@shared_task(name="billing.prune_imports")
def prune_imports() -> None:
    """Forget old looks that found nothing."""
    services.prune()


@shared_task(name="billing.send_reports")
def send_reports() -> None:
    """Write down which saved reports are due to whom: what beat sends by its schedule."""
    mailing.write_due_letters(timezone.now(), send_report.delay)


@shared_task(name="billing.send_report")
def send_report(schedule_id: int) -> None:
    """Send the waiting letters of one schedule."""
    mailing.send_waiting(schedule_id, timezone.now())


# Tasks of sub-packages: Celery looks for them here.
from billing.allocation import tasks as allocation_tasks  # noqa: E402, F401
from billing.anomalies import tasks as anomaly_tasks  # noqa: E402, F401
from billing.budgets import tasks as budget_tasks  # noqa: E402, F401
