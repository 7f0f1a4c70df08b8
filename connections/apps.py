"""The connections app."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """Everything about reaching an AWS account."""

    name = "connections"

    def ready(self) -> None:
        """Register the permission check, which every connection has, and its upkeep."""
        from connections import checks, jobs, members  # noqa: PLC0415 - models are ready only now
        from connections.models import CheckRun, ConnectionKind, MemberListing  # noqa: PLC0415

        jobs.register(
            jobs.Job(
                name=checks.JOB,
                label="Test connection",
                task="connections.tasks.check_connection",
                interval_field="",
                kinds=frozenset(ConnectionKind),
                start=checks.request_check,
                recent_runs=lambda connection: CheckRun.objects.filter(connection=connection),
                serialize=checks.serialize,
            )
        )
        jobs.register(
            jobs.Job(
                name=members.JOB,
                label="List members",
                task="connections.tasks.list_members_of",
                interval_field="",
                kinds=frozenset({ConnectionKind.ROOT}),
                start=members.request_listing,
                recent_runs=lambda connection: MemberListing.objects.filter(connection=connection),
                serialize=members.serialize,
            )
        )
        for name, task, minutes in (
            ("watch members", "connections.tasks.watch_members", 1),
            ("watch checks", "connections.tasks.watch_checks", 1),
            ("prune checks", "connections.tasks.prune_checks", 24 * 60),
        ):
            jobs.register_portal_task(jobs.PortalTask(name, task, minutes))
