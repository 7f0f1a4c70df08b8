"""What changed against the month before: new, gone, up, down. Reads only.

A month that is not over is compared by the same days of the month before it, up to the last day
that every connection has delivered; of a shorter month before, only the days that it has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import models

from billing.changes.sql import compared, resources_behind
from billing.cost_query import CostFilter, CostQuery, Granularity
from billing.counted import counted
from billing.exact import added
from billing.freshness import data_through
from billing.measures import Measure
from billing.months import MonthFrame
from billing.periods import month_start
from billing.reports import Names, names_for

MAX_CHANGES = 200
BEHIND = 8  # changes whose resources are named
RESOURCES = 5  # resources named of each


class By(models.TextChoices):
    """What the changes are told by."""

    SERVICE = "service", "Service"
    ACCOUNT = "account", "Account"
    BOTH = "service,account", "Service and account"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Return the dimensions grouped by."""
        return tuple(self.value.split(","))


class Direction(models.TextChoices):
    """How a cost changed."""

    NEW = "new", "New"
    GONE = "gone", "Gone"
    UP = "up", "Up"
    DOWN = "down", "Down"


@dataclass(frozen=True)
class Compared:
    """Which days are compared: start <= day < end, and the same of the month before."""

    start: date
    end: date
    before_start: date
    before_end: date
    is_partial: bool

    @property
    def is_empty(self) -> bool:
        """Say whether no day of the month has been delivered."""
        return self.start == self.end

    @property
    def last_day(self) -> date:
        """Return the last day of the month that is compared."""
        return self.end - timedelta(days=1)

    @property
    def last_day_before(self) -> date:
        """Return the last day that it is compared with."""
        return self.before_end - timedelta(days=1)


@dataclass(frozen=True)
class ResourceChange:
    """One resource's part in a change; '' is the cost that belongs to no resource."""

    resource_id: str
    before: Decimal
    now: Decimal

    @property
    def difference(self) -> Decimal:
        """Return now minus before."""
        return added([self.now, self.before.copy_negate()])


@dataclass(frozen=True)
class Change:
    """What the cost of a service, an account or both came to, before and now; the two differ."""

    values: tuple[str, ...]
    names: tuple[str, ...]
    before: Decimal
    now: Decimal
    resources: tuple[ResourceChange, ...] = ()

    @property
    def difference(self) -> Decimal:
        """Return now minus before."""
        return added([self.now, self.before.copy_negate()])

    @property
    def direction(self) -> Direction:
        """Say how it changed."""
        if not self.before:
            return Direction.NEW
        if not self.now:
            return Direction.GONE
        return Direction.UP if self.now > self.before else Direction.DOWN


@dataclass(frozen=True)
class Changes:
    """Every change, the largest difference first.

    before, now    the totals of the two ranges, of what changed and what did not
    change_count   also of the changes beyond MAX_CHANGES; `rest` is what those differ together
    """

    days: Compared
    measure: Measure
    by: By
    before: Decimal
    now: Decimal
    changes: list[Change]
    change_count: int
    data_through: date | None

    @property
    def difference(self) -> Decimal:
        """Return now minus before."""
        return added([self.now, self.before.copy_negate()])

    @property
    def rest(self) -> Decimal:
        """Return what the changes that are not listed come to."""
        listed = added(one.difference for one in self.changes)
        return added([self.difference, listed.copy_negate()])


def days_compared(frame: MonthFrame, through: date | None) -> Compared:
    """Return which days of the frame's month are compared with which."""
    month, end, before = frame.month, frame.end, month_start(frame.month, -1)
    reached = frame.today if through is None else min(through, frame.today)
    if frame.is_final or reached >= end - timedelta(days=1):
        return Compared(month, end, before, month, False)
    last = max(month, reached + timedelta(days=1))
    return Compared(month, last, before, min(month, before + (last - month)), True)


def changes(
    frame: MonthFrame,
    *,
    measure: Measure = Measure.UNBLENDED,
    by: By = By.SERVICE,
    filters: Iterable[CostFilter] = (),
    limit: int | None = MAX_CHANGES,
    behind: int = BEHIND,
) -> Changes:
    """Return the frame's month against the one before, in a constant number of queries.

    The frame must hold both months. The first `behind` changes name their resources.
    """
    through = data_through(frame.what.deliveries)
    days = days_compared(frame, through)
    if days.is_empty:
        return Changes(days, measure, by, Decimal(0), Decimal(0), [], 0, through)
    now, before = _queries(days, measure, by, tuple(filters))
    # A day counts as everywhere, also where it stands in the bill of another month.
    what = counted(frame.organization, days.before_start, days.end)
    rows = compared(now, before, what, frame.currency)
    names = names_for(frame.organization, by.dimensions)
    found = [_change(by.dimensions, names, *row) for row in rows if row[1] != row[2]]
    shown = found if limit is None else found[:limit]
    top = shown[:behind]
    resources = resources_behind(
        *(now, before, what, frame.currency),
        groups=[one.values for one in top],
        count=RESOURCES,
    )
    listed = [
        *(_with(one, resources.get(one.values, ())) for one in top),
        *shown[behind:],
    ]
    return Changes(
        days=days,
        measure=measure,
        by=by,
        before=added(row[1] for row in rows),
        now=added(row[2] for row in rows),
        changes=listed,
        change_count=len(found),
        data_through=through,
    )


def _queries(
    days: Compared, measure: Measure, by: By, filters: tuple[CostFilter, ...]
) -> tuple[CostQuery, CostQuery]:
    def ask(start: date, end: date) -> CostQuery:
        return CostQuery(start, end, Granularity.TOTAL, measure, by.dimensions, filters)

    return ask(days.start, days.end), ask(days.before_start, days.before_end)


def _change(
    dimensions: Sequence[str],
    names: Names,
    values: tuple[str, ...],
    before: Decimal,
    now: Decimal,
) -> Change:
    readable = tuple(
        names.of(dimension, value) for dimension, value in zip(dimensions, values, strict=True)
    )
    return Change(values, readable, before, now)


def _with(change: Change, resources: Iterable[tuple[str, Decimal, Decimal]]) -> Change:
    found = tuple(ResourceChange(*one) for one in resources)
    return Change(change.values, change.names, change.before, change.now, found)
