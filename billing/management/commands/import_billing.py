"""`manage.py import_billing`: import changed months in this process and say how it went."""

import json
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import services
from billing.exact import plain
from billing.models import ImportRun
from billing.periods import month_named
from connections.models import Connection, ConnectionKind, Export
from organizations.runs import RunFailure, RunState, Trigger

_LOOK_AGAIN = 0.5


class Command(BaseCommand):
    help = (
        "Import every month whose delivery changed, of one connection or all, in this process."
        " Exits non-zero when an import failed."
    )

    # Looking at the whole portal would take longer than a look at a bucket.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", type=int, metavar="ID")
        parser.add_argument("--from", dest="first", metavar="YYYY-MM", help="this month and later")
        parser.add_argument("--to", dest="last", metavar="YYYY-MM", help="this month and earlier")
        parser.add_argument("--force", action="store_true", help="unchanged months, too")
        parser.add_argument("--json", action="store_true", help="print the imports as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = _month(options["first"], "--from"), _month(options["last"], "--to")
        if first and last and last < first:
            raise CommandError("--to: the last month lies before the first one.")
        failed = []
        printed = []
        for connection, export in _exports(options["connection"]):
            try:
                look = _imported(connection, export, first=first, last=last, force=options["force"])
            except RunFailure as failure:
                failed.append(f"{failure.message} {failure.hint}".strip())
                continue
            months = list(look.months.order_by("billing_period", "attempt"))
            if options["json"]:
                printed.append(_serialized(look, months))
            else:
                self._tell(connection, look, months)
            if look.state == RunState.FAILED:
                failed.append(f"{connection}: {look.error_message} {look.error_hint}".strip())
        if options["json"]:
            self.stdout.write(json.dumps(printed, indent=2, default=_as_json))
        if failed:
            raise CommandError("\n".join(failed))

    def _tell(self, connection: Connection, look: ImportRun, months: list[ImportRun]) -> None:
        self.stdout.write(f"{connection}: {look.get_state_display().lower()}")
        for run in months:
            said = f"  {run.billing_period:%Y-%m}: {run.get_state_display().lower()}"
            if run.state == RunState.SUCCEEDED:
                said += f", {run.rows_read} line items, {run.rows_loaded} daily rows"
            if run.portal_total is not None:
                said += f", {plain(run.portal_total)} {run.currency} as in the export"
            self.stdout.write(said)
        for run in (look, *months):
            for warning in run.warnings:
                self.stdout.write(f"  {warning}")


def _serialized(look: ImportRun, months: list[ImportRun]) -> dict[str, Any]:
    # The API's framework takes longer to load than a look at a bucket.
    from billing.imports_api import serialize_import  # noqa: PLC0415

    return {**serialize_import(look), "months": [serialize_import(run) for run in months]}


def _connections(given: int | None) -> list[Connection]:
    known = Connection.objects.filter(kind=ConnectionKind.ROOT)
    if given is None:
        return list(known.active().order_by("pk"))
    found = Connection.objects.filter(pk=given).first()
    if found is None:
        raise CommandError(f"There is no connection {given}.")
    return [found]


def _exports(given: int | None) -> Iterator[tuple[Connection, Export | None]]:
    """Yield each connection with its present export (None), then those compared with it."""
    for connection in _connections(given):
        yield connection, None
        for export in services.other_exports(connection):
            yield connection, export


def _imported(
    connection: Connection,
    export: Export | None,
    *,
    first: date | None,
    last: date | None,
    force: bool,
) -> ImportRun:
    """Import in this process; wait for an import that is running elsewhere, then do ours."""
    while True:
        look = services.request_import(
            connection,
            Trigger.COMMAND,
            first_period=first,
            last_period=last,
            force=force,
            export=export,
            sender=None,
        )
        asked = (look.first_period, look.last_period, look.is_forced)
        if look.state == RunState.QUEUED:
            services.run_look(look, sender=None)
        while not look.is_finished:
            # Months that wait for a worker need not: their process may be gone, or none may run.
            for month in look.months.filter(state=RunState.QUEUED):
                services.run_month(month, sender=None)
            time.sleep(_LOOK_AGAIN)
            services.watch()
            look.refresh_from_db()
        if asked == (first, last, force):
            return look


def _month(given: str | None, option: str) -> date | None:
    if given is None:
        return None
    month = month_named(given)
    if month is None:
        raise CommandError(f"{option}: give a month as YYYY-MM, not “{given}”.")
    return month


def _as_json(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
