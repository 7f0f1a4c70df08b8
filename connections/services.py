"""Writes on connections: connect, update, disconnect, pause. AWS is asked before anything is saved.

Every refusal is a `Refusal` with a sentence for each field; after one nothing has changed.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from connections import checks, health, jobs, migration, schedules
from connections.aws.credentials import Credentials
from connections.aws.identity import Identity
from connections.aws.session import AwsSession
from connections.entered import entered_credentials, stored_credentials
from connections.finding import Say, half_way, note_done, patience_for, settled_export
from connections.inputs import (
    AuthInput,
    ConnectionInput,
    ExportInput,
    Refusal,
    export_problems,
    kind_problems,
)
from connections.models import AuthMethod, Connection, ConnectionKind, Export
from connections.probes import try_permissions
from connections.verification import (
    Patience,
    in_time,
    sign_in,
)
from organizations.audit import record
from organizations.models import Organization
from organizations.runs import RunFailure, Trigger

logger = logging.getLogger(__name__)

_PROBE_SECONDS = 5.0


@dataclass(frozen=True)
class _Tried:
    """What AWS said: whose account it is, the export as it is, the permission check's rows."""

    identity: Identity
    export: Export | None
    results: list[dict[str, str]]


def connect(
    organization: Organization, given: ConnectionInput, *, say: Say = lambda sentence: None
) -> Connection:
    """Connect an account: try everything against AWS, save it, start the first runs.

    An account that was disconnected comes back as the same connection, with its history. Takes at
    most 15 seconds, and 25 where an export is to be made; `say` is told each thing that was made
    in AWS. Raises Refusal.
    """
    given = given.cleaned()
    _refuse(given.problems())
    _refuse_taken_name(organization, given.name)
    if given.auth.method == AuthMethod.COSTS_ONLY:
        return _connect_costs_only(organization, given)
    credentials = entered_credentials(organization, given.auth)
    patience = patience_for(given.export)
    session, identity = in_time(lambda: sign_in(credentials, account=f"“{given.name}”"), patience)
    _refuse_connected(organization, identity.account_id)
    draft = _revived(organization, identity) or Connection(
        organization=organization, account_id=identity.account_id
    )
    draft.name, draft.kind, draft.partition = given.name, given.kind, identity.partition
    draft.auth_method = given.auth.method
    draft.import_every = given.import_every or draft.import_every
    draft.discover_every = given.discover_every or draft.discover_every
    tried = _try(
        draft, session, identity, given=given.export, present=None, patience=patience, say=say
    )
    return _saved(draft, lambda: _save_new(draft, given.auth, tried))


def _connect_costs_only(organization: Organization, given: ConnectionInput) -> Connection:
    """Count an account's costs without signing in to it. Its payer must have named it."""
    account_id = given.auth.account_id
    _refuse_connected(organization, account_id)
    payer = health.payer_of(organization, account_id)
    if payer is None:
        raise Refusal(
            {
                "auth.account_id": f"No connected payer account's bill or AWS organization names"
                f" the account {account_id}. Connect its payer first, or check the id."
            }
        )
    identity = Identity(account_id, f"arn:{payer.partition}:iam::{account_id}:root")
    draft = _revived(organization, identity) or Connection(
        organization=organization, account_id=account_id
    )
    draft.name, draft.kind, draft.partition = given.name, given.kind, payer.partition
    draft.auth_method = AuthMethod.COSTS_ONLY
    return _saved(draft, lambda: _save_new(draft, given.auth, _Tried(identity, None, [])))


def update_connection(
    connection: Connection,
    *,
    auth: AuthInput | None = None,
    export: ExportInput | None = None,
    say: Say = lambda sentence: None,
    **settings: Any,
) -> Connection:
    """Change what is given, as one step; `auth` and `export` are given whole. Raises Refusal.

    Credentials must be of the same account. Another export takes the place of the present one,
    whose imported months stay. `settings` are name, import_every and discover_every.
    """
    auth, export = auth and auth.cleaned(), export and export.cleaned()
    problems: dict[str, str] = {}
    if auth is not None:
        kind = ConnectionKind(connection.kind)
        auth = replace(auth, account_id=auth.account_id or connection.account_id)
        problems = {**auth.problems(), **kind_problems(kind, auth)}
    if export is not None:
        problems.update(export_problems(ConnectionKind(connection.kind), export))
    _refuse(problems)
    connection = Connection.objects.select_related("organization").get(pk=connection.pk)
    if not connection.is_connected:
        raise Refusal({"": "This account is disconnected: connect it again instead."})
    if export is not None:
        migration.refuse_when_open(connection)
    if settings.get("name", connection.name) != connection.name:
        _refuse_taken_name(connection.organization, settings["name"])
    tried = _try_again(connection, auth, export, say) if auth or export else None
    return _saved(connection, lambda: _save_changes(connection, settings, auth, export, tried))


