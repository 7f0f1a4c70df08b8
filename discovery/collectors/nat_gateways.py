"""NAT gateways."""

from collections.abc import Iterator
from typing import Any

from discovery.collectors.base import Call, Collector, Found, Place, arn, facts, pages, tags_of
from discovery.models import ResourceType

# A deleted gateway is still described for about an hour; it exists no more.
_ENDED = ("deleted",)


def _collect(place: Place) -> Iterator[Found]:
    for item in pages(place, "ec2", "describe_nat_gateways", "NatGateways"):
        if item["State"] not in _ENDED:
            yield _found(place, item)


def _found(place: Place, item: dict[str, Any]) -> Found:
    tags = tags_of(item)
    addresses = item.get("NatGatewayAddresses", [])
    return Found(
        type=ResourceType.NAT_GATEWAY,
        resource_id=item["NatGatewayId"],
        region=place.region,
        arn=arn(place, "ec2", f"natgateway/{item['NatGatewayId']}"),
        name=tags.get("Name", ""),
        state=item["State"],
        tags=tags,
        attributes=facts(
            connectivity=item.get("ConnectivityType"),
            vpc_id=item.get("VpcId"),
            subnet_id=item.get("SubnetId"),
            public_ips=sorted(one["PublicIp"] for one in addresses if one.get("PublicIp")),
            network_interfaces=sorted(
                one["NetworkInterfaceId"] for one in addresses if one.get("NetworkInterfaceId")
            ),
            created_at=item.get("CreateTime"),
        ),
    )


NAT_GATEWAYS = Collector(
    family="nat_gateways",
    label="NAT gateways",
    types=(ResourceType.NAT_GATEWAY,),
    calls=(Call("ec2", "describe_nat_gateways", "Find NAT gateways", probe={"MaxResults": 5}),),
    collect=_collect,
)
