"""Instances that have been stopped for long: their volumes go on costing money."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from discovery.findings.base import Hit, Kind, Rule, Stock, Stocked, Verdict, day
from discovery.models import ResourceType

_TIME = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")


def _find(stock: Stock) -> Iterator[Verdict]:
    limit = stock.before(stock.thresholds.stopped_days)
    for instance in stock.of(ResourceType.EC2_INSTANCE, state="stopped"):
        since = _stopped_at(instance) or stock.in_state_since(instance)
        if since <= limit:
            volumes = tuple(instance.attributes.get("volumes", ()))
            kept = f" Its volumes remain: {', '.join(volumes)}." if volumes else ""
            evidence = f"Stopped since {day(since)}.{kept}"
            yield Hit(instance, evidence, since, (instance.cost_id, *volumes))


def _stopped_at(instance: Stocked) -> datetime | None:
    """Return when AWS says it was stopped: "User initiated (2026-01-05 10:20:30 GMT)"."""
    found = _TIME.search(instance.attributes.get("state_reason", ""))
    if found is None:
        return None
    try:
        return datetime.fromisoformat(found.group(1)).replace(tzinfo=UTC)
    except ValueError:
        return None


STOPPED_INSTANCES = Rule(
    name="stopped_instances",
    label="Instance stopped for long",
    advice="Make an image of it and terminate it, or delete the volumes that are not needed.",
    kind=Kind.WASTE,
    find=_find,
)
