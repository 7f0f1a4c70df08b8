"""Background work on connections. Tasks carry ids only; a run row is the truth."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from connections import checks, health, member_connecting, members
from connections.models import CheckRun, Connection, MemberConnecting, MemberListing
from organizations.runs import RunState, Trigger, release_stale

# A queued check that no worker took in this time was lost on its way: it is sent again.
_LOST_AFTER = timedelta(minutes=5)
_KEEP = timedelta(days=90)


@shared_task(name="connections.tasks.run_check")
def run_check(run_id: int) -> None:
    """Do one queued check."""
    run = CheckRun.objects.select_related("connection__organization").filter(pk=run_id).first()
    if run is not None:
        checks.run_check(run)


@shared_task(name="connections.tasks.check_connection")
def check_connection(connection_id: int) -> None:
    """Check a connection by schedule, unless it was paused or disconnected meanwhile."""
    connection = Connection.objects.active().filter(pk=connection_id).first()
    if connection is not None:
        checks.request_check(connection, Trigger.SCHEDULE)


@shared_task(name="connections.tasks.watch_checks")
def watch_checks() -> None:
    """End checks whose worker died, and send those again that got lost on their way."""
    for run in release_stale(CheckRun):
        health.note_outcome(run.connection, checks.JOB, run)
    limit = timezone.now() - _LOST_AFTER
    for run in CheckRun.objects.filter(state=RunState.QUEUED, queued_at__lt=limit):
        checks.send(run)


@shared_task(name="connections.tasks.prune_checks")
def prune_checks() -> None:
    """Forget old checks, but never a connection's last one."""
    latest = CheckRun.objects.order_by("connection_id", "-queued_at", "-pk").distinct(
        "connection_id"
    )
    old = CheckRun.objects.filter(queued_at__lt=timezone.now() - _KEEP)
    old.exclude(pk__in=latest.values("pk")).delete()
    MemberListing.objects.filter(queued_at__lt=timezone.now() - _KEEP).delete()


@shared_task(name="connections.tasks.list_members")
def list_members(run_id: int) -> None:
    """Do one queued listing of members."""
    run = MemberListing.objects.select_related("connection__organization").filter(pk=run_id).first()
    if run is not None:
        members.run_listing(run)


@shared_task(name="connections.tasks.list_members_of")
def list_members_of(connection_id: int) -> None:
    """List a payer's members by schedule, unless it was paused or disconnected meanwhile."""
    connection = Connection.objects.active().filter(pk=connection_id).first()
    if connection is not None:
        members.request_listing(connection, Trigger.SCHEDULE)


@shared_task(name="connections.tasks.connect_members")
def connect_members(run_id: int) -> None:
    """Connect the members that one queued run names."""
    runs = MemberConnecting.objects.select_related("connection__organization")
    run = runs.filter(pk=run_id).first()
    if run is not None:
        member_connecting.run_connecting(run)


@shared_task(name="connections.tasks.watch_members")
def watch_members() -> None:
    """End listings and connectings whose worker died, and send again what got lost."""
    for listing in release_stale(MemberListing):
        health.note_outcome(listing.connection, members.JOB, listing)
    release_stale(MemberConnecting)
    limit = timezone.now() - _LOST_AFTER
    for listing in MemberListing.objects.filter(state=RunState.QUEUED, queued_at__lt=limit):
        members.send(listing)
    for run in MemberConnecting.objects.filter(state=RunState.QUEUED, queued_at__lt=limit):
        member_connecting.send(run)
