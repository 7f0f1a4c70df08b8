"""The permission check of a connection: each permission tried for real, kept as a CheckRun."""

from collections.abc import Iterable
from typing import Any

from celery import current_app
from django.db import IntegrityError, transaction
from django.utils import timezone

from connections import health, jobs, probes
from connections.aws.session import PROMPT, session_for
from connections.jobs import Permission, serialize_run
from connections.models import CheckRun, Connection, Export
from organizations.after_commit import after_commit
from organizations.runs import (
    ACTIVE_STATES,
    ErrorClass,
    RunFailure,
    RunState,
    Trigger,
    perform,
)

JOB = "check"
_TASK = "connections.tasks.run_check"
_SECONDS = 60.0


def needed_permissions(connection: Connection, export: Export | None) -> list[Permission]:
    """Return every permission that the work on this connection needs, each action once."""
    found = {one.action: one for one in probes.permissions_of(export)}
    for job in jobs.jobs_of(connection):
        for one in job.permissions:
            found.setdefault(one.action, one)
    found.pop(probes.SIGN_IN.action, None)
    return list(found.values())


def request_check(connection: Connection, trigger: Trigger) -> CheckRun:
    """Queue a check; where one is under way already, return that one. Raises RunFailure."""
    if not connection.is_connected:
        raise RunFailure(
            ErrorClass.CONFIG, f"{connection} is disconnected.", "Connect the account again first."
        )
    try:
        with transaction.atomic():
            run = CheckRun.objects.create(connection=connection, trigger=trigger)
    except IntegrityError:
        return CheckRun.objects.get(connection=connection, state__in=ACTIVE_STATES)
    send(run)
    return run


def send(run: CheckRun) -> None:
    """Hand a queued check to a worker once the transaction under way has committed.

    A broker that is away loses nothing: the watchdog sends queued checks again.
    """
    after_commit(current_app.send_task, _TASK, [run.pk])


def run_check(run: CheckRun) -> CheckRun:
    """Do a queued check and note the outcome."""
    run = perform(run, _work)
    if run.is_ours:
        health.note_outcome(run.connection, JOB, run, problem=probes.first_refusal(run.results))
    return run


def _work(run: CheckRun) -> None:
    connection = run.connection
    export = connection.current_export
    run.advance("permissions")
    run.results = probes.try_permissions(
        session_for(connection, config=PROMPT),
        needed_permissions(connection, export),
        seconds=_SECONDS,
    )


def keep_results(connection: Connection, results: list[dict[str, str]]) -> CheckRun:
    """Save the outcome of a check that was made while connecting."""
    now = timezone.now()
    run: CheckRun = CheckRun.objects.create(
        connection=connection,
        trigger=Trigger.CONNECT,
        state=RunState.SUCCEEDED,
        started_at=now,
        finished_at=now,
        results=results,
    )
    health.note_outcome(connection, JOB, run, problem=probes.first_refusal(results))
    return run


def latest_results(connections: Iterable[Connection]) -> dict[int, list[dict[str, str]]]:
    """Return {connection's id: the rows of its last finished check}."""
    finished = CheckRun.objects.filter(connection__in=connections).exclude(state__in=ACTIVE_STATES)
    last = finished.order_by("connection_id", "-queued_at", "-pk").distinct("connection_id")
    return {run.connection_id: list(run.results) for run in last}


def serialize(run: CheckRun) -> dict[str, Any]:
    """Return what the API says of a check: a run and its rows."""
    return {**serialize_run(run), "results": run.results}
