"""Elastic IP addresses. AWS has no pages for them: an account has few in a region."""

from collections.abc import Iterator
from typing import Any

from discovery.collectors.base import Call, Collector, Found, Place, arn, facts, tags_of
from discovery.models import ResourceType


def _collect(place: Place) -> Iterator[Found]:
    for item in place.client("ec2").call("describe_addresses")["Addresses"]:
        yield _found(place, item)


def _found(place: Place, item: dict[str, Any]) -> Found:
    tags = tags_of(item)
    allocation_id = item["AllocationId"]
    return Found(
        type=ResourceType.ELASTIC_IP,
        resource_id=allocation_id,
        region=place.region,
        arn=arn(place, "ec2", f"elastic-ip/{allocation_id}"),
        name=tags.get("Name", ""),
        state="associated" if item.get("AssociationId") else "unassociated",
        tags=tags,
        attributes=facts(
            public_ip=item.get("PublicIp"),
            private_ip=item.get("PrivateIpAddress"),
            instance_id=item.get("InstanceId"),
            # While it is in use, bills name this interface and not the address.
            network_interface_id=item.get("NetworkInterfaceId"),
        ),
    )


ELASTIC_IPS = Collector(
    family="elastic_ips",
    label="Elastic IPs",
    types=(ResourceType.ELASTIC_IP,),
    calls=(Call("ec2", "describe_addresses", "Find Elastic IPs", probe={}),),
    collect=_collect,
)
