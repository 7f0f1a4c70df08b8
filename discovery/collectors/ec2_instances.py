"""EC2 instances."""

from collections.abc import Iterator
from typing import Any

from discovery.collectors.base import Call, Collector, Found, Place, arn, facts, pages, tags_of
from discovery.models import ResourceType

# A terminated instance is still described for about an hour; it exists no more.
_ENDED = ("terminated",)


def _collect(place: Place) -> Iterator[Found]:
    for reservation in pages(place, "ec2", "describe_instances", "Reservations"):
        for item in reservation["Instances"]:
            if item["State"]["Name"] not in _ENDED:
                yield _found(place, item)


def _found(place: Place, item: dict[str, Any]) -> Found:
    tags = tags_of(item)
    return Found(
        type=ResourceType.EC2_INSTANCE,
        resource_id=item["InstanceId"],
        region=place.region,
        arn=arn(place, "ec2", f"instance/{item['InstanceId']}"),
        name=tags.get("Name", ""),
        state=item["State"]["Name"],
        tags=tags,
        attributes=facts(
            instance_type=item.get("InstanceType"),
            availability_zone=item.get("Placement", {}).get("AvailabilityZone"),
            platform=item.get("PlatformDetails") or item.get("Platform"),
            architecture=item.get("Architecture"),
            lifecycle=item.get("InstanceLifecycle"),
            image_id=item.get("ImageId"),
            launched_at=item.get("LaunchTime"),
            state_reason=item.get("StateTransitionReason"),
            private_ip=item.get("PrivateIpAddress"),
            public_ip=item.get("PublicIpAddress"),
            vpc_id=item.get("VpcId"),
            subnet_id=item.get("SubnetId"),
            security_groups=[group["GroupId"] for group in item.get("SecurityGroups", [])],
            volumes=[
                device["Ebs"]["VolumeId"]
                for device in item.get("BlockDeviceMappings", [])
                if "Ebs" in device
            ],
        ),
    )


EC2_INSTANCES = Collector(
    family="ec2_instances",
    label="EC2 instances",
    types=(ResourceType.EC2_INSTANCE,),
    calls=(Call("ec2", "describe_instances", "Find EC2 instances", probe={"MaxResults": 5}),),
    collect=_collect,
)
