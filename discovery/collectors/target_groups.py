"""Target groups of load balancers, with the health of their targets."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from connections.aws.session import AwsClient
from discovery.collectors.base import Call, Collector, Found, Place, facts, pages
from discovery.collectors.load_balancers import elbv2_tags
from discovery.models import ResourceType

_DELETED = "TargetGroupNotFound"


def _collect(place: Place) -> Iterator[Found]:
    listed = list(pages(place, "elbv2", "describe_target_groups", "TargetGroups"))
    arns = [item["TargetGroupArn"] for item in listed]
    tags = elbv2_tags(place, arns, missing=_DELETED)
    for group_arn, (item, states) in zip(
        arns, place.each(lambda item: _health(place, item), listed), strict=True
    ):
        yield _found(place, item, tags[group_arn], states)


def _health(place: Place, item: dict[str, Any]) -> dict[str, int] | None:
    """Return how many targets are in which state: {"healthy": 2, "unhealthy": 1}."""
    client, group_arn = place.client("elbv2"), item["TargetGroupArn"]

    def ask() -> dict[str, int]:
        answer = client.call("describe_target_health", TargetGroupArn=group_arn)
        told = answer["TargetHealthDescriptions"]
        return dict(Counter(one["TargetHealth"]["State"] for one in told))

    absent: dict[str, dict[str, int]] = {_DELETED: {}}
    return place.detail("target health", item["TargetGroupName"], ask, absent)


def _found(
    place: Place, item: dict[str, Any], tags: dict[str, str] | None, states: dict[str, int] | None
) -> Found:
    details: dict[str, Any] = {"tags": tags, "targets": states}
    return Found(
        type=ResourceType.TARGET_GROUP,
        resource_id=item["TargetGroupArn"].partition(":targetgroup/")[2],
        region=place.region,
        arn=item["TargetGroupArn"],
        name=item["TargetGroupName"],
        tags=tags or {},
        attributes=facts(
            protocol=item.get("Protocol"),
            port=item.get("Port"),
            target_type=item.get("TargetType"),
            vpc_id=item.get("VpcId"),
            load_balancers=sorted(item.get("LoadBalancerArns", [])),
            targets=states,
        ),
        unknown=[what for what, value in details.items() if value is None],
    )


def _some_group(client: AwsClient) -> dict[str, str] | None:
    some = client.call("describe_target_groups", PageSize=1)["TargetGroups"]
    return {"TargetGroupArn": some[0]["TargetGroupArn"]} if some else None


def _some_group_in_a_list(client: AwsClient) -> dict[str, list[str]] | None:
    some = _some_group(client)
    return {"ResourceArns": list(some.values())} if some else None


TARGET_GROUPS = Collector(
    family="target_groups",
    label="Target groups",
    types=(ResourceType.TARGET_GROUP,),
    calls=(
        Call("elbv2", "describe_target_groups", "Find target groups", probe={"PageSize": 1}),
        Call(
            "elbv2", "describe_tags", "Read the tags of target groups", probe=_some_group_in_a_list
        ),
        Call(
            "elbv2",
            "describe_target_health",
            "See whether load balancers have healthy targets",
            probe=_some_group,
        ),
    ),
    collect=_collect,
    asks_each=True,
)
