"""What is kept of a resource's past, and the page that shows it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from connections.resource_costs import CostLine, ResourceKey
from discovery.collectors.ec2_instances import EC2_INSTANCES
from discovery.collectors.s3_buckets import S3_BUCKETS
from discovery.models import Resource, ResourceChange
from organizations.access import Role
from tests.cast import Cast
from tests.discovery.world import World

pytestmark = pytest.mark.django_db


def history(resource_id: str) -> list[tuple[str, str | None, str | None]]:
    """Return what changed, the oldest first."""
    changes = ResourceChange.objects.filter(resource__resource_id=resource_id).order_by("pk")
    return list(changes.values_list("field", "before", "after"))


def test_states_tags_and_existence_are_kept_when_they_change(world: World) -> None:
    instance = world.instance(Owner="ann", Team="x")
    world.discover(EC2_INSTANCES)
    world.discover(EC2_INSTANCES)
    assert history(instance) == []
    ec2 = world.root("ec2")
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "Owner", "Value": "bob"}])
    ec2.delete_tags(Resources=[instance], Tags=[{"Key": "Team"}])
    ec2.stop_instances(InstanceIds=[instance])
    world.discover(EC2_INSTANCES)
    assert history(instance) == [
        ("state", "running", "stopped"),
        ("tag:Owner", "ann", "bob"),
        ("tag:Team", "x", None),
    ]
    ec2.terminate_instances(InstanceIds=[instance])
    world.discover(EC2_INSTANCES)
    assert history(instance)[3:] == [("existence", "exists", "gone")]


def test_the_page_of_a_resource_shows_everything(
    cast: Cast, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = world.instance(Name="<i>web</i>", Owner="ann")
    world.discover(EC2_INSTANCES)
    resource = world.resource(instance)
    volume = resource.attributes["volumes"][0]
    today = timezone.now().date()
    last_month = date(today.year - (today.month == 1), (today.month - 2) % 12 + 1, 1)
    asked: list[Any] = []

    def lines(organization: Any, *, start: date, end: date, keys: Any) -> list[CostLine]:
        asked.append((organization, start, {key.id for key in keys}))
        own, other = (ResourceKey(world.account_id, one) for one in (instance, volume))
        return [
            CostLine(own, today, "BoxUsage:t3.micro", Decimal("1.10"), "USD"),
            CostLine(own, today, "DataTransfer-Out-Bytes", Decimal("0.02"), "USD"),
            CostLine(own, last_month, "BoxUsage:t3.micro", Decimal("30"), "USD"),
            CostLine(other, today, "EBS:VolumeUsage.gp3", Decimal("0.5"), "USD"),
        ]

    monkeypatch.setattr("billing.resource_costs.resource_cost_lines", lines)
    ResourceChange.objects.create(
        resource=resource, at=timezone.now(), field="tag:Owner", before=None, after="ann"
    )
    answer = cast.api(Role.VIEWER).get(f"/api/v1/resources/{resource.pk}/").json()
    assert asked[0] == (cast.acme, last_month, {instance, volume})
    [costs] = answer["costs"]
    assert (costs["month_to_date"], costs["last_month"]) == ("1.12", "30")
    assert costs["days"][today.isoformat()] == "1.12"
    assert costs["days"][last_month.isoformat()] == "30"
    assert [(one["id"], one["relation"], one["month_to_date"]) for one in costs["parts"]] == [
        (instance, "", "1.1"),
        (instance, "", "0.02"),
        (volume, "volume of this instance", "0.5"),
    ]
    assert answer["changes"][0]["field"] == "tag:Owner"
    url = f"/o/{cast.acme.slug}/resources/{resource.pk}/"
    page = cast.browser("victor").get(url).content.decode()
    for text in (
        instance,
        "volume of this instance",
        "tag:Owner",
        resource.attributes["instance_type"],
        "$1.12",
        "$30.00",
    ):
        assert text in page, text
    assert "<i>web</i>" not in page
    assert cast.browser("boris").get(url).status_code == 404
    assert Resource.objects.count() == 1


def test_the_page_of_a_resource_writes_times_as_pages_do(world: World, cast: Cast) -> None:
    world.instance()
    world.discover(EC2_INSTANCES)
    row = Resource.objects.get()
    row.attributes = {
        "launched_at": "2026-03-01T09:05:07Z",
        "public_ips": ["203.0.113.7"],
        "description": "2026-02-30T09:05:07Z",
    }
    row.save()
    text = cast.browser("victor").get(f"/o/acme/resources/{row.pk}/").content.decode()
    assert "1 Mar 2026, 09:05 UTC" in text
    assert "2026-02-30T09:05:07Z" in text  # no such day: somebody's own text
    assert "Public IPs" in text


def test_tags_that_aws_tells_again_were_not_put_on(world: World) -> None:
    s3 = world.root("s3", "us-east-1")
    s3.create_bucket(Bucket="book")
    s3.put_bucket_tagging(Bucket="book", Tagging={"TagSet": [{"Key": "Owner", "Value": "ann"}]})
    world.discover(S3_BUCKETS)
    world.fault({"service": "s3", "path": "book", "code": "AccessDenied", "status": 403})
    world.discover(S3_BUCKETS)
    assert "tags" in world.resource("book").attributes["unknown"]

    world.mend()
    world.discover(S3_BUCKETS)

    assert world.resource("book").tags == {"Owner": "ann"}
    assert history("book") == []
