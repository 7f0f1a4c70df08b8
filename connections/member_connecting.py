"""Connecting many members of a payer account at once, each for itself."""

import re
from collections.abc import Sequence
from typing import Any

from celery import current_app
from django.db import IntegrityError, transaction

from connections import services
from connections.inputs import AuthInput, ConnectionInput, Refusal
from connections.jobs import serialize_run
from connections.models import (
    Account,
    AuthMethod,
    Connection,
    ConnectionKind,
    MemberConnecting,
    RoleSource,
)
from organizations.after_commit import after_commit
from organizations.audit import acting_as
from organizations.runs import ErrorClass, RunFailure, Trigger, perform

_TASK = "connections.tasks.connect_members"
_ROLE_NAME = re.compile(r"[\w+=,.@/-]{1,512}", re.ASCII)
_MOST = 1000
CONNECTED, UPDATED, ALREADY, REFUSED = "connected", "updated", "already", "refused"


def request_connecting(
    payer: Connection,
    account_ids: Sequence[str],
    *,
    role_name: str = "",
    role_source: RoleSource = RoleSource.PAYER,
    trigger: Trigger = Trigger.MANUAL,
) -> MemberConnecting:
    """Connect members of a payer as linked accounts; return the run with a result for each.

    With a `role_name` each is tried for real by a worker, through the role of this name in the
    account; without one they count from the payer's bill at once, and the run has ended when it is
    returned. Raises Refusal.
    """
    wanted = list(dict.fromkeys(account_ids))
    role_name = role_name.strip().strip("/").removeprefix("role/")
    problems = _problems(payer, wanted, role_name)
    if problems:
        raise Refusal(problems)
    try:
        with transaction.atomic():
            run: MemberConnecting = MemberConnecting.objects.create(
                connection=payer,
                trigger=trigger,
                account_ids=wanted,
                role_name=role_name,
                role_source=role_source,
            )
    except IntegrityError:
        raise Refusal(
            {"": f"Other members of {payer} are being connected just now. Wait for that to end."},
            is_conflict=True,
        ) from None
    if not role_name:
        return run_connecting(run)
    send(run)
    return run


def send(run: MemberConnecting) -> None:
    """Hand a queued run to a worker after commit; the watchdog sends again what got lost."""
    after_commit(current_app.send_task, _TASK, [run.pk])


def run_connecting(run: MemberConnecting) -> MemberConnecting:
    """Do a queued run here and now, in the name of who asked for it."""
    with acting_as(run.requested_by):
        return perform(run, _work)


def _problems(payer: Connection, account_ids: Sequence[str], role_name: str) -> dict[str, str]:
    if not payer.is_connected or payer.kind != ConnectionKind.ROOT:
        return {"": f"{payer} is no connected payer account, so it has no members."}
    found = {}
    # Compared here, not in PostgreSQL, which takes no NUL.
    unknown = sorted(set(account_ids) - set(members_of(payer).values_list("account_id", flat=True)))
    if not account_ids:
        found["account_ids"] = "Choose at least one account."
    elif len(account_ids) > _MOST:
        found["account_ids"] = f"Connect at most {_MOST} accounts at once."
    elif unknown:
        found["account_ids"] = (
            f"Neither the bill nor the AWS organization of {payer} names"
            f" {', '.join(unknown[:5])}{' …' if len(unknown) > 5 else ''} as a member."
        )
    if role_name and not _ROLE_NAME.fullmatch(role_name):
        found["role_name"] = (
            "Enter the role's name as in countinghouse-read: letters, digits and _ + = , . @ - /."
        )
    return found


def members_of(payer: Connection) -> Any:
    """Return the Accounts that the payer's bill or AWS organization names, without itself."""
    mine = Account.objects.of(payer.organization_id).filter(payer_account_id=payer.account_id)
    return mine.exclude(account_id=payer.account_id)


def _work(run: MemberConnecting) -> None:
    payer = run.connection
    named = dict(members_of(payer).values_list("account_id", "name"))
    for done, account_id in enumerate(run.account_ids):
        run.advance("connecting", accounts=len(run.account_ids), accounts_done=done)
        name = named.get(account_id, "")
        state, message, connection = _connect_one(run, account_id, name)
        row = {
            "account_id": account_id,
            "name": name,
            "state": state,
            "message": message,
            "connection": connection.pk if connection else None,
        }
        run.results = [*run.results, row]
        MemberConnecting.objects.filter(pk=run.pk).update(results=run.results)
    run.advance("connecting", accounts=len(run.account_ids), accounts_done=len(run.account_ids))


def _connect_one(
    run: MemberConnecting, account_id: str, name: str
) -> tuple[str, str, Connection | None]:
    """Return what came of one account: its state, a sentence, its connection."""
    organization = run.connection.organization
    present: Connection | None = (
        Connection.objects.of(organization).connected().filter(account_id=account_id).first()
    )
    auth = _auth(run, account_id)
    try:
        if present is None:
            made = services.connect(
                organization,
                ConnectionInput(
                    name=_free_name(run.connection, account_id, name),
                    kind=ConnectionKind.LINKED,
                    auth=auth,
                ),
            )
            return CONNECTED, _said(made), made
        if not present.is_costs_only or auth.method == AuthMethod.COSTS_ONLY:
            return ALREADY, f"It is connected already, as “{present.name}”.", present
        changed = services.update_connection(present, auth=auth)
        return UPDATED, _said(changed), changed
    except RunFailure as failure:
        if failure.error_class == ErrorClass.BUG:
            raise
        sentence = " ".join(filter(None, (failure.message, failure.hint)))
        return REFUSED, sentence, present


def _auth(run: MemberConnecting, account_id: str) -> AuthInput:
    if not run.role_name:
        return AuthInput(AuthMethod.COSTS_ONLY, account_id=account_id)
    payer = run.connection
    return AuthInput(
        AuthMethod.ASSUME_ROLE,
        role_arn=f"arn:{payer.partition}:iam::{account_id}:role/{run.role_name}",
        through_id=payer.pk if run.role_source == RoleSource.PAYER else None,
    )


def _free_name(payer: Connection, account_id: str, name: str) -> str:
    """Return the account's name as a connection's, with its id where another one has the name."""
    taken = Connection.objects.of(payer.organization_id).connected()
    if not name or taken.filter(name=name[:100]).exists():
        return f"{name[:80]} {account_id}".strip()
    return name[:100]


def _said(connection: Connection) -> str:
    if connection.is_costs_only:
        return "Connected for costs only: all its months in the payer's bill count now."
    return "Connected: its costs count, and its resources are being discovered."


def serialize(run: MemberConnecting) -> dict[str, Any]:
    """Return what the API says of a run: a result for each account."""
    return {**serialize_run(run), "results": run.results}
