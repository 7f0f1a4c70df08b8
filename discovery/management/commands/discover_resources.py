"""`manage.py discover_resources [--connection ID] [--json]`: discover in this process."""

import json
import time
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connections.models import Connection
from discovery import reports, services
from discovery.models import DiscoveryRun
from organizations.runs import ACTIVE_STATES, RunFailure, RunState, Trigger

_LOOK_AGAIN = 0.5  # seconds


class Command(BaseCommand):
    help = "Discover the resources of every connection, or of one, in this process."
    # Looking at the whole portal would take as long as asking many an account.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", type=int, metavar="ID")
        parser.add_argument(
            "--json", action="store_true", help="Print each run as a JSON object on a line."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        troubles = []
        for connection in _connections(options["connection"]):
            try:
                run = _discovered(connection)
            except RunFailure as failure:
                troubles.append(f"{failure.message} {failure.hint}")
                continue
            self._print(run, as_json=options["json"])
            if run.state != RunState.SUCCEEDED:
                troubles.append(f"{run.error_message} {run.error_hint}".strip())
        if troubles:
            raise CommandError("\n".join(troubles))

    def _print(self, run: DiscoveryRun, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(reports.run_summary(run), default=str))
            return
        self.stdout.write(
            f"{run.connection}: {run.get_state_display().lower()}, {run.found} found,"
            f" {run.added} new, {run.changed} changed, {run.gone} gone."
        )
        for warning in run.warnings:
            self.stdout.write(f"  {warning}")


def _discovered(connection: Connection) -> DiscoveryRun:
    """Discover in this process, once what is under way elsewhere has ended. Raises RunFailure."""
    under_way = DiscoveryRun.objects.filter(connection=connection, state__in=ACTIVE_STATES)
    while run := under_way.first():
        if run.state == RunState.QUEUED:
            # It need not wait for a worker: its task may be lost, or none may run.
            services.run_discovery(run)
            if run.is_ours:
                return run
        else:
            time.sleep(_LOOK_AGAIN)
            services.end_stale()
    return services.run_discovery(services.create_run(connection, Trigger.COMMAND))


def _connections(pk: int | None) -> Iterator[Connection]:
    found = Connection.objects.select_related("organization")
    if pk is None:
        yield from found.active()
        return
    connection = found.filter(pk=pk).first()
    if connection is None:
        raise CommandError(f"There is no connection {pk}.")
    yield connection
