"""The discovery app."""

from django.apps import AppConfig


class DiscoveryConfig(AppConfig):
    """Discovery of resources."""

    name = "discovery"

    def ready(self) -> None:
        """Hang discovery on the connections."""
        from connections import cost_news, jobs  # noqa: PLC0415 - models are there only now
        from connections.models import ConnectionKind  # noqa: PLC0415
        from discovery import reports, services  # noqa: PLC0415
        from discovery.permissions import needed_permissions  # noqa: PLC0415

        jobs.register(
            jobs.Job(
                name=services.JOB,
                label="Discover now",
                task="discovery.discover_connection",
                interval_field="discover_every",
                kinds=frozenset(ConnectionKind),
                start=services.request_discovery,
                recent_runs=reports.runs_of,
                permissions=needed_permissions(),
                serialize=reports.run_summary,
            )
        )
        jobs.register_portal_task(
            jobs.PortalTask(name="discovery watchdog", task="discovery.watch", every_minutes=1)
        )
        jobs.register_portal_task(
            jobs.PortalTask("costs of resources", "discovery.refresh_all_costs", every_minutes=60)
        )
        cost_news.register(services.on_changed_costs)
