"""Starting a discovery and doing it. The only writer of resources, runs and scopes."""

from collections.abc import Sequence
from contextlib import closing

from django.db import IntegrityError, transaction

from connections.aws.session import SURVEYING, AwsSession, session_for
from connections.health import note_outcome
from connections.models import Connection
from discovery import cost_services, finding_services
from discovery.collectors import COLLECTORS
from discovery.collectors.base import Collector
from discovery.jobs import JOB
from discovery.metrics.services import measure
from discovery.models import DiscoveryRun
from discovery.outcome import Outcome
from discovery.reconcile import mark_disabled_regions, reconcile
from discovery.regions import enabled_regions
from discovery.survey import ScopeAnswer, Survey, scopes_of
from organizations.after_commit import after_commit
from organizations.garbage import collecting_seldom
from organizations.models import Organization
from organizations.runs import (
    ErrorClass,
    RunFailure,
    RunState,
    Trigger,
    perform,
    release_stale,
)


def create_run(connection: Connection, trigger: Trigger, *, attempt: int = 1) -> DiscoveryRun:
    """Create a queued run. Raises RunFailure when the connection cannot be discovered now."""
    if connection.disconnected_at is not None:
        raise RunFailure(
            ErrorClass.CONFIG, f"{connection} is disconnected.", "Connect the account again first."
        )
    if connection.is_paused:
        raise RunFailure(ErrorClass.CONFIG, f"{connection} is paused.", "Resume it first.")
    try:
        with transaction.atomic():
            return DiscoveryRun.objects.create(
                connection=connection, trigger=trigger, attempt=attempt
            )
    except IntegrityError:
        raise RunFailure(
            ErrorClass.CONFIG,
            f"A discovery of {connection} is under way already.",
            "Wait for it to end; its result appears by itself.",
        ) from None


@transaction.atomic
def request_discovery(
    connection: Connection, trigger: Trigger, *, attempt: int = 1, delay: int = 0
) -> DiscoveryRun:
    """Create a run and send its task after commit, to start in `delay` seconds.

    Raises RunFailure when the connection cannot be discovered now. A broker that cannot be
    reached costs no run: the watchdog sends the task again.
    """
    run = create_run(connection, trigger, attempt=attempt)
    send(run, delay=delay)
    return run


def send(run: DiscoveryRun, *, delay: int = 0) -> None:
    """Send the run's task after commit. Sending it twice does no harm: one worker claims it."""
    from discovery.tasks import discover  # noqa: PLC0415 - tasks call services

    after_commit(discover.apply_async, args=[run.pk], countdown=delay)


def end_stale() -> list[DiscoveryRun]:
    """End the runs whose process is gone, and note it on their connections; return them."""
    ended = release_stale(DiscoveryRun)
    for run in ended:
        note_outcome(run.connection, JOB, run)
    return ended


def refresh_costs(organization: Organization) -> None:
    """Bring what resources cost, and the money of findings, up to the bills."""
    cost_services.refresh(organization)
    finding_services.price(organization)


def run_discovery(
    run: DiscoveryRun, *, collectors: Sequence[Collector] = COLLECTORS
) -> DiscoveryRun:
    """Do a queued run here and now, whatever comes; return it as it ended.

    It succeeds when some scope answered; what did not is said in its warnings and makes the
    connection degraded. It fails when nothing could be asked or nothing answered.
    """
    outcome = Outcome(run)
    with collecting_seldom():
        perform(run, lambda claimed: _search(claimed, collectors, outcome))
    if run.is_ours:
        note_outcome(run.connection, JOB, run, problem=outcome.problem)
    return run


def _search(run: DiscoveryRun, collectors: Sequence[Collector], outcome: Outcome) -> RunState:
    connection = run.connection
    session = session_for(connection, config=SURVEYING)
    with run.timed("regions"):
        regions = _regions(run, session, outcome)
    with run.timed("search"):
        survey = Survey(session, account_id=connection.account_id, partition=connection.partition)
        run.advance(scopes=len(scopes_of(collectors, regions)), scopes_done=0)
        with closing(survey.answers(collectors, regions)) as batches:
            for answers in batches:
                outcome.add(answers, reconcile(run, answers))
                run.advance(scopes_done=outcome.answered, found=run.found)
    with run.timed("metrics"):
        measure(run, session, regions, outcome)
    with run.timed("findings"):
        finding_services.find(connection)
    with run.timed("costs"):
        cost_services.refresh(connection.organization)
    outcome.conclude()
    return RunState.SUCCEEDED


def _regions(run: DiscoveryRun, session: AwsSession, outcome: Outcome) -> list[str]:
    """Return the enabled regions; none, and a trouble noted, where they may not be asked for.

    What belongs to no region can be searched even then.
    """
    answer = ScopeAnswer.of_regions()
    try:
        regions = enabled_regions(session, run.connection.partition)
    except RunFailure as failure:
        if failure.error_class != ErrorClass.PERMISSION:
            raise
        regions, answer.failure = [], failure
    else:
        for sentence in mark_disabled_regions(run, regions):
            run.warn(sentence)
    outcome.add([answer], reconcile(run, [answer]))
    return regions
