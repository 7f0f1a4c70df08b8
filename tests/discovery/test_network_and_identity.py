"""What is found of snapshots, images, addresses, gateways, groups, and IAM users."""

import pytest

from discovery.collectors.base import tags_of
from discovery.collectors.ebs_snapshots import EBS_SNAPSHOTS
from discovery.collectors.ec2_images import EC2_IMAGES
from discovery.collectors.elastic_ips import ELASTIC_IPS
from discovery.collectors.iam_users import IAM_USERS
from discovery.collectors.nat_gateways import NAT_GATEWAYS
from discovery.collectors.network_interfaces import NETWORK_INTERFACES
from discovery.collectors.security_groups import SECURITY_GROUPS
from discovery.collectors.target_groups import TARGET_GROUPS
from discovery.models import Resource
from tests.discovery.world import ACCOUNT, REGION, World

pytestmark = pytest.mark.django_db


def arn(rest: str) -> str:
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:{rest}"


def test_only_own_snapshots_are_found(world: World) -> None:
    volume = world.volume(size=9)
    made = world.root("ec2").create_snapshot(VolumeId=volume, Description="nightly")["SnapshotId"]
    run = world.discover(EBS_SNAPSHOTS)
    found = world.resource(made)
    assert run.found == 1
    assert (found.arn, found.cost_id) == (arn(f"snapshot/{made}"), made)
    assert found.attributes["volume_id"] == volume
    assert found.attributes["volume_size_gib"] == 9
    assert found.attributes["description"] == "nightly"


def test_only_own_images_are_found_with_their_snapshots(world: World) -> None:
    image = world.root("ec2").create_image(InstanceId=world.instance(), Name="golden")["ImageId"]
    run = world.discover(EC2_IMAGES)
    found = world.resource(image)
    assert run.found == 1
    assert (found.name, found.state) == ("golden", "available")
    assert found.attributes["snapshots"]


def test_an_address_says_whether_it_is_used_and_by_what(world: World) -> None:
    ec2 = world.root("ec2")
    used, free = (ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2))
    instance = world.instance()
    ec2.associate_address(AllocationId=used, InstanceId=instance)
    world.discover(ELASTIC_IPS)
    assert world.resource(used).state == "associated"
    assert world.resource(used).attributes["instance_id"] == instance
    assert world.resource(used).attributes["network_interface_id"].startswith("eni-")
    assert world.resource(free).state == "unassociated"
    assert (world.resource(free).arn, world.resource(free).cost_id) == (
        arn(f"elastic-ip/{free}"),
        free,
    )


def test_a_network_interface_says_where_it_is_attached(world: World) -> None:
    instance = world.instance()
    world.discover(NETWORK_INTERFACES)
    found = Resource.objects.get()
    assert (found.state, found.attributes["instance_id"]) == ("in-use", instance)
    assert found.arn == arn(f"network-interface/{found.resource_id}")
    assert found.cost_id == found.resource_id


def test_a_nat_gateway_is_found_until_it_is_deleted(world: World) -> None:
    ec2 = world.root("ec2")
    address = ec2.allocate_address(Domain="vpc")
    gateway = ec2.create_nat_gateway(
        SubnetId=world.subnets()[0], AllocationId=address["AllocationId"]
    )["NatGateway"]["NatGatewayId"]
    world.discover(NAT_GATEWAYS)
    found = world.resource(gateway)
    assert (found.state, found.arn) == ("available", arn(f"natgateway/{gateway}"))
    assert found.attributes["public_ips"] == [address["PublicIp"]]
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    assert world.discover(NAT_GATEWAYS).gone == 1


def test_a_security_group_says_what_it_lets_in_from_everywhere(world: World) -> None:
    ec2 = world.root("ec2")
    group = ec2.create_security_group(GroupName="door", Description="A door")["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8"}],
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
            },
            {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        ],
    )
    world.discover(SECURITY_GROUPS)
    found = world.resource(group)
    assert found.name == "door"
    ssh = {"protocol": "tcp", "from_port": 22, "to_port": 22}
    assert sorted(found.attributes["open_to_everywhere"], key=str) == sorted(
        [
            {**ssh, "source": "0.0.0.0/0"},
            {**ssh, "source": "::/0"},
            {"protocol": "-1", "source": "0.0.0.0/0"},
        ],
        key=str,
    )


def test_a_target_group_says_how_its_targets_are(world: World) -> None:
    ec2, elb = world.root("ec2"), world.root("elbv2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = elb.create_target_group(
        Name="web", Protocol="HTTP", Port=80, VpcId=vpc, Tags=[{"Key": "Owner", "Value": "ann"}]
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": world.instance()}])
    world.discover(TARGET_GROUPS)
    found = Resource.objects.get()
    assert found.arn == group
    assert group.endswith(f":targetgroup/{found.resource_id}")
    assert (found.name, found.tags) == ("web", {"Owner": "ann"})
    assert sum(found.attributes["targets"].values()) == 1
    assert "load_balancers" not in found.attributes


def test_users_and_their_keys_say_when_they_were_used(world: World) -> None:
    iam = world.root("iam")
    iam.create_user(UserName="ann")
    iam.create_login_profile(UserName="ann", Password="A long pass phrase 1!")
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
    run = world.discover(IAM_USERS)
    assert run.warnings == []
    ann, portal = world.resource("ann"), world.resource("portal")
    assert (ann.region, ann.arn) == ("global", f"arn:aws:iam::{ACCOUNT}:user/ann")
    assert ann.attributes["has_password"] is True
    assert portal.attributes["has_password"] is False
    unused = world.resource(key)
    assert (unused.type, unused.name, unused.state) == ("iam_access_key", "ann", "Inactive")
    assert "last_used_at" not in unused.attributes


def test_no_secret_of_a_key_is_ever_stored(world: World) -> None:
    world.discover(IAM_USERS)
    secret = world.connection.secret_access_key
    assert not [one for one in Resource.objects.values() if secret in str(one)]


def test_of_a_tag_that_comes_twice_the_first_counts() -> None:
    twice = {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}, {"Key": "b"}]}
    assert tags_of(twice) == {"a": "1", "b": ""}
    assert tags_of({}) == {}
