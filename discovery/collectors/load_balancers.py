"""Application, network and gateway load balancers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connections.aws.session import AwsClient
from discovery.collectors.base import (
    Call,
    Collector,
    Found,
    Place,
    facts,
    pages,
    tags_in_batches,
    tags_of,
)
from discovery.models import ResourceType


def _collect(place: Place) -> Iterator[Found]:
    listed = list(pages(place, "elbv2", "describe_load_balancers", "LoadBalancers"))
    tags = elbv2_tags(
        place, [item["LoadBalancerArn"] for item in listed], missing="LoadBalancerNotFound"
    )
    for item in listed:
        yield _found(place, item, tags[item["LoadBalancerArn"]])


def elbv2_tags(
    place: Place, arns: Sequence[str], *, missing: str
) -> Mapping[str, dict[str, str] | None]:
    """Return the tags of load balancers or target groups by ARN; None where unknown."""
    client = place.client("elbv2")

    def ask(batch: Sequence[str]) -> dict[str, dict[str, str]]:
        told = client.call("describe_tags", ResourceArns=list(batch))["TagDescriptions"]
        return {one["ResourceArn"]: tags_of(one) for one in told}

    return tags_in_batches(place, arns, ask, missing=missing)


def _found(place: Place, item: dict[str, Any], tags: dict[str, str] | None) -> Found:
    return Found(
        type=ResourceType.LOAD_BALANCER,
        # "app/web/50dc6c495c0c9188": names alone may come again after a deletion.
        resource_id=item["LoadBalancerArn"].partition(":loadbalancer/")[2],
        region=place.region,
        arn=item["LoadBalancerArn"],
        name=item["LoadBalancerName"],
        state=item.get("State", {}).get("Code", ""),
        tags=tags or {},
        attributes=facts(
            kind=item.get("Type"),
            scheme=item.get("Scheme"),
            dns_name=item.get("DNSName"),
            vpc_id=item.get("VpcId"),
            availability_zones=sorted(
                zone["ZoneName"] for zone in item.get("AvailabilityZones", [])
            ),
            security_groups=item.get("SecurityGroups"),
            created_at=item.get("CreatedTime"),
        ),
        unknown=("tags",) if tags is None else (),
    )


def some_arn(client: AwsClient) -> dict[str, list[str]] | None:
    """Return the parameters that ask for the tags of some load balancer, if there is one."""
    some = client.call("describe_load_balancers", PageSize=1)["LoadBalancers"]
    return {"ResourceArns": [some[0]["LoadBalancerArn"]]} if some else None


LOAD_BALANCERS = Collector(
    family="load_balancers",
    label="Application, network and gateway load balancers",
    types=(ResourceType.LOAD_BALANCER,),
    calls=(
        Call("elbv2", "describe_load_balancers", "Find load balancers", probe={"PageSize": 1}),
        Call("elbv2", "describe_tags", "Read the tags of load balancers", probe=some_arn),
    ),
    collect=_collect,
)
