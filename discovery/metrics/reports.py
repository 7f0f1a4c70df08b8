"""Reading how much a resource was used. Nothing here writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from discovery.metrics.wanted import FIGURES, Figure
from discovery.models import Resource, ResourceMetrics


@dataclass(frozen=True)
class Use:
    """One figure of a resource: {day: value}, days without one left out."""

    name: str
    figure: Figure
    days: Mapping[date, float]

    @property
    def last(self) -> tuple[date, float]:
        """Return the last day that has a figure, and the figure."""
        day = max(self.days)
        return day, self.days[day]


def use_of(resource: Resource) -> Sequence[Use]:
    """Return the figures that CloudWatch has of a resource. One query."""
    told = ResourceMetrics.objects.filter(resource=resource).first()
    if told is None:
        return []
    return [
        Use(name, figure, days)
        for name, figure in FIGURES.items()
        if (days := _days(told.first_day, told.values.get(name, [])))
    ]


def _days(first: date, values: Sequence[float | None]) -> dict[date, float]:
    return {
        first + timedelta(days=number): value
        for number, value in enumerate(values)
        if value is not None
    }


_STEPS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def in_words(value: float, unit: str) -> str:
    """Return a figure as people read it.

    >>> in_words(3_000_000, "bytes"), in_words(40, "%"), in_words(1234, "")
    ('3.0 MB', '40.0 %', '1,234')
    """
    if unit == "%":
        return f"{value:.1f} %"
    if unit != "bytes":
        return f"{value:,.0f}"
    step = 0
    while abs(value) >= 1000 and step < len(_STEPS) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.1f} {_STEPS[step]}" if step else f"{value:.0f} bytes"
