"""The schedule of connections: stable names, operators' intervals, administrators' changes kept."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from connections import jobs, schedules
from connections.models import Connection, ConnectionKind
from connections.tasks import check_connection, prune_checks, watch_checks
from organizations.runs import STALE_AFTER, RunState, Trigger
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def make(cast: Cast, number: int = 1) -> Connection:
    made: Connection = Connection.objects.create(
        organization=cast.acme,
        kind=ConnectionKind.ROOT,
        name=f"Account {number}",
        account_id=f"{number:012d}",
    )
    return made


def check_of(connection: Connection) -> PeriodicTask:
    return PeriodicTask.objects.get(name=f"countinghouse: check connection {connection.pk}")


def test_each_kind_of_work_has_a_task_that_carries_the_id_alone(cast: Cast) -> None:
    connection = make(cast)
    schedules.apply(connection)
    ours = PeriodicTask.objects.filter(name__endswith=f" connection {connection.pk}")
    assert ours.count() == len(jobs.jobs_of(connection))
    for task in ours:
        assert json.loads(task.args) == [connection.pk]
        assert json.loads(task.kwargs) == {}


def test_connections_do_not_all_start_at_once(cast: Cast) -> None:
    made = [make(cast, number) for number in range(1, 9)]
    for one in made:
        schedules.apply(one)
    due = sorted(schedules.next_run(jobs.job("check"), one) or timezone.now() for one in made)
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(due)]
    assert min(gaps) > 3600  # eight checks a day: evenly they would lie three hours apart


def test_an_administrators_change_survives_a_deploy(cast: Cast) -> None:
    connection = make(cast)
    call_command("setup_schedules")
    task = check_of(connection)
    task.interval = IntervalSchedule.objects.create(every=7, period=IntervalSchedule.DAYS)
    task.enabled = False
    task.save()
    call_command("setup_schedules")
    task.refresh_from_db()
    assert task.interval.every == 7
    assert not task.enabled


def test_setting_up_creates_what_is_missing_and_removes_what_is_gone(cast: Cast) -> None:
    connection = make(cast)
    missing = schedules.ensure_all()
    assert missing == len(jobs.jobs_of(connection)) + len(jobs.portal_tasks())
    assert schedules.ensure_all() == 0
    own = PeriodicTask.objects.create(
        name="an administrator's own",
        task="x",
        interval=IntervalSchedule.objects.create(every=1, period=IntervalSchedule.DAYS),
    )
    Connection.objects.update(disconnected_at=timezone.now())
    schedules.ensure_all()
    assert not PeriodicTask.objects.filter(name__contains=" connection ").exists()
    assert PeriodicTask.objects.filter(pk=own.pk).exists()


def test_a_connection_is_taken_off_without_touching_others(cast: Cast) -> None:
    one, two = make(cast, 1), make(cast, 2)
    schedules.apply(one)
    schedules.apply(two)
    schedules.remove(one)
    assert not PeriodicTask.objects.filter(name__endswith=f" connection {one.pk}").exists()
    assert check_of(two)


def test_a_paused_connection_is_not_checked_by_schedule(cast: Cast) -> None:
    connection = make(cast)
    check_connection(connection.pk)
    assert connection.checks.count() == 1
    connection.checks.all().delete()
    connection.is_paused = True
    connection.save()
    check_connection(connection.pk)
    assert not connection.checks.exists()


def test_a_check_whose_worker_died_is_ended(cast: Cast) -> None:
    connection = make(cast)
    run = connection.checks.create(
        trigger=Trigger.MANUAL,
        state=RunState.RUNNING,
        heartbeat_at=timezone.now() - 2 * STALE_AFTER,
    )
    watch_checks()
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert connection.health.get(job="check").message == run.error_message


def test_old_checks_are_forgotten_but_never_the_last(cast: Cast) -> None:
    connection = make(cast)
    for _ in range(3):
        run = connection.checks.create(trigger=Trigger.SCHEDULE, state=RunState.SUCCEEDED)
    old = timezone.now() - timedelta(days=100)
    connection.checks.update(queued_at=old)
    prune_checks()
    assert list(connection.checks.values_list("pk", flat=True)) == [run.pk]
