"""EBS volumes that no instance uses. They cost as much as those in use."""

from collections.abc import Iterator

from discovery.findings.base import Hit, Kind, Rule, Stock, Verdict, day
from discovery.models import ResourceType


def _find(stock: Stock) -> Iterator[Verdict]:
    limit = stock.before(stock.thresholds.unattached_days)
    for volume in stock.of(ResourceType.EBS_VOLUME):
        since = stock.in_state_since(volume)
        if volume.state == "available" and since <= limit:
            size = volume.attributes.get("size_gib")
            what = f"{size} GiB" if size else "Volume"
            evidence = f"{what} attached to no instance, seen so since {day(since)}."
            yield Hit(volume, evidence, since, (volume.cost_id,))


UNATTACHED_VOLUMES = Rule(
    name="unattached_volumes",
    label="Unattached volume",
    advice="Take a snapshot if the data may be needed, then delete the volume.",
    kind=Kind.WASTE,
    find=_find,
)
