"""Classic load balancers, with the health of their instances."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from discovery.collectors.base import (
    Call,
    Collector,
    Found,
    Place,
    arn,
    facts,
    pages,
    tags_in_batches,
    tags_of,
)
from discovery.models import ResourceType

_DELETED = "LoadBalancerNotFound"
_NOBODYS = "countinghouse-permission-check"


def _collect(place: Place) -> Iterator[Found]:
    listed = list(pages(place, "elb", "describe_load_balancers", "LoadBalancerDescriptions"))
    client = place.client("elb")

    def ask(batch: Sequence[str]) -> dict[str, dict[str, str]]:
        told = client.call("describe_tags", LoadBalancerNames=list(batch))["TagDescriptions"]
        return {one["LoadBalancerName"]: tags_of(one) for one in told}

    def health(item: dict[str, Any]) -> dict[str, int] | None:
        return _health(place, item["LoadBalancerName"])

    names = [item["LoadBalancerName"] for item in listed]
    tags = tags_in_batches(place, names, ask, missing=_DELETED)
    for item, states in place.each(health, listed):
        yield _found(place, item, tags[item["LoadBalancerName"]], states)


def _health(place: Place, name: str) -> dict[str, int] | None:
    """Return how many registered instances are in which state: {"InService": 2}."""
    client = place.client("elb")

    def ask() -> dict[str, int]:
        answer = client.call("describe_instance_health", target=name, LoadBalancerName=name)
        return dict(Counter(one["State"] for one in answer["InstanceStates"]))

    absent: dict[str, dict[str, int]] = {_DELETED: {}}
    return place.detail("instance health", name, ask, absent)


def _found(
    place: Place, item: dict[str, Any], tags: dict[str, str] | None, states: dict[str, int] | None
) -> Found:
    name = item["LoadBalancerName"]
    details: dict[str, Any] = {"tags": tags, "targets": states}
    return Found(
        type=ResourceType.LOAD_BALANCER,
        resource_id=name,
        region=place.region,
        arn=arn(place, "elasticloadbalancing", f"loadbalancer/{name}"),
        name=name,
        tags=tags or {},
        attributes=facts(
            kind="classic",
            scheme=item.get("Scheme"),
            dns_name=item.get("DNSName"),
            vpc_id=item.get("VPCId"),
            availability_zones=sorted(item.get("AvailabilityZones", [])),
            security_groups=item.get("SecurityGroups"),
            instances=sorted(one["InstanceId"] for one in item.get("Instances", [])),
            targets=states,
            created_at=item.get("CreatedTime"),
        ),
        unknown=[what for what, value in details.items() if value is None],
    )


CLASSIC_LOAD_BALANCERS = Collector(
    family="classic_load_balancers",
    label="Classic load balancers",
    types=(ResourceType.LOAD_BALANCER,),
    calls=(
        Call(
            "elb", "describe_load_balancers", "Find classic load balancers", probe={"PageSize": 1}
        ),
        Call(
            "elb",
            "describe_tags",
            "Read the tags of classic load balancers",
            probe={"LoadBalancerNames": [_NOBODYS]},
            absent=(_DELETED,),
        ),
        Call(
            "elb",
            "describe_instance_health",
            "See whether classic load balancers are used",
            probe={"LoadBalancerName": _NOBODYS},
            absent=(_DELETED,),
        ),
    ),
    collect=_collect,
)
