"""How the import hangs on a connection (see connections.jobs)."""

from datetime import date
from typing import Any

from billing import services
from billing.models import BillingMonth, ImportRun
from connections import jobs
from connections.models import Connection, ConnectionKind
from organizations.runs import Run, Trigger


def _start(connection: Connection, trigger: Trigger) -> Run:
    return services.request_imports(connection, trigger)


def _recent(connection: Connection) -> Any:
    return ImportRun.objects.filter(connection=connection, billing_period=None)


def _data_through(connection: Connection) -> date | None:
    found: date | None = (
        BillingMonth.objects.filter(connection=connection, delivery__data_through__isnull=False)
        .order_by("-delivery__data_through")
        .values_list("delivery__data_through", flat=True)
        .first()
    )
    return found


def _serialize(run: Any) -> dict[str, Any]:
    from billing.imports_api import serialize_import  # noqa: PLC0415 - most processes serve none

    return serialize_import(run)


def register() -> None:
    """Make the import known to the connections app."""
    jobs.register(
        jobs.Job(
            name=services.JOB,
            label="Import now",
            task="billing.import_connection",
            interval_field="import_every",
            kinds=frozenset({ConnectionKind.ROOT}),
            start=_start,
            recent_runs=_recent,
            serialize=_serialize,
            data_through=_data_through,
        )
    )
    jobs.register_portal_task(
        jobs.PortalTask("watch imports", "billing.watch_imports", every_minutes=1)
    )
    jobs.register_portal_task(
        jobs.PortalTask("prune imports", "billing.prune_imports", every_minutes=24 * 60)
    )
    jobs.register_portal_task(
        jobs.PortalTask("evaluate budgets", "billing.evaluate_all_budgets", every_minutes=5)
    )
    jobs.register_portal_task(
        jobs.PortalTask("find anomalies", "billing.find_all_anomalies", every_minutes=30)
    )
    jobs.register_portal_task(
        jobs.PortalTask("sum cost centers", "billing.sum_all_cost_centers", every_minutes=5)
    )
    jobs.register_portal_task(
        jobs.PortalTask("send reports", "billing.send_reports", every_minutes=10)
    )
