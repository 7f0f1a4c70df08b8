"""First seen, unchanged, changed, gone, back again; and what a denied or silent region does."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config
from django.db import connection as database
from django.utils import timezone

from connections.health import refresh
from connections.models import Connection, ConnectionStatus, JobHealth
from discovery import beside, reports, services
from discovery.collectors.ebs_volumes import EBS_VOLUMES
from discovery.collectors.ec2_instances import EC2_INSTANCES
from discovery.collectors.load_balancers import LOAD_BALANCERS
from discovery.collectors.s3_buckets import S3_BUCKETS
from discovery.models import DiscoveryRun, DiscoveryScope, Resource
from organizations.runs import ErrorClass, RunFailure, RunState, Trigger, release_stale
from tests.cast import Cast
from tests.discovery.world import REGION, World, build_world

pytestmark = pytest.mark.django_db

DENIED = {"service": "ec2", "action": "DescribeVolumes", "code": "UnauthorizedOperation"}


@pytest.fixture(autouse=True)
def quick_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask twice at most: a fault of these tests does not pass."""
    twice = Config(retries={"total_max_attempts": 2})
    monkeypatch.setattr(services, "SURVEYING", services.SURVEYING.merge(twice))


def version(resource: Resource) -> str:
    """Return the transaction that wrote the row last."""
    with database.cursor() as cursor:
        cursor.execute("SELECT xmin::text FROM discovery_resource WHERE id = %s", [resource.pk])
        return str(cursor.fetchone()[0])


def last_seen(resource: Resource) -> datetime:
    """Return what people are told."""
    (row,) = reports.rows_of(resource.organization, [resource.pk])
    return row.last_seen