@transaction.atomic
def disconnect(connection: Connection) -> None:
    """Erase the credentials and stop all work; everything imported and discovered is kept."""
    if not _locked(connection).is_connected:
        return
    connection.access_key_id = connection.role_arn = connection.secret_access_key = ""
    connection.through = None
    connection.disconnected_at = timezone.now()
    connection.save(update_fields=[*_SIGNING_IN, "disconnected_at"])
    schedules.remove(connection)
    health.refresh(connection)
    health.refresh_linked(connection)
    record("connection.disconnected", organization=connection.organization, obj=connection)


@transaction.atomic
def set_paused(connection: Connection, *, paused: bool) -> None:
    """Stop scheduled work, or go on with it. The costs so far stay in the totals.

    Raises Refusal when it was disconnected.
    """
    _locked_connected(connection)
    connection.is_paused = paused
    connection.save(update_fields=["is_paused"])
    schedules.apply(connection)
    health.refresh(connection)
    event = "connection.paused" if paused else "connection.resumed"
    record(event, organization=connection.organization, obj=connection)


# --- asking AWS -----------------------------------------------------------------------------
def _try(
    connection: Connection,
    session: AwsSession,
    identity: Identity,
    *,
    given: ExportInput | None,
    present: Export | None,
    patience: Patience,
    say: Say,
) -> _Tried:
    """Verify the given export and try all permissions, in the time that is left."""
    done: list[str] = []

    def ask() -> _Tried:
        export = present
        if given is not None:
            export = settled_export(session, given, identity, patience, done.append)
        needed = checks.needed_permissions(connection, export)
        # A second less than there is: what is late is unknown, and the rest is still saved.
        seconds = min(_PROBE_SECONDS, max(0.0, patience.left - 1))
        return _Tried(identity, export, try_permissions(session, needed, seconds=seconds))

    with half_way(done):
        try:
            return in_time(ask, patience)
        finally:
            note_done(connection, identity, done, say)


def _try_again(
    connection: Connection, auth: AuthInput | None, export: ExportInput | None, say: Say
) -> _Tried:
    if auth is not None and auth.method == AuthMethod.COSTS_ONLY:
        return _without_signing_in(connection, auth)
    credentials: Credentials
    if auth is None:
        credentials = stored_credentials(connection)
    else:
        credentials = entered_credentials(connection.organization, auth)
        connection.auth_method = auth.method
    patience = patience_for(export)
    session, identity = in_time(lambda: sign_in(credentials, account=str(connection)), patience)
    if identity.account_id != connection.account_id:
        raise Refusal(
            {
                "auth": f"These credentials belong to the account {identity.account_id}, but this"
                f" connection is of {connection.account_id}. Connect that account by itself."
            }
        )
    present = connection.current_export
    return _try(
        connection, session, identity, given=export, present=present, patience=patience, say=say
    )


def _without_signing_in(connection: Connection, auth: AuthInput) -> _Tried:
    if auth.account_id != connection.account_id:
        raise Refusal({"auth.account_id": f"This connection is of {connection.account_id}."})
    arn = f"arn:{connection.partition}:iam::{connection.account_id}:root"
    connection.auth_method = auth.method
    return _Tried(Identity(connection.account_id, arn), None, [])


def _refuse(problems: dict[str, str]) -> None:
    if problems:
        raise Refusal(problems)


def _refuse_taken_name(organization: Organization, name: str) -> None:
    if Connection.objects.of(organization).connected().filter(name=name).exists():
        raise _taken_name(name)


def _taken_name(name: str) -> Refusal:
    return Refusal({"name": f"There is a connection “{name}” already: choose another name."})


def _refuse_connected(organization: Organization, account_id: str) -> None:
    present = Connection.objects.of(organization).connected().filter(account_id=account_id).first()
    if present is not None:
        raise _conflict(account_id, f", as “{present.name}”")


def _conflict(account_id: str, named: str = "") -> Refusal:
    return Refusal(
        {
            "": f"The account {account_id} is connected already{named}. To change its"
            " credentials or export, update that connection."
        },
        is_conflict=True,
    )


# --- saving ---------------------------------------------------------------------------------
def _revived(organization: Organization, identity: Identity) -> Connection | None:
    gone = Connection.objects.of(organization).filter(account_id=identity.account_id)
    found: Connection | None = gone.exclude(disconnected_at=None).order_by("-pk").first()
    return found


def _saved(connection: Connection, save: Any) -> Connection:
    """Save; somebody who was quicker with the same account or name is a refusal too."""
    try:
        save()
    except IntegrityError as error:
        if "account_connected_once" in str(error):
            raise _conflict(connection.account_id) from None
        if "connection_name_once" in str(error):
            raise _taken_name(connection.name) from None
        raise
    return connection


