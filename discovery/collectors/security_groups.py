"""Security groups, with what they let in from everywhere."""

from collections.abc import Iterator
from typing import Any

from discovery.collectors.base import Call, Collector, Found, Place, arn, facts, pages, tags_of
from discovery.models import ResourceType

_EVERYWHERE = ("0.0.0.0/0", "::/0")


def _collect(place: Place) -> Iterator[Found]:
    for item in pages(place, "ec2", "describe_security_groups", "SecurityGroups"):
        # A VPC shared with the account shows the groups of its owner too.
        if item.get("OwnerId") == place.account_id:
            yield _found(place, item)


def _found(place: Place, item: dict[str, Any]) -> Found:
    return Found(
        type=ResourceType.SECURITY_GROUP,
        resource_id=item["GroupId"],
        region=place.region,
        arn=arn(place, "ec2", f"security-group/{item['GroupId']}"),
        name=item.get("GroupName", ""),
        tags=tags_of(item),
        attributes=facts(
            description=item.get("Description"),
            vpc_id=item.get("VpcId"),
            open_to_everywhere=_open(item.get("IpPermissions", [])),
        ),
    )


def _open(permissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rules that let anybody in: {"protocol", "from_port", "to_port", "source"}.

    Without ports the rule is for all of them; protocol "-1" is every protocol.
    """
    rules = []
    for one in permissions:
        sources = [source.get("CidrIp") for source in one.get("IpRanges", [])]
        sources += [source.get("CidrIpv6") for source in one.get("Ipv6Ranges", [])]
        ports = facts(from_port=one.get("FromPort"), to_port=one.get("ToPort"))
        rules += [
            {"protocol": one["IpProtocol"], **ports, "source": source}
            for source in sources
            if source in _EVERYWHERE
        ]
    return sorted(rules, key=str)


SECURITY_GROUPS = Collector(
    family="security_groups",
    label="Security groups",
    types=(ResourceType.SECURITY_GROUP,),
    calls=(
        Call("ec2", "describe_security_groups", "Find security groups", probe={"MaxResults": 5}),
    ),
    collect=_collect,
)
