"""Network interfaces that the account owns. In a shared VPC others' interfaces show too."""

from collections.abc import Iterator
from typing import Any

from discovery.collectors.base import Call, Collector, Found, Place, arn, facts, pages, tags_of
from discovery.models import ResourceType


def _collect(place: Place) -> Iterator[Found]:
    for item in pages(place, "ec2", "describe_network_interfaces", "NetworkInterfaces"):
        if item.get("OwnerId") == place.account_id:
            yield _found(place, item)


def _found(place: Place, item: dict[str, Any]) -> Found:
    tags = tags_of(item, "TagSet")
    interface_id = item["NetworkInterfaceId"]
    return Found(
        type=ResourceType.NETWORK_INTERFACE,
        resource_id=interface_id,
        region=place.region,
        arn=arn(place, "ec2", f"network-interface/{interface_id}"),
        name=tags.get("Name", ""),
        state=item["Status"],
        tags=tags,
        attributes=facts(
            description=item.get("Description"),
            interface_type=item.get("InterfaceType"),
            availability_zone=item.get("AvailabilityZone"),
            vpc_id=item.get("VpcId"),
            subnet_id=item.get("SubnetId"),
            private_ip=item.get("PrivateIpAddress"),
            public_ip=item.get("Association", {}).get("PublicIp"),
            instance_id=item.get("Attachment", {}).get("InstanceId"),
            requester_id=item.get("RequesterId"),
            security_groups=sorted(group["GroupId"] for group in item.get("Groups", [])),
        ),
    )


NETWORK_INTERFACES = Collector(
    family="network_interfaces",
    label="Network interfaces",
    types=(ResourceType.NETWORK_INTERFACE,),
    calls=(
        Call(
            "ec2",
            "describe_network_interfaces",
            "Find network interfaces",
            probe={"MaxResults": 5},
        ),
    ),
    collect=_collect,
)
