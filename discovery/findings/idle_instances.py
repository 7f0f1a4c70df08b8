"""Instances that run and do next to nothing, day after day."""

from collections.abc import Iterator
from datetime import timedelta

from discovery.findings.base import Hit, Kind, Rule, Stock, Stocked, Undecided, Verdict, moment
from discovery.metrics.wanted import CPU, NETWORK_IN, NETWORK_OUT
from discovery.models import ResourceType

_MEGABYTE = 1_000_000


def _find(stock: Stock) -> Iterator[Verdict]:
    days = stock.thresholds.idle_days
    for instance in stock.of(ResourceType.EC2_INSTANCE, state="running"):
        launched = moment(instance, "launched_at") or instance.first_seen
        # A day's figures are whole only from the day after its start on.
        if launched <= stock.before(days + 1):
            yield from _judged(stock, instance, days)


def _judged(stock: Stock, instance: Stocked, days: int) -> Iterator[Verdict]:
    cpu = stock.last_days(instance, CPU, days)
    into = stock.last_days(instance, NETWORK_IN, days)
    out = stock.last_days(instance, NETWORK_OUT, days)
    if cpu is None or into is None or out is None:
        yield Undecided(instance)
        return
    moved = [(one + other) / _MEGABYTE for one, other in zip(into, out, strict=True)]
    limits = stock.thresholds
    if max(cpu) <= float(limits.idle_cpu_percent) and max(moved) <= limits.idle_network_mb:
        evidence = (
            f"On each of the last {days} days its CPU was at {max(cpu):.1f} % at most on average,"
            f" and it moved {max(moved):.1f} MB at most."
        )
        since = stock.measured_until(instance) - timedelta(days=days)
        yield Hit(instance, evidence, since, (instance.cost_id,))


IDLE_INSTANCES = Rule(
    name="idle_instances",
    label="Idle running instance",
    advice="Stop it, or choose a smaller type; its volumes go on costing money until deleted.",
    kind=Kind.WASTE,
    find=_find,
    needs=("metrics",),
)
