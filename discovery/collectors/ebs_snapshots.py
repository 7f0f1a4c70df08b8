"""EBS snapshots that the account owns. Those shared with it cost it nothing."""

from collections.abc import Iterator
from typing import Any

from discovery.collectors.base import Call, Collector, Found, Place, arn, facts, pages, tags_of
from discovery.models import ResourceType


def _collect(place: Place) -> Iterator[Found]:
    for item in pages(place, "ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"]):
        yield _found(place, item)


def _found(place: Place, item: dict[str, Any]) -> Found:
    tags = tags_of(item)
    return Found(
        type=ResourceType.EBS_SNAPSHOT,
        resource_id=item["SnapshotId"],
        region=place.region,
        arn=arn(place, "ec2", f"snapshot/{item['SnapshotId']}"),
        name=tags.get("Name", ""),
        state=item["State"],
        tags=tags,
        attributes=facts(
            description=item.get("Description"),
            volume_id=item.get("VolumeId"),
            volume_size_gib=item.get("VolumeSize"),
            encrypted=item.get("Encrypted"),
            storage_tier=item.get("StorageTier"),
            started_at=item.get("StartTime"),
        ),
    )


EBS_SNAPSHOTS = Collector(
    family="ebs_snapshots",
    label="EBS snapshots",
    types=(ResourceType.EBS_SNAPSHOT,),
    calls=(
        Call(
            "ec2",
            "describe_snapshots",
            "Find EBS snapshots",
            probe={"OwnerIds": ["self"], "MaxResults": 5},
        ),
    ),
    collect=_collect,
)
