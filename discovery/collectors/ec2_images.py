"""Machine images that the account owns, disabled ones too: their snapshots cost money."""

from collections.abc import Iterator
from typing import Any

from discovery.collectors.base import Call, Collector, Found, Place, arn, facts, pages, tags_of
from discovery.models import ResourceType

_OWN = {"Owners": ["self"], "IncludeDisabled": True}


def _collect(place: Place) -> Iterator[Found]:
    for item in pages(place, "ec2", "describe_images", "Images", **_OWN):
        yield _found(place, item)


def _found(place: Place, item: dict[str, Any]) -> Found:
    devices = item.get("BlockDeviceMappings", [])
    return Found(
        type=ResourceType.EC2_IMAGE,
        resource_id=item["ImageId"],
        region=place.region,
        arn=arn(place, "ec2", f"image/{item['ImageId']}"),
        name=item.get("Name", ""),
        state=item["State"],
        tags=tags_of(item),
        attributes=facts(
            description=item.get("Description"),
            architecture=item.get("Architecture"),
            platform=item.get("PlatformDetails"),
            is_public=item.get("Public"),
            created_at=item.get("CreationDate"),
            deprecated_at=item.get("DeprecationTime"),
            last_launched_at=item.get("LastLaunchedTime"),
            snapshots=[
                device["Ebs"]["SnapshotId"]
                for device in devices
                if device.get("Ebs", {}).get("SnapshotId")
            ],
        ),
    )


EC2_IMAGES = Collector(
    family="ec2_images",
    label="Images (AMIs)",
    types=(ResourceType.EC2_IMAGE,),
    calls=(Call("ec2", "describe_images", "Find machine images", probe={"Owners": ["self"]}),),
    collect=_collect,
)
