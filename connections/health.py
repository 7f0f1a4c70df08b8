"""How a connection stands: every kind of work notes its outcome here, and the status follows.

waiting   nothing was delivered yet, or a linked account whose payer is not connected
healthy   the last run of everything went well
degraded  something failed, but data still comes
failing   no data comes
disabled  paused or disconnected
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from connections.models import (
    Account,
    Connection,
    ConnectionKind,
    ConnectionStatus,
    JobHealth,
)
from organizations.models import Organization
from organizations.runs import RETRYABLE, ErrorClass, Run, RunFailure, RunState

# The kind of work that brings a payer's bill, and the order in which troubles are told.
_IMPORT = "import"
_ORDER = (_IMPORT, "discover", "check")
# Names of members are a help: an account whose organization may not be read is well all the same.
OPTIONAL = frozenset({"members"})
# A passing fault matters only when it does not pass.
_PATIENCE = timedelta(hours=24)
NO_PAYER = (
    "No billing data can come for this account: AWS delivers it to its payer (root) account only,"
    " and that one is not connected."
)
_CONNECT_PAYER = "Connect the payer account; this account's costs then appear with all history."
_COSTS_ONLY = "Connected for costs only: the portal cannot see its resources."
_GIVE_ACCESS = "To discover them, give this connection a role or an access key."
_NOTHING_YET = "AWS has not delivered the first billing files yet."
_UP_TO_A_DAY = (
    "Nothing to do: AWS needs up to 24 hours for a new export, and the portal looks every hour."
)


@transaction.atomic
def note_outcome(
    connection: Connection,
    job: str,
    run: Run,
    *,
    has_data: bool | None = None,
    problem: RunFailure | None = None,
) -> None:
    """Note how a finished run of a kind of work went; the connection's status follows.

    has_data  whether there is data of this kind now; unsaid, a run that succeeded has brought
              some, and one that found nothing new leaves it as it was
    problem   what failed although the run as a whole went well (one region, one permission)
    """
    if not run.is_finished:
        return
    # One writer at a time: runs of several kinds end in several workers.
    connection = Connection.objects.select_for_update().get(pk=connection.pk)
    failure = problem
    if run.state == RunState.FAILED:
        failure = RunFailure(ErrorClass(run.error_class), run.error_message, run.error_hint)
    now = timezone.now()
    row = JobHealth.objects.filter(connection=connection, job=job).first() or JobHealth(
        connection=connection, job=job, is_ok=failure is None, since=now
    )
    if row.is_ok != (failure is None):
        row.is_ok, row.since = failure is None, now
    row.error_class = failure.error_class if failure else ""
    row.message, row.hint = (failure.message, failure.hint) if failure else ("", "")
    row.last_run_at = now
    row.last_success_at = _last_success(row, run, has_data=has_data)
    row.save()
    refresh(connection)


def _last_success(row: JobHealth, run: Run, *, has_data: bool | None) -> datetime | None:
    if run.state == RunState.FAILED:
        return row.last_success_at
    if has_data is None:
        has_data = run.state == RunState.SUCCEEDED or row.last_success_at is not None
    return timezone.now() if has_data else None


def forget_troubles(connection: Connection) -> None:
    """Forget what was wrong: an account that comes back is tried anew."""
    connection.health.filter(is_ok=False).update(
        is_ok=True, since=timezone.now(), error_class="", message="", hint=""
    )


def refresh(connection: Connection) -> None:
    """Work the connection's status out of what is known, and save it when it changed."""
    verdict = _verdict(connection)
    said = (connection.status, connection.status_message, connection.status_hint)
    if said == (verdict.status, verdict.message, verdict.hint):
        return
    if connection.status != verdict.status:
        connection.status, connection.status_since = verdict.status, timezone.now()
    connection.status_message, connection.status_hint = verdict.message, verdict.hint
    connection.save(update_fields=["status", "status_since", "status_message", "status_hint"])


def refresh_linked(connection: Connection) -> None:
    """Refresh the linked accounts beside a payer that came, went or changed.

    Beside a linked account nothing changes: many may be connected one after another.
    """
    if connection.kind != ConnectionKind.ROOT:
        return
    linked = Connection.objects.of(connection.organization_id).connected()
    for one in linked.filter(kind=ConnectionKind.LINKED).exclude(pk=connection.pk):
        refresh(one)


