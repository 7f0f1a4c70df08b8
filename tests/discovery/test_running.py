"""How discoveries are started: by task, by schedule, by command; the watchdog; the admin."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from connections import jobs
from connections.aws.errors import AwsFailure
from connections.aws.session import session_for
from connections.jobs import CannotTellError
from connections.models import Connection, JobHealth
from discovery import services, tasks
from discovery.collectors.ebs_volumes import EBS_VOLUMES
from discovery.models import DiscoveryRun, Resource
from discovery.permissions import needed_permissions
from organizations.runs import STALE_AFTER, ErrorClass, RunFailure, RunState, Trigger
from tests.cast import Cast
from tests.discovery.world import REGION, World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def volumes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """One family is enough to see that a run is done."""
    monkeypatch.setattr(services.run_discovery, "__kwdefaults__", {"collectors": (EBS_VOLUMES,)})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would have gone to the broker."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.discover, "apply_async", lambda **message: messages.append(message))
    return messages


def test_the_button_sends_only_the_runs_id_after_commit(
    world: World, sent: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run = jobs.job("discover").start(world.connection, Trigger.MANUAL)
        assert sent == []
    assert sent == [{"args": [run.pk], "countdown": 0}]
    assert run.state == RunState.QUEUED


def test_the_task_does_the_run_and_notes_how_it_went(world: World) -> None:
    world.volume()
    run = services.create_run(world.connection, Trigger.MANUAL)
    tasks.discover(run.pk)
    run.refresh_from_db()
    assert (run.state, run.found) == (RunState.SUCCEEDED, 1)
    assert run.progress["scopes_done"] == run.progress["scopes"] > 10
    assert set(run.timings) == {"regions", "search", "metrics", "findings", "costs"}
    assert JobHealth.objects.get(job="discover").is_ok


def test_a_passing_fault_is_tried_again_and_a_wrong_key_is_not(
    world: World, sent: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    world.fault({"action": "DescribeRegions", "code": "InternalError", "status": 500})
    run = services.create_run(world.connection, Trigger.MANUAL)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.discover(run.pk)
    again = DiscoveryRun.objects.get(state=RunState.QUEUED)
    assert (again.attempt, again.trigger) == (2, Trigger.RETRY)
    assert sent == [{"args": [again.pk], "countdown": 60}]
    assert not JobHealth.objects.get(job="discover").is_ok
    world.mend()
    world.connection.secret_access_key = "wrong"
    world.connection.save()
    tasks.discover(again.pk)
    assert not DiscoveryRun.objects.filter(state=RunState.QUEUED).exists()


def test_a_message_that_comes_twice_does_the_work_once(world: World) -> None:
    run = services.create_run(world.connection, Trigger.MANUAL)
    tasks.discover(run.pk)
    world.forget_requests()
    tasks.discover(run.pk)
    assert world.requests() == []


def test_the_schedule_leaves_paused_and_busy_connections_alone(world: World) -> None:
    tasks.discover_connection(world.connection.pk)
    tasks.discover_connection(world.connection.pk)
    assert DiscoveryRun.objects.get().trigger == Trigger.SCHEDULE
    DiscoveryRun.objects.all().delete()
    Connection.objects.update(is_paused=True)
    tasks.discover_connection(world.connection.pk)
    assert not DiscoveryRun.objects.exists()
    world.connection.refresh_from_db()
    with pytest.raises(RunFailure, match="paused"):
        services.request_discovery(world.connection, Trigger.MANUAL)


def test_the_watchdog_ends_dead_runs_and_sends_lost_tasks_again(
    world: World, sent: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    dead = services.create_run(world.connection, Trigger.MANUAL)
    dead.claim()
    past = timezone.now() - timedelta(hours=1)
    DiscoveryRun.objects.update(heartbeat_at=past)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.watch()
    dead.refresh_from_db()
    assert (dead.state, dead.error_class) == (RunState.FAILED, ErrorClass.TRANSIENT)
    retry = DiscoveryRun.objects.get(state=RunState.QUEUED)
    assert [one["args"] for one in sent] == [[retry.pk]]
    DiscoveryRun.objects.filter(pk=retry.pk).update(queued_at=past)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.watch()
    assert [one["args"] for one in sent] == [[retry.pk], [retry.pk]]


def test_the_command_discovers_every_connection_and_prints_the_run(world: World) -> None:
    volume = world.volume()
    out = StringIO()
    call_command("discover_resources", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert (told["state"], told["found"], told["added"]) == ("succeeded", 1, 1)
    assert told["connection"] == world.connection.pk
    assert world.resource(volume).gone_at is None


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING])
def test_the_command_goes_on_where_a_killed_one_stopped(world: World, state: RunState) -> None:
    world.volume()
    dead = services.create_run(world.connection, Trigger.COMMAND)
    if state == RunState.RUNNING:
        dead.claim()
        DiscoveryRun.objects.update(heartbeat_at=timezone.now() - 2 * STALE_AFTER)
    out = StringIO()
    call_command("discover_resources", stdout=out)
    assert "succeeded, 1 found" in out.getvalue()
    dead.refresh_from_db()
    if state == RunState.RUNNING:
        assert (dead.state, dead.error_class) == (RunState.FAILED, ErrorClass.TRANSIENT)
    else:
        assert dead.state == RunState.SUCCEEDED


def test_the_command_fails_with_the_reason(world: World) -> None:
    with pytest.raises(CommandError, match="no connection 0"):
        call_command("discover_resources", "--connection", "0")
    world.connection.secret_access_key = "wrong"
    world.connection.save()
    with pytest.raises(CommandError, match="access key"):
        call_command(
            "discover_resources", "--connection", str(world.connection.pk), stdout=StringIO()
        )


def test_the_admin_shows_which_region_did_not_answer(world: World, cast: Cast) -> None:
    world.volume("us-west-2")
    world.fault(
        {
            "action": "DescribeVolumes",
            "region": REGION,
            "code": "UnauthorizedOperation",
            "status": 403,
        }
    )
    run = world.discover()
    page = cast.browser("oscar").get(reverse("admin:discovery_discoveryrun_change", args=[run.pk]))
    text = page.content.decode()
    assert page.status_code == 200
    assert "EBS volumes" in text and "us-west-2" in text
    assert "ec2:DescribeVolumes" in text
    assert '<td class="is-failure">permission</td>' in text
    listed = cast.browser("oscar").get(reverse("admin:discovery_discoveryrun_changelist"))
    assert listed.status_code == 200


def test_operators_search_resources_in_the_admin_and_markup_stays_text(
    world: World, cast: Cast
) -> None:
    markup = "<script>alert(1)</script>"
    world.root("ec2").create_tags(
        Resources=[world.volume()], Tags=[{"Key": "Name", "Value": markup}]
    )
    world.discover(EBS_VOLUMES)
    row = Resource.objects.get()
    listing = reverse("admin:discovery_resource_changelist")
    for page in (
        cast.browser("oscar").get(listing, {"q": "alert"}),
        cast.browser("oscar").get(reverse("admin:discovery_resource_change", args=[row.pk])),
    ):
        assert page.status_code == 200
        assert "&lt;script&gt;alert(1)" in page.content.decode()
        assert markup not in page.content.decode()
    assert row.resource_id not in cast.browser("boris").get(listing).content.decode()


def test_each_permission_can_be_tried_and_a_missing_one_is_named(world: World) -> None:
    world.fill()
    permissions = needed_permissions()
    session = session_for(world.connection)
    told = {one.action: outcome(one.probe, session) for one in permissions}
    assert set(told.values()) <= {"pass", "cannot tell"}
    world.allow(["sts:GetCallerIdentity"])
    told = {one.action: outcome(one.probe, session) for one in permissions}
    assert set(told.values()) == {"denied"}


def outcome(probe: Any, session: Any) -> str:
    try:
        probe(session)
    except CannotTellError:
        return "cannot tell"
    except AwsFailure as failure:
        return "denied" if failure.error_class == ErrorClass.PERMISSION else str(failure)
    return "pass"


def test_a_task_of_a_run_that_is_no_more_does_nothing(world: World) -> None:
    run = services.create_run(world.connection, Trigger.MANUAL)
    pk = run.pk
    run.delete()
    tasks.discover(pk)
    tasks.refresh_costs(0)
    assert not DiscoveryRun.objects.exists()
