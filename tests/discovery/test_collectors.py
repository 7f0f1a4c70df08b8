"""What each collector finds, and that it asks for exactly the permissions that it declares."""

import pytest

from demo.aws.calls import S3_OPERATIONS
from discovery.collectors import COLLECTORS
from discovery.collectors.classic_load_balancers import CLASSIC_LOAD_BALANCERS
from discovery.collectors.ebs_volumes import EBS_VOLUMES
from discovery.collectors.ec2_instances import EC2_INSTANCES
from discovery.collectors.load_balancers import LOAD_BALANCERS
from discovery.collectors.s3_buckets import S3_BUCKETS
from discovery.models import Resource, ResourceType
from organizations.runs import RunState
from tests.discovery.world import ACCOUNT, REGION, World, declared_actions

pytestmark = pytest.mark.django_db

_IAM_NAMES = dict(S3_OPERATIONS.values())


def test_an_instance_is_found_with_what_it_is(world: World) -> None:
    instance_id = world.instance(Name="web", CostCenter="CC-1")
    volume = world.root("ec2").describe_volumes()["Volumes"][0]["VolumeId"]
    run = world.discover(EC2_INSTANCES)
    found = world.resource(instance_id)
    assert (run.state, run.found, run.added) == (RunState.SUCCEEDED, 1, 1)
    assert (found.type, found.region, found.account_id) == ("ec2_instance", REGION, ACCOUNT)
    assert found.arn == f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance_id}"
    assert found.cost_id == instance_id
    assert (found.name, found.state) == ("web", "running")
    assert found.tags == {"Name": "web", "CostCenter": "CC-1"}
    assert found.attributes["volumes"] == [volume]
    assert found.attributes["launched_at"].endswith("Z")


def test_instances_of_every_enabled_region_are_found(world: World) -> None:
    ids = {region: world.instance(region) for region in ("us-east-1", "sa-east-1", "eu-south-1")}
    world.discover(EC2_INSTANCES)
    assert {one.region: one.resource_id for one in Resource.objects.all()} == ids


def test_a_terminated_instance_is_none(world: World) -> None:
    instance_id = world.instance()
    world.root("ec2").terminate_instances(InstanceIds=[instance_id])
    run = world.discover(EC2_INSTANCES)
    assert run.found == 0


def test_every_page_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_page_sizes(), "ec2", 5)
    ids = {world.volume() for _ in range(12)}
    world.forget_requests()
    world.discover(EBS_VOLUMES)
    asked = sum(
        one["count"]
        for one in world.requests()
        if one["action"] == "DescribeVolumes" and one["region"] == REGION
    )
    assert asked == 3
    assert set(Resource.objects.values_list("resource_id", flat=True)) == ids


def _page_sizes() -> dict[str, int]:
    from discovery.collectors import base

    return base._PAGE_SIZES


def test_a_volume_says_what_it_is_attached_to(world: World) -> None:
    instance_id, free = world.instance(), world.volume(size=20)
    world.discover(EBS_VOLUMES)
    attached = Resource.objects.exclude(resource_id=free).get()
    assert attached.attributes["attached_to"] == [instance_id]
    assert (attached.state, world.resource(free).state) == ("in-use", "available")
    assert "attached_to" not in world.resource(free).attributes
    assert world.resource(free).attributes["size_gib"] == 20