def _locked(connection: Connection) -> Connection:
    """Let nobody else write the connection in this transaction; return it as it is now."""
    found: Connection = Connection.objects.select_for_update().get(pk=connection.pk)
    return found


def _locked_connected(connection: Connection) -> Connection:
    """Likewise. AWS takes its time: somebody may have disconnected the account meanwhile."""
    found = _locked(connection)
    if not found.is_connected:
        raise Refusal({"": f"{found} was disconnected meanwhile: connect it again instead."})
    return found


@transaction.atomic
def _save_new(connection: Connection, auth: AuthInput, tried: _Tried) -> None:
    is_back = connection.pk is not None
    if is_back and _locked(connection).is_connected:
        raise _conflict(connection.account_id)
    _set_credentials(connection, auth)
    connection.disconnected_at, connection.is_paused = None, False
    connection.save()
    if is_back:
        health.forget_troubles(connection)
    if tried.export is not None:
        _save_export(connection, tried.export)
    schedules.apply(connection)
    _settle(connection, tried)
    record(
        "connection.reconnected" if is_back else "connection.connected",
        organization=connection.organization,
        obj=connection,
        changes=_told(connection, auth, tried.export),
    )


@transaction.atomic
def _save_changes(
    connection: Connection,
    settings: dict[str, Any],
    auth: AuthInput | None,
    export: ExportInput | None,
    tried: _Tried | None,
) -> None:
    connection.is_paused = _locked_connected(connection).is_paused
    for name, value in settings.items():
        setattr(connection, name, value)
    if auth is not None:
        _set_credentials(connection, auth)
    # What else was changed while AWS was asked stays so.
    connection.save(update_fields=[*settings, *(_SIGNING_IN if auth is not None else ())])
    if tried is not None and export is not None and tried.export is not None:
        _save_export(connection, tried.export)
    schedules.apply(connection)
    if tried is not None:
        _settle(connection, tried)
    changes = {**settings, **_told(connection, auth, tried.export if tried and export else None)}
    record(
        "connection.updated",
        organization=connection.organization,
        obj=connection,
        changes=changes,
    )


def _set_credentials(connection: Connection, auth: AuthInput) -> None:
    """Set the method and its fields; what the method does not use is erased."""
    connection.auth_method = auth.method
    connection.access_key_id = auth.access_key_id
    connection.secret_access_key = auth.secret_access_key
    connection.role_arn = auth.role_arn
    connection.through_id = auth.through_id


def _save_export(connection: Connection, export: Export) -> None:
    """Make this the connection's current export; others are kept, retired."""
    now = timezone.now()
    same = connection.exports.filter(
        bucket=export.bucket, prefix=export.prefix, name=export.name
    ).first()
    if same is not None:
        export.pk, export.created_at = same.pk, same.created_at
        export._state.adding = False
    export.connection, export.retired_at = connection, None
    export.replaces, export.counts_from = None, None
    connection.exports.filter(retired_at=None).exclude(pk=export.pk).update(retired_at=now)
    export.save()


def _settle(connection: Connection, tried: _Tried) -> None:
    """Keep the check, work out the status, start the work that what was entered is for."""
    if tried.results:
        checks.keep_results(connection, tried.results)
    connection.refresh_from_db(fields=_STATUS)
    health.refresh(connection)
    health.refresh_linked(connection)
    if not connection.is_paused:
        _start_work(connection)


def _start_work(connection: Connection) -> None:
    for job in jobs.jobs_of(connection):
        if job.name == checks.JOB:
            continue
        try:
            with transaction.atomic():
                job.start(connection, Trigger.CONNECT)
        except RunFailure as failure:
            # One is under way already, most likely; the schedule starts the next in any case.
            logger.info("%s of %s was not started: %s", job.name, connection, failure.message)


_SIGNING_IN = ("auth_method", "access_key_id", "secret_access_key", "role_arn", "through")
_STATUS = ["status", "status_since", "status_message", "status_hint"]


def _told(connection: Connection, auth: AuthInput | None, export: Export | None) -> dict[str, Any]:
    """Return what the audit trail keeps: never a secret."""
    told: dict[str, Any] = {}
    if auth is not None:
        told["auth"] = {"method": str(auth.method)}
        if auth.method == AuthMethod.ASSUME_ROLE:
            told["auth"]["role_arn"] = auth.role_arn
            told["auth"]["through"] = auth.through_id
    if export is not None:
        told["export"] = {
            "schema": export.schema,
            "place": f"s3://{export.bucket}/{export.root_key}",
        }
    return {"account_id": connection.account_id, "kind": connection.kind, **told}
