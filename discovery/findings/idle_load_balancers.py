"""Load balancers behind which nothing is registered."""

from collections import defaultdict
from collections.abc import Iterator

from discovery.findings.base import Hit, Kind, Rule, Stock, Undecided, Verdict, is_unknown, moment
from discovery.models import Resource, ResourceType

_CLASSIC = "classic"


def _find(stock: Stock) -> Iterator[Verdict]:
    groups: dict[str, list[Resource]] = defaultdict(list)
    for group in stock.of(ResourceType.TARGET_GROUP):
        for arn in group.attributes.get("load_balancers", ()):
            groups[arn].append(group)
    limit = stock.before(stock.thresholds.unattached_days)
    for balancer in stock.of(ResourceType.LOAD_BALANCER):
        created = moment(balancer, "created_at") or balancer.first_seen
        if created <= limit:
            yield from _judged(balancer, groups[balancer.arn])


def _judged(balancer: Resource, groups: list[Resource]) -> Iterator[Verdict]:
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
    advice="Delete it when nothing is to be behind it; one that only redirects needs no target.",
    kind=Kind.WASTE,
    find=_find,
    needs=("target_groups",),
)