def has_payer(connection: Connection) -> bool:
    """Say whether the payer of a linked account is connected, as far as it can be known.

    Once a bill or AWS Organizations has named the account's payer, that one must be there; before
    that any connected payer account may be the one.
    """
    return bool(_payers(connection.organization_id, connection.account_id).exists())


def payer_of(organization: Organization, account_id: str) -> Connection | None:
    """Return the connected payer whose bill or AWS organization names the account, else None."""
    is_named = Account.objects.of(organization).filter(account_id=account_id)
    if not is_named.exclude(payer_account_id="").exists():
        return None
    found: Connection | None = _payers(organization.pk, account_id).first()
    return found


def _payers(organization_id: int, account_id: str) -> Any:
    payers = Connection.objects.of(organization_id).connected().filter(kind=ConnectionKind.ROOT)
    named = Account.objects.of(organization_id).filter(account_id=account_id)
    payer_id = named.values_list("payer_account_id", flat=True).first()
    return payers.filter(account_id=payer_id) if payer_id else payers


@dataclass(frozen=True)
class _Verdict:
    status: ConnectionStatus
    message: str = ""
    hint: str = ""


def _verdict(connection: Connection) -> _Verdict:
    if not connection.is_connected:
        return _Verdict(ConnectionStatus.DISABLED, "Disconnected. Its history is kept.")
    if connection.is_paused:
        return _Verdict(
            ConnectionStatus.DISABLED,
            "Paused: nothing is imported or discovered; the costs so far stay in the totals.",
            "Resume it to go on.",
        )
    rows = {row.job: row for row in connection.health.all()}
    if connection.kind == ConnectionKind.LINKED:
        return _of_linked(connection, rows)
    return _of_payer(rows)


def _of_payer(rows: Mapping[str, JobHealth]) -> _Verdict:
    trouble, bill = _first_trouble(rows), rows.get(_IMPORT)
    if bill is not None and _data_comes(bill):
        return _said(ConnectionStatus.DEGRADED, trouble) or _Verdict(ConnectionStatus.HEALTHY)
    if bill is not None and not bill.is_ok:
        return _Verdict(ConnectionStatus.FAILING, bill.message, bill.hint)
    waiting = _Verdict(ConnectionStatus.WAITING, _NOTHING_YET, _UP_TO_A_DAY)
    return _said(ConnectionStatus.WAITING, trouble) or waiting


def _of_linked(connection: Connection, rows: Mapping[str, JobHealth]) -> _Verdict:
    # What went wrong while the portal could still sign in does not matter to costs alone.
    trouble = None if connection.is_costs_only else _first_trouble(rows)
    well = _Verdict(ConnectionStatus.HEALTHY)
    if connection.is_costs_only:
        well = _Verdict(ConnectionStatus.HEALTHY, _COSTS_ONLY, _GIVE_ACCESS)
    if has_payer(connection):
        return _said(ConnectionStatus.DEGRADED, trouble) or well
    waiting = _Verdict(ConnectionStatus.WAITING, NO_PAYER, _CONNECT_PAYER)
    return _said(ConnectionStatus.FAILING, trouble) or waiting


def _data_comes(bill: JobHealth) -> bool:
    if bill.last_success_at is None:
        return False
    passing = bill.error_class in RETRYABLE
    return bill.is_ok or (passing and timezone.now() - bill.last_success_at < _PATIENCE)


def _first_trouble(rows: Mapping[str, JobHealth]) -> JobHealth | None:
    rows = {name: row for name, row in rows.items() if name not in OPTIONAL}
    known = [rows[name] for name in _ORDER if name in rows]
    others = [row for name, row in sorted(rows.items()) if name not in _ORDER]
    return next((row for row in [*known, *others] if not row.is_ok), None)


def _said(status: ConnectionStatus, trouble: JobHealth | None) -> _Verdict | None:
    return _Verdict(status, trouble.message, trouble.hint) if trouble else None
