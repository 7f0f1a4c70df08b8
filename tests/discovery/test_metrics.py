"""Figures of CloudWatch: asked for once a day, kept by day, and what is found by them."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from connections.models import ConnectionStatus
from discovery import finding_services
from discovery.metrics.wanted import DAYS
from discovery.models import DiscoveryScope, Finding, FindingThresholds, Resource, ResourceMetrics
from discovery.permissions import needed_permissions
from organizations.access import Role
from organizations.runs import RunState
from tests.cast import Cast
from tests.discovery.world import REGION, World, declared_actions

pytestmark = pytest.mark.django_db

Days = Sequence[float | None]


def midnight() -> datetime:
    return datetime.combine(timezone.now().date(), time(), UTC)


def put(
    world: World, namespace: str, metric: str, dimensions: dict[str, str], days: Days, **given: Any
) -> None:
    """Give a metric a value at noon of each of the last days; None: no value on that day."""
    start = midnight() - timedelta(days=len(days))
    data = [
        {
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Timestamp": start + timedelta(days=number, hours=12),
            "Value": value,
        }
        for number, value in enumerate(days)
        if value is not None
    ]
    region = given.get("region", REGION)
    world.root("cloudwatch", region).put_metric_data(Namespace=namespace, MetricData=data)


def used(world: World, instance: str, cpu: Days, network: Days) -> None:
    by_id = {"InstanceId": instance}
    put(world, "AWS/EC2", "CPUUtilization", by_id, cpu)
    put(world, "AWS/EC2", "NetworkIn", by_id, network)
    put(world, "AWS/EC2", "NetworkOut", by_id, network)


def values_of(world: World, resource_id: str) -> dict[str, list[float | None]]:
    values: dict[str, list[float | None]] = ResourceMetrics.objects.get(
        resource=world.resource(resource_id)
    ).values
    return values


def calls(world: World) -> int:
    return sum(one["count"] for one in world.requests() if one["action"] == "GetMetricData")


def let_age(world: World, **by: int) -> None:
    """Let everything have been launched long ago; discovery says it was just now."""
    for row in Resource.objects.all():
        for name in ("launched_at", "created_at"):
            if name in row.attributes:
                row.attributes[name] = "2020-01-05T10:20:30Z"
        row.first_seen = datetime(2020, 1, 5, tzinfo=UTC)
        row.save()
    finding_services.find(world.connection)


def found(rule: str) -> dict[str, str]:
    rows = Finding.objects.filter(rule=rule, closed_at=None)
    return dict(rows.values_list("resource__resource_id", "evidence"))


def test_instances_have_a_figure_for_each_day_and_gaps_stay_gaps(world: World) -> None:
    instance = world.instance()
    used(world, instance, [1.5, None, 3.25], [1000.0, 2000.0, 3000.0])
    run = world.discover()
    assert (run.state, run.warnings) == (RunState.SUCCEEDED, [])
    assert run.coverage["metrics"] == {REGION: 1}
    before = [None] * (DAYS - 3)
    assert values_of(world, instance) == {
        "cpu": [*before, 1.5, None, 3.25],
        "network_in": [*before, 1000.0, 2000.0, 3000.0],
        "network_out": [*before, 1000.0, 2000.0, 3000.0],
    }
    row = ResourceMetrics.objects.get()
    assert row.first_day == (midnight() - timedelta(days=DAYS)).date()


def test_each_kind_of_load_balancer_is_asked_for_its_own_metrics(world: World) -> None:
    elb, subnets = world.root("elbv2"), world.subnets()
    elb.create_load_balancer(Name="app", Subnets=subnets)
    elb.create_load_balancer(Name="net", Subnets=subnets, Type="network")
    world.root("elb").create_load_balancer(
        LoadBalancerName="old",
        Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}],
        AvailabilityZones=[f"{REGION}a"],
    )
    ids = {
        one["LoadBalancerName"]: one["LoadBalancerArn"].partition(":loadbalancer/")[2]
        for one in elb.describe_load_balancers()["LoadBalancers"]
    }
    app, net = ({"LoadBalancer": ids[name]} for name in ("app", "net"))
    put(world, "AWS/ApplicationELB", "RequestCount", app, [7.0])
    put(world, "AWS/NetworkELB", "ProcessedBytes", net, [8.0])
    put(world, "AWS/NetworkELB", "NewFlowCount", net, [9.0])
    put(world, "AWS/ELB", "RequestCount", {"LoadBalancerName": "old"}, [10.0])
    world.discover()
    last = {
        resource_id: {name: days[-1:] for name, days in values_of(world, resource_id).items()}
        for resource_id in (ids["app"], ids["net"], "old")
    }
    assert last == {
        ids["app"]: {"requests": [7.0]},
        ids["net"]: {"processed_bytes": [8.0], "new_flows": [9.0]},
        "old": {"requests": [10.0], "processed_bytes": []},
    }


def test_a_buckets_size_is_that_of_all_its_storage_classes(world: World) -> None:
    world.root("s3", "us-east-1").create_bucket(
        Bucket="big", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    for storage, size in (("StandardStorage", 5e9), ("GlacierStorage", 2e9)):
        where = {"BucketName": "big", "StorageType": storage}
        put(world, "AWS/S3", "BucketSizeBytes", where, [size, size])
    where = {"BucketName": "big", "StorageType": "AllStorageTypes"}
    put(world, "AWS/S3", "NumberOfObjects", where, [41.0, 42.0])
    world.discover()
    assert values_of(world, "big")["size"][-1] == 7e9
    assert values_of(world, "big")["objects"][-1] == 42.0


def test_figures_are_asked_for_once_a_day_in_batches(world: World) -> None:
    for _ in range(2):
        world.root("ec2").run_instances(ImageId="ami-0b301ce3ce347599c", MinCount=90, MaxCount=90)
    world.forget_requests()
    world.discover()
    assert calls(world) == 2  # 540 metrics
    world.discover()
    assert calls(world) == 2
    DiscoveryScope.objects.filter(family="metrics").update(
        last_complete_at=midnight() - timedelta(seconds=1)
    )
    world.discover()
    assert calls(world) == 4


def test_denied_metrics_hurt_only_themselves_and_are_said(world: World) -> None:
    world.allow(declared_actions(without=["cloudwatch:GetMetricData"]))
    instance = world.instance()
    run = world.discover()
    assert (run.state, run.found > 0) == (RunState.SUCCEEDED, True)
    assert run.coverage["metrics"] == {REGION: "permission"}
    [warning] = [one for one in run.warnings if "CloudWatch" in one]
    assert "cloudwatch:GetMetricData" in warning and REGION in warning
    assert not ResourceMetrics.objects.exists()
    world.connection.refresh_from_db()
    assert world.connection.status != ConnectionStatus.DEGRADED
    assert world.resource(instance).gone_at is None


def test_the_permission_is_declared_with_a_harmless_try(world: World) -> None:
    actions = {one.action for one in needed_permissions()}
    assert "cloudwatch:GetMetricData" in actions


def test_an_instance_that_does_nothing_is_found_and_a_busy_one_is_not(world: World) -> None:
    idle, busy, chatty, unknown = (world.instance() for _ in range(4))
    used(world, idle, [0.4, *[0.3] * 13], [2e6] * 14)
    used(world, busy, [*[0.3] * 13, 80.0], [2e6] * 14)
    used(world, chatty, [0.3] * 14, [*[2e6] * 13, 9e9])
    used(world, unknown, [0.3] * 13, [2e6] * 13)
    world.discover()
    assert found("idle_instances") == {}  # they were launched just now
    let_age(world)
    assert found("idle_instances") == {
        idle: "On each of the last 14 days its CPU was at 0.4 % at most on average, and it moved"
        " 4.0 MB at most."
    }
    one = Finding.objects.get(rule="idle_instances")
    assert one.since == midnight() - timedelta(days=14)
    assert one.cost_ids == [idle]
    finding_services.set_thresholds(world.connection.organization, {"idle_days": 13})
    assert set(found("idle_instances")) == {idle, unknown}
    assert FindingThresholds.objects.get().idle_days == 13
    # Without figures of these days nothing can be told, and nothing is closed.
    ResourceMetrics.objects.update(measured_at=timezone.now() - timedelta(days=9))
    finding_services.find(world.connection)
    assert set(found("idle_instances")) == {idle, unknown}


def test_a_free_volume_of_which_cloudwatch_is_silent_is_found_at_once(world: World) -> None:
    silent, used_lately, new = world.volume(), world.volume(), world.volume()
    put(world, "AWS/EBS", "VolumeReadBytes", {"VolumeId": used_lately}, [1e6, None, None])
    world.discover()
    old = Resource.objects.filter(resource_id__in=[silent, used_lately])
    for row in old:
        row.attributes["created_at"] = "2020-01-05T10:20:30Z"
        row.save()
    finding_services.find(world.connection)
    one = Finding.objects.get(rule="unattached_volumes", closed_at=None)
    assert one.resource.resource_id == silent != new
    assert one.since == midnight() - timedelta(days=DAYS)


def test_a_load_balancer_is_idle_by_what_came_in(world: World) -> None:
    elb, subnets = world.root("elbv2"), world.subnets()
    for name in ("silent", "redirects"):
        elb.create_load_balancer(Name=name, Subnets=subnets)
    ids = {
        one["LoadBalancerName"]: one["LoadBalancerArn"].partition(":loadbalancer/")[2]
        for one in elb.describe_load_balancers()["LoadBalancers"]
    }
    where = {"LoadBalancer": ids["redirects"]}
    put(world, "AWS/ApplicationELB", "RequestCount", where, [5.0])
    world.discover()
    let_age(world)
    assert found("idle_load_balancers") == {
        ids["silent"]: "Nothing has come in on any of the last 14 days."
    }
    ResourceMetrics.objects.all().delete()
    finding_services.find(world.connection)
    assert found("idle_load_balancers") == dict.fromkeys(ids.values(), "It has no target group.")


def test_the_figures_show_on_the_resources_page_and_in_the_api(world: World, cast: Cast) -> None:
    instance = world.instance()
    used(world, instance, [12.5, 40.0], [3e6, 1e6])
    world.discover()
    pk = world.resource(instance).pk
    text = cast.browser("victor").get(f"/o/acme/resources/{pk}/").content.decode()
    assert "CPU, average of the day" in text and "40.0 %" in text and "3.0 MB" in text
    told = cast.api(Role.VIEWER).get(f"/api/v1/resources/{pk}/").json()["metrics"]
    yesterday = (midnight() - timedelta(days=1)).date().isoformat()
    assert told["cpu"][yesterday] == 40.0
    other = world.volume()
    world.discover()
    page = cast.browser("victor").get(f"/o/acme/resources/{world.resource(other).pk}/")
    assert page.status_code == 200 and "CPU" not in page.content.decode()