@pytest.fixture(autouse=True)
def no_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are not about costs: no bill names anything."""

    def nothing(*args: Any, **kwargs: Any) -> dict[Any, Any]:
        return {}

    monkeypatch.setattr("billing.resource_costs.resource_costs", nothing)


def test_a_resource_that_did_not_change_is_not_written(world: World) -> None:
    volume = world.volume()
    first = world.discover(EBS_VOLUMES)
    before = version(world.resource(volume))
    second = world.discover(EBS_VOLUMES)
    assert version(world.resource(volume)) == before
    assert (second.found, second.added, second.changed, second.gone) == (1, 0, 0, 0)
    assert second.started_at is not None and first.finished_at is not None
    assert last_seen(world.resource(volume)) >= second.started_at > first.finished_at


def test_a_changed_resource_is_the_same_row_with_its_first_sight(world: World) -> None:
    instance = world.instance(Name="old name")
    world.discover(EC2_INSTANCES)
    before = world.resource(instance)
    world.root("ec2").stop_instances(InstanceIds=[instance])
    world.root("ec2").create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": "new"}])
    run = world.discover(EC2_INSTANCES)
    after = world.resource(instance)
    assert (after.pk, after.first_seen) == (before.pk, before.first_seen)
    assert (after.name, after.state) == ("new", "stopped")
    assert after.last_seen > before.last_seen
    assert (run.added, run.changed) == (0, 1)


def test_what_a_complete_answer_no_longer_names_is_gone_and_kept(world: World) -> None:
    volume = world.volume()
    world.discover(EBS_VOLUMES)
    second = world.discover(EBS_VOLUMES)
    world.root("ec2").delete_volume(VolumeId=volume)
    third = world.discover(EBS_VOLUMES)
    row = world.resource(volume)
    assert third.gone == 1
    assert row.gone_at is not None and third.started_at is not None
    assert row.gone_at >= third.started_at
    # The second run saw it, though it did not write the row.
    assert second.started_at is not None
    assert second.started_at <= row.last_seen < third.started_at
    assert last_seen(row) == row.last_seen
    assert world.discover(EBS_VOLUMES).gone == 0


def test_a_resource_that_returns_is_the_same_row(world: World) -> None:
    s3 = world.root("s3", "us-east-1")
    s3.create_bucket(Bucket="there-and-back")
    world.discover(S3_BUCKETS)
    before = world.resource("there-and-back")
    s3.delete_bucket(Bucket="there-and-back")
    world.discover(S3_BUCKETS)
    assert world.resource("there-and-back").gone_at is not None
    s3.create_bucket(Bucket="there-and-back")
    run = world.discover(S3_BUCKETS)
    after = world.resource("there-and-back")
    assert (after.pk, after.first_seen, after.gone_at) == (before.pk, before.first_seen, None)
    assert (run.added, run.changed) == (0, 1)


def test_a_denied_region_hurts_only_itself(world: World) -> None:
    here, there = world.volume(REGION), world.volume("us-west-2")
    world.discover(EBS_VOLUMES)
    for region, volume in ((REGION, here), ("us-west-2", there)):
        world.root("ec2", region).delete_volume(VolumeId=volume)
    world.fault({**DENIED, "status": 403, "region": REGION})
    run = world.discover(EBS_VOLUMES)
    assert run.state == RunState.SUCCEEDED
    assert run.coverage["ebs_volumes"][REGION] == ErrorClass.PERMISSION
    assert run.coverage["ebs_volumes"]["us-west-2"] == 0
    (warning,) = run.warnings
    assert REGION in warning and "ec2:DescribeVolumes" in warning
    assert world.resource(here).gone_at is None
    assert world.resource(there).gone_at is not None
    scope = DiscoveryScope.objects.get(region=REGION, family="ebs_volumes")
    assert not scope.is_complete
    assert scope.error_class == ErrorClass.PERMISSION
    assert last_seen(world.resource(here)) == scope.last_complete_at
    world.mend()
    assert world.discover(EBS_VOLUMES).gone == 1
    assert world.resource(here).gone_at is not None


def test_a_denied_region_makes_the_connection_degraded_until_it_answers(world: World) -> None:
    JobHealth.objects.create(
        connection=world.connection,
        job="import",
        is_ok=True,
        since="2026-01-01T00:00Z",
        last_run_at="2026-01-01T00:00Z",
        last_success_at="2026-01-01T00:00Z",
    )
    refresh(world.connection)
    world.fault({**DENIED, "status": 403, "region": REGION})
    world.discover(EBS_VOLUMES)
    connection = Connection.objects.get(pk=world.connection.pk)
    assert connection.status == ConnectionStatus.DEGRADED
    assert "ec2:DescribeVolumes" in connection.status_message
    world.mend()
    world.discover(EBS_VOLUMES)
    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.HEALTHY


def test_a_region_that_hangs_times_out_and_the_others_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = world.volume("us-west-2")
    hasty = Config(read_timeout=4, retries={"total_max_attempts": 1})
    monkeypatch.setattr(services, "SURVEYING", services.SURVEYING.merge(hasty))
    world.fault({"service": "ec2", "action": "DescribeVolumes", "region": REGION, "held": True})
    run = world.discover(EBS_VOLUMES)
    assert run.coverage["ebs_volumes"][REGION] == ErrorClass.TRANSIENT
    assert run.state == RunState.SUCCEEDED
    assert world.resource(volume).gone_at is None


def test_a_broken_page_keeps_what_was_seen_and_calls_nothing_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from discovery.collectors import base

    monkeypatch.setitem(base._PAGE_SIZES, "ec2", 5)
    volumes = {world.volume() for _ in range(7)}
    deny_second = {**DENIED, "code": "InternalError", "status": 500, "region": REGION, "skip": 1}
    world.fault(deny_second)
    run = world.discover(EBS_VOLUMES)
    assert run.coverage["ebs_volumes"][REGION] == ErrorClass.TRANSIENT
    assert Resource.objects.filter(resource_id__in=volumes, gone_at=None).count() == 5
    world.mend()
    assert (world.discover(EBS_VOLUMES).added, Resource.objects.count()) == (2, 7)
    world.fault(deny_second)
    assert world.discover(EBS_VOLUMES).gone == 0
    assert Resource.objects.filter(gone_at=None).count() == 7


def test_throttling_is_waited_out(world: World) -> None:
    volume = world.volume()
    world.fault(
        {**DENIED, "code": "RequestLimitExceeded", "status": 503, "region": REGION, "times": 1}
    )
    run = world.discover(EBS_VOLUMES)
    assert run.warnings == []
    assert world.resource(volume).gone_at is None


@pytest.mark.parametrize("in_second_process", [True, False])
def test_a_denied_bucket_detail_hurts_only_that_detail(
    world: World, monkeypatch: pytest.MonkeyPatch, *, in_second_process: bool
) -> None:
    monkeypatch.setattr(beside, "is_possible", lambda: in_second_process)
    s3 = world.root("s3", "us-east-1")
    for name in ("open-book", "closed-book"):
        s3.create_bucket(Bucket=name)
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "Owner", "Value": "ann"}]})
    world.fault({"service": "s3", "path": "closed-book", "code": "AccessDenied", "status": 403})
    run = world.discover(S3_BUCKETS, EBS_VOLUMES)
    closed, opened = world.resource("closed-book"), world.resource("open-book")
    assert run.state == RunState.SUCCEEDED
    assert opened.tags == {"Owner": "ann"}
    assert "unknown" not in opened.attributes
    assert closed.attributes["unknown"] == [
        "policy_is_public",
        "public_access_block",
        "public_grants",
        "tags",
    ]
    assert "policy_is_public" not in closed.attributes
    assert len(run.warnings) == 4
    assert all("closed-book" in told and "open-book" not in told for told in run.warnings)
    assert "s3:GetBucketTagging" in " ".join(run.warnings)


def test_a_load_balancer_deleted_between_two_calls_costs_the_others_no_tags(world: World) -> None:
    world.root("elbv2").create_load_balancer(
        Name="stays", Subnets=world.subnets(), Tags=[{"Key": "Owner", "Value": "ann"}]
    )
    world.root("elbv2").create_load_balancer(Name="goes", Subnets=world.subnets())
    world.fault(
        {
            "service": "elasticloadbalancing",
            "action": "DescribeTags",
            "code": "LoadBalancerNotFound",
            "times": 1,
        }
    )
    run = world.discover(LOAD_BALANCERS)
    assert run.warnings == []
    assert Resource.objects.get(name="stays").tags == {"Owner": "ann"}


def test_bad_credentials_fail_the_run_and_say_what_to_do(world: World) -> None:
    world.connection.secret_access_key = "zq4711zq"
    world.connection.save()
    run = world.discover(EBS_VOLUMES)
    assert run.error is not None
    assert run.error["class"] == ErrorClass.CONFIG
    assert "access key" in run.error["message"] + run.error["hint"]
    assert "zq4711zq" not in str(run.error)


def test_no_permission_at_all_is_a_failed_run_that_names_what_is_missing(world: World) -> None:
    world.allow(["sts:GetCallerIdentity"])
    run = world.discover(EBS_VOLUMES, S3_BUCKETS)
    assert run.error is not None
    assert run.error["class"] == ErrorClass.PERMISSION
    assert "ec2:DescribeRegions" in run.error["message"]


def test_buckets_are_found_even_where_regions_may_not_be_asked_for(world: World) -> None:
    world.root("s3", "us-east-1").create_bucket(Bucket="still-here")
    world.fault({"action": "DescribeRegions", "code": "UnauthorizedOperation", "status": 403})
    run = world.discover(S3_BUCKETS, EBS_VOLUMES)
    assert run.state == RunState.SUCCEEDED
    assert "ec2:DescribeRegions" in " ".join(run.warnings)
    assert world.resource("still-here").gone_at is None


def test_a_region_switched_off_hides_its_resources_but_does_not_end_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = world.volume("eu-south-1")
    world.discover(EBS_VOLUMES)
    enabled = services.enabled_regions

    def without(*args: Any) -> list[str]:
        return [region for region in enabled(*args) if region != "eu-south-1"]

    monkeypatch.setattr(services, "enabled_regions", without)
    run = world.discover(EBS_VOLUMES)
    assert world.resource(volume).gone_at is None
    (warning,) = run.warnings
    assert "eu-south-1 is no longer enabled" in warning
    gone = DiscoveryScope.objects.get(region="eu-south-1", family="ebs_volumes")
    assert not gone.is_complete


def test_the_same_account_in_two_organizations_is_two_sets_of_rows(
    world: World, cast: Cast
) -> None:
    volume = world.volume()
    other = Connection.objects.get(pk=world.connection.pk)
    other.pk, other.organization = None, cast.bolt
    other.save()
    world.discover(EBS_VOLUMES)
    assert not Resource.objects.of(cast.bolt).exists()
    acme = world.resource(volume)
    world.root("ec2").delete_volume(VolumeId=volume)
    kept, replaced = world.volume(), World(world.endpoint, other)
    replaced.discover(EBS_VOLUMES)
    assert world.resource(volume).pk == acme.pk
    assert world.resource(volume).gone_at is None
    assert [one.resource_id for one in Resource.objects.of(cast.bolt)] == [kept]


def test_two_accounts_do_not_end_each_others_resources(world: World, cast: Cast, aws: str) -> None:
    volume = world.volume()
    world.discover(EBS_VOLUMES)
    second = build_world(aws, cast.acme, account_id="444455556666", name="Second")
    own = second.volume()
    run = second.discover(EBS_VOLUMES)
    assert (run.found, run.gone) == (1, 0)
    assert world.resource(volume).gone_at is None
    assert world.resource(own).account_id == "444455556666"


def test_a_run_that_was_given_up_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.volume()
    run = services.create_run(world.connection, Trigger.MANUAL)
    real = services.enabled_regions

    def given_up_meanwhile(*args: Any) -> list[str]:
        DiscoveryRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
        assert release_stale(DiscoveryRun) == [run]
        return real(*args)

    monkeypatch.setattr(services, "enabled_regions", given_up_meanwhile)
    services.run_discovery(run, collectors=[EBS_VOLUMES])
    assert run.state == RunState.FAILED
    assert not Resource.objects.exists()
    assert not JobHealth.objects.exists()


def test_only_one_discovery_of_a_connection_is_under_way(world: World) -> None:
    services.create_run(world.connection, Trigger.MANUAL)
    with pytest.raises(RunFailure, match="under way already"):
        services.create_run(world.connection, Trigger.MANUAL)
