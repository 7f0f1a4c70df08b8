"""Old snapshots whose volume is gone and that no image uses."""

from collections.abc import Iterator

from discovery.findings.base import Hit, Kind, Rule, Stock, Verdict, day, moment
from discovery.models import ResourceType


def _find(stock: Stock) -> Iterator[Verdict]:
    limit = stock.before(stock.thresholds.snapshot_days)
    volumes = stock.ids_of(ResourceType.EBS_VOLUME)
    images = stock.of(ResourceType.EC2_IMAGE)
    used = {snapshot for image in images for snapshot in image.attributes.get("snapshots", ())}
    for snapshot in stock.of(ResourceType.EBS_SNAPSHOT):
        started = moment(snapshot, "started_at") or snapshot.first_seen
        volume = snapshot.attributes.get("volume_id", "")
        if started <= limit and volume not in volumes and snapshot.resource_id not in used:
            evidence = (
                f"Taken on {day(started)}; its volume {volume or '(unknown)'} is gone and no image"
                " of the account uses it."
            )
            yield Hit(snapshot, evidence, started, (snapshot.cost_id,))


OLD_SNAPSHOTS = Rule(
    name="old_snapshots",
    label="Old snapshot without a volume",
    advice="Delete it unless it is kept as a backup on purpose.",
    kind=Kind.WASTE,
    find=_find,
    needs=("ebs_volumes", "ec2_images"),
)
