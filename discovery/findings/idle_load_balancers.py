"""Load balancers that nothing uses: nothing comes in, or nothing is registered behind them."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from discovery.findings.base import (
    Hit,
    Kind,
    Rule,
    Stock,
    Stocked,
    Undecided,
    Verdict,
    is_unknown,
    moment,
)
from discovery.metrics.wanted import FLOWS, PROCESSED, REQUESTS
from discovery.models import ResourceType

_CLASSIC = "classic"


def _find(stock: Stock) -> Iterator[Verdict]:
    groups: dict[str, list[Stocked]] = defaultdict(list)
    for group in stock.of(ResourceType.TARGET_GROUP):
        for arn in group.attributes.get("load_balancers", ()):
            groups[arn].append(group)
    limit = stock.before(stock.thresholds.unattached_days)
    for balancer in stock.of(ResourceType.LOAD_BALANCER):
        created = moment(balancer, "created_at") or balancer.first_seen
        if created <= limit and not _is_used(stock, balancer):
            silent = _silent(stock, balancer, created)
            yield from silent or _judged(balancer, groups[balancer.arn])


def _came_in(stock: Stock, balancer: Stocked) -> list[list[float]]:
    """Return what came in on each of the last days, by each figure that is known."""
    days = stock.thresholds.idle_days
    told = (stock.last_days(balancer, name, days) for name in (REQUESTS, PROCESSED, FLOWS))
    return [figures for figures in told if figures is not None]


def _is_used(stock: Stock, balancer: Stocked) -> bool:
    """Say whether something came in: one that only redirects needs no target."""
    return any(max(figures) > 0 for figures in _came_in(stock, balancer))


def _silent(stock: Stock, balancer: Stocked, created: datetime) -> list[Hit]:
    """Return a hit where it is known that nothing came in."""
    days = stock.thresholds.idle_days
    if not _came_in(stock, balancer) or created > stock.before(days + 1):
        return []
    since = stock.measured_until(balancer) - timedelta(days=days)
    evidence = f"Nothing has come in on any of the last {days} days."
    return [Hit(balancer, evidence, since, (balancer.cost_id,))]


def _judged(balancer: Stocked, groups: list[Stocked]) -> Iterator[Verdict]:
    if balancer.attributes.get("kind") == _CLASSIC:
        if not balancer.attributes.get("instances"):
            yield Hit(balancer, "No instance is registered with it.", None, (balancer.cost_id,))
        return
    if any(group.attributes.get("targets") for group in groups):
        return
    if any(is_unknown(group, "targets") for group in groups):
        yield Undecided(balancer)
        return
    names = ", ".join(sorted(group.name for group in groups))
    evidence = (
        f"No target is registered in its target groups ({names})."
        if groups
        else "It has no target group."
    )
    yield Hit(balancer, evidence, None, (balancer.cost_id,))


IDLE_LOAD_BALANCERS = Rule(
    name="idle_load_balancers",
    label="Idle load balancer",
    advice="Delete it, unless it waits for something that is yet to come.",
    kind=Kind.WASTE,
    find=_find,
    needs=("target_groups",),
)