def test_buckets_are_found_in_their_regions_with_what_makes_them_public(world: World) -> None:
    s3 = world.root("s3", "us-east-1")
    s3.create_bucket(Bucket="plain-one")
    s3.create_bucket(Bucket="open-one", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket="open-one", Tagging={"TagSet": [{"Key": "Owner", "Value": "ann"}]})
    s3.put_public_access_block(
        Bucket="open-one", PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    s3.put_bucket_acl(Bucket="open-one", ACL="public-read")
    run = world.discover(S3_BUCKETS)
    plain, opened = world.resource("plain-one"), world.resource("open-one")
    assert run.warnings == []
    assert (plain.region, opened.region) == ("us-east-1", REGION)
    assert (plain.tags, opened.tags) == ({}, {"Owner": "ann"})
    assert plain.attributes["public_grants"] == []
    assert opened.attributes["public_grants"] == ["READ"]
    assert plain.attributes["policy_is_public"] is False
    assert plain.attributes["public_access_block"]["BlockPublicAcls"] is False
    assert opened.attributes["public_access_block"]["BlockPublicAcls"] is True
    assert opened.cost_id == "open-one"
    assert "unknown" not in opened.attributes


def test_load_balancers_of_each_kind_are_found(world: World) -> None:
    elb, subnets = world.root("elbv2"), world.subnets()
    for kind in ("application", "network", "gateway"):
        elb.create_load_balancer(
            Name=f"a-{kind}", Type=kind, Subnets=subnets, Tags=[{"Key": "Kind", "Value": kind}]
        )
    world.discover(LOAD_BALANCERS)
    found = {one.attributes["kind"]: one for one in Resource.objects.all()}
    assert set(found) == {"application", "network", "gateway"}
    for kind, one in found.items():
        assert (one.name, one.tags) == (f"a-{kind}", {"Kind": kind})
        assert one.resource_id == one.cost_id == one.arn.partition(":loadbalancer/")[2]


def test_more_load_balancers_than_one_tags_call_takes_keep_their_own_tags(world: World) -> None:
    elb, subnets = world.root("elbv2"), world.subnets()
    for number in range(23):
        elb.create_load_balancer(
            Name=f"lb-{number}", Subnets=subnets, Tags=[{"Key": "Number", "Value": str(number)}]
        )
    run = world.discover(LOAD_BALANCERS)
    assert run.found == 23
    assert all(one.tags == {"Number": one.name[3:]} for one in Resource.objects.all())


def test_what_the_account_blocks_for_all_buckets_is_known_of_each(world: World) -> None:
    world.root("s3", "us-east-1").create_bucket(Bucket="one-bucket")
    world.discover(S3_BUCKETS)
    assert not any(world.resource("one-bucket").attributes["account_public_access_block"].values())
    blocked = {"RestrictPublicBuckets": True, "IgnorePublicAcls": True}
    world.block_public_access(**blocked)
    world.discover(S3_BUCKETS)
    told = world.resource("one-bucket").attributes["account_public_access_block"]
    assert {name for name, value in told.items() if value} == set(blocked)
    world.allow(declared_actions(without=["s3:GetAccountPublicAccessBlock"]))
    run = world.discover(S3_BUCKETS)
    assert world.resource("one-bucket").attributes["unknown"] == ["account_public_access_block"]
    assert "s3:GetAccountPublicAccessBlock" in " ".join(run.warnings)


def test_a_classic_load_balancer_says_how_its_instances_are(world: World) -> None:
    elb, instance_id = world.root("elb"), world.instance()
    elb.create_load_balancer(
        LoadBalancerName="old",
        Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}],
        AvailabilityZones=[f"{REGION}a"],
        Tags=[{"Key": "Age", "Value": "old"}],
    )
    elb.register_instances_with_load_balancer(
        LoadBalancerName="old", Instances=[{"InstanceId": instance_id}]
    )
    world.discover(CLASSIC_LOAD_BALANCERS)
    found = world.resource("old")
    assert found.type == ResourceType.LOAD_BALANCER
    assert (
        found.cost_id
        == found.arn
        == f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/old"
    )
    assert found.tags == {"Age": "old"}
    assert found.attributes["instances"] == [instance_id]
    assert found.attributes["targets"] == {"InService": 1}


def test_odd_names_and_tags_are_kept_as_they_are(world: World) -> None:
    markup, long = "<script>alert('x')</script>", "日" * 256
    odd = world.instance(Name=markup, owner="a", Owner="b", empty="")
    named_long = world.instance(Name=long)
    unnamed = world.instance()
    world.discover(EC2_INSTANCES)
    assert world.resource(odd).name == markup
    assert world.resource(odd).tags == {"Name": markup, "owner": "a", "Owner": "b", "empty": ""}
    assert world.resource(named_long).name == long
    assert (world.resource(unnamed).name, world.resource(unnamed).tags) == ("", {})


def test_an_empty_account_is_a_run_that_succeeded(world: World) -> None:
    run = world.discover()
    assert (run.state, run.warnings) == (RunState.SUCCEEDED, [])
    assert set(run.coverage) == {collector.family for collector in COLLECTORS}
    # The IAM user that the portal signs in with is all that there is.
    assert set(Resource.objects.values_list("type", flat=True)) <= {
        "iam_user",
        "iam_access_key",
    } | {"security_group"}


def test_each_collector_makes_exactly_the_calls_and_types_that_it_declares(world: World) -> None:
    world.fill()
    made, found, warnings = {}, {}, []
    for collector in COLLECTORS:
        world.forget_requests()
        warnings += world.discover(collector).warnings
        asked = {_iam_action(one["service"], one["action"]) for one in world.requests()}
        made[collector.family] = asked - {"ec2:DescribeRegions", "monitoring:GetMetricData"}
        kept = Resource.objects.filter(family=collector.family)
        found[collector.family] = set(kept.values_list("type", flat=True))
    assert made == {one.family: {call.action for call in one.calls} for one in COLLECTORS}
    assert found == {one.family: set(one.types) for one in COLLECTORS}
    assert warnings == []


def _iam_action(service: str, operation: str) -> str:
    if service == "s3control":
        return "s3:GetAccountPublicAccessBlock"
    return f"{service}:{_IAM_NAMES.get(operation, operation) if service == 's3' else operation}"
