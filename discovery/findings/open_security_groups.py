"""Security groups that open sensitive ports to the whole internet."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from discovery.findings.base import Hit, Kind, Rule, Stock, Verdict
from discovery.models import ResourceType

_EVERY_PROTOCOL = "-1"
_WITH_PORTS = frozenset({"tcp", "udp", "6", "17"})


def _find(stock: Stock) -> Iterator[Verdict]:
    ports = stock.thresholds.sensitive_ports
    for group in stock.of(ResourceType.SECURITY_GROUP):
        opened = [
            said
            for rule in group.attributes.get("open_to_everywhere", ())
            if (said := _opened(rule, ports))
        ]
        if opened:
            yield Hit(group, f"Open to the internet: {'; '.join(opened)}.")


def _opened(rule: Mapping[str, Any], ports: Collection[int]) -> str:
    """Return which sensitive ports a rule opens to whom, "" for none."""
    protocol, source = rule["protocol"], rule["source"]
    if protocol == _EVERY_PROTOCOL:
        return f"every port to {source}"
    if protocol not in _WITH_PORTS:
        return ""
    first, last = rule.get("from_port", 0), rule.get("to_port", 65535)
    named = [str(port) for port in sorted(ports) if first <= port <= last]
    if not named:
        return ""
    return f"port{'s' if len(named) > 1 else ''} {', '.join(named)} to {source}"


OPEN_SECURITY_GROUPS = Rule(
    name="open_security_groups",
    label="Security group open to the internet",
    advice="Let in only the addresses that need it, or use Session Manager instead.",
    kind=Kind.SECURITY,
    find=_find,
)
