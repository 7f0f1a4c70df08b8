"""EBS volumes."""

from collections.abc import Iterator
from typing import Any

from discovery.collectors.base import Call, Collector, Found, Place, arn, facts, pages, tags_of
from discovery.models import ResourceType


def _collect(place: Place) -> Iterator[Found]:
    for item in pages(place, "ec2", "describe_volumes", "Volumes"):
        yield _found(place, item)


def _found(place: Place, item: dict[str, Any]) -> Found:
    tags = tags_of(item)
    attached = [one["InstanceId"] for one in item.get("Attachments", []) if "InstanceId" in one]
    return Found(
        type=ResourceType.EBS_VOLUME,
        resource_id=item["VolumeId"],
        region=place.region,
        arn=arn(place, "ec2", f"volume/{item['VolumeId']}"),
        name=tags.get("Name", ""),
        state=item["State"],
        tags=tags,
        attributes=facts(
            size_gib=item.get("Size"),
            volume_type=item.get("VolumeType"),
            iops=item.get("Iops"),
            throughput_mibps=item.get("Throughput"),
            encrypted=item.get("Encrypted"),
            availability_zone=item.get("AvailabilityZone"),
            created_at=item.get("CreateTime"),
            snapshot_id=item.get("SnapshotId"),
            attached_to=attached,
        ),
    )


EBS_VOLUMES = Collector(
    family="ebs_volumes",
    label="EBS volumes",
    types=(ResourceType.EBS_VOLUME,),
    calls=(Call("ec2", "describe_volumes", "Find EBS volumes", probe={"MaxResults": 5}),),
    collect=_collect,
)
