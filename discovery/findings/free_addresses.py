"""Elastic IPs that are associated with nothing: AWS charges for them by the hour."""

from collections.abc import Iterator

from discovery.findings.base import Hit, Kind, Rule, Stock, Verdict, day
from discovery.models import ResourceType


def _find(stock: Stock) -> Iterator[Verdict]:
    limit = stock.before(stock.thresholds.unattached_days)
    for address in stock.of(ResourceType.ELASTIC_IP, state="unassociated"):
        since = stock.in_state_since(address)
        if since <= limit:
            ip = address.attributes.get("public_ip", address.resource_id)
            evidence = f"{ip} is associated with nothing, seen so since {day(since)}."
            yield Hit(address, evidence, since, (address.cost_id,))


FREE_ADDRESSES = Rule(
    name="free_addresses",
    label="Unused Elastic IP",
    advice="Release the address, unless somebody else relies on it.",
    kind=Kind.WASTE,
    find=_find,
)
