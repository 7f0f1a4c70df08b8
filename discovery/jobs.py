"""How discovery hangs on a connection (see connections.jobs), and hears of changed costs.

Most processes discover nothing: what it takes is loaded when it is needed.
"""

from typing import Any

from celery import current_app

from connections import cost_news, jobs
from connections.models import Connection, ConnectionKind
from discovery.models import DiscoveryRun
from discovery.permissions import needed_permissions
from organizations.runs import Run, Trigger

JOB = "discover"


def _start(connection: Connection, trigger: Trigger) -> Run:
    from discovery.services import request_discovery  # noqa: PLC0415

    return request_discovery(connection, trigger)


def _recent(connection: Connection) -> Any:
    return DiscoveryRun.objects.filter(connection=connection)


def _serialize(run: Any) -> dict[str, Any]:
    from discovery.reports import run_summary  # noqa: PLC0415

    return run_summary(run)


def _follow_costs(organization_id: int, here: bool) -> None:
    """Follow the bills: in this process, or by task."""
    # Before the first discovery there is nothing to say of resources.
    if not DiscoveryRun.objects.of(organization_id).exists():
        return
    if here:
        from discovery.tasks import refresh_costs  # noqa: PLC0415

        refresh_costs(organization_id)
    else:
        current_app.signature("discovery.refresh_costs", args=[organization_id]).apply_async()


def register() -> None:
    """Make discovery known to the connections app."""
    jobs.register(
        jobs.Job(
            name=JOB,
            label="Discover now",
            task="discovery.discover_connection",
            interval_field="discover_every",
            kinds=frozenset(ConnectionKind),
            start=_start,
            recent_runs=_recent,
            permissions=needed_permissions(),
            serialize=_serialize,
        )
    )
    jobs.register_portal_task(
        jobs.PortalTask(name="discovery watchdog", task="discovery.watch", every_minutes=1)
    )
    jobs.register_portal_task(
        jobs.PortalTask("costs of resources", "discovery.refresh_all_costs", every_minutes=60)
    )
    cost_news.register(_follow_costs)
