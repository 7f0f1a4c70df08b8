"""EBS volumes that no instance uses. They cost as much as those in use."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from discovery.findings.base import Hit, Kind, Rule, Stock, Stocked, Verdict, day, moment
from discovery.metrics.wanted import ATTACHED, DAYS
from discovery.models import ResourceType


def _find(stock: Stock) -> Iterator[Verdict]:
    limit = stock.before(stock.thresholds.unattached_days)
    for volume in stock.of(ResourceType.EBS_VOLUME, state="available"):
        since = _free_since(stock, volume)
        if since <= limit:
            size = volume.attributes.get("size_gib")
            what = f"{size} GiB" if size else "Volume"
            evidence = f"{what} attached to no instance, so since {day(since)} at least."
            yield Hit(volume, evidence, since, (volume.cost_id,))


def _free_since(stock: Stock, volume: Stocked) -> datetime:
    """Return since when it is known to be free: seen so, or silent in CloudWatch before that."""
    seen = stock.in_state_since(volume)
    created = moment(volume, "created_at")
    if created is None or stock.last_days(volume, ATTACHED, DAYS) != [0.0] * DAYS:
        return seen
    silent = stock.measured_until(volume) - timedelta(days=DAYS)
    return min(seen, max(silent, created))


UNATTACHED_VOLUMES = Rule(
    name="unattached_volumes",
    label="Unattached volume",
    advice="Take a snapshot if the data may be needed, then delete the volume.",
    kind=Kind.WASTE,
    find=_find,
)
