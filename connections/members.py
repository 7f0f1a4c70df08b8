"""The members of a payer's AWS organization: listed every day and on demand, kept as Accounts."""

from typing import Any

from celery import current_app
from django.db import IntegrityError, transaction

from connections import health
from connections.aws.organization import AwsOrganization, read_organization
from connections.aws.session import session_for
from connections.jobs import serialize_run
from connections.models import Account, Connection, MemberListing
from organizations.after_commit import after_commit
from organizations.runs import ACTIVE_STATES, ErrorClass, RunFailure, Trigger, perform

JOB = "members"
_TASK = "connections.tasks.list_members"


def request_listing(connection: Connection, trigger: Trigger) -> MemberListing:
    """Queue a listing; where one is under way already, return that one. Raises RunFailure."""
    if not connection.is_connected:
        raise RunFailure(
            ErrorClass.CONFIG, f"{connection} is disconnected.", "Connect the account again first."
        )
    try:
        with transaction.atomic():
            run = MemberListing.objects.create(connection=connection, trigger=trigger)
    except IntegrityError:
        return MemberListing.objects.get(connection=connection, state__in=ACTIVE_STATES)
    send(run)
    return run


def send(run: MemberListing) -> None:
    """Hand a queued listing to a worker after commit; the watchdog sends again what got lost."""
    after_commit(current_app.send_task, _TASK, [run.pk])


def run_listing(run: MemberListing) -> MemberListing:
    """Do a queued listing and note the outcome."""
    run = perform(run, _work)
    if run.is_ours:
        health.note_outcome(run.connection, JOB, run)
    return run


def _work(run: MemberListing) -> None:
    run.advance("organization")
    found = read_organization(session_for(run.connection))
    if found.payer_account_id not in ("", run.connection.account_id):
        raise RunFailure(
            ErrorClass.CONFIG,
            f"{run.connection} is not the payer of its AWS organization: that is"
            f" {found.payer_account_id}.",
            "Connect that account as the payer; this one is a linked account.",
        )
    for sentence in found.warnings:
        run.warn(sentence)
    with transaction.atomic():
        run.hold()
        _keep(run.connection, found)
    run.aws_organization_id, run.members = found.id, len(found.members)


def _keep(payer: Connection, found: AwsOrganization) -> None:
    """Write the members down; an account that left keeps its name and loses unit and status."""
    mine = Account.objects.of(payer.organization_id)
    ids = [one.account_id for one in found.members]
    gone = mine.filter(payer_account_id=payer.account_id).exclude(account_id__in=ids)
    gone.update(status="", organizational_unit="")
    Account.objects.bulk_create(
        (
            Account(
                organization_id=payer.organization_id,
                account_id=one.account_id,
                name=one.name[:200],
                organizational_unit=one.unit[:500],
                status=one.status[:30],
                payer_account_id=payer.account_id,
            )
            for one in found.members
        ),
        update_conflicts=True,
        unique_fields=["organization", "account_id"],
        update_fields=["name", "organizational_unit", "status", "payer_account_id"],
    )
    health.refresh_linked(payer)


def serialize(run: MemberListing) -> dict[str, Any]:
    """Return what the API says of a listing."""
    return {**serialize_run(run), "members": run.members, "warnings": run.warnings}
