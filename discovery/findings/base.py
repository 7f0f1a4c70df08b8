"""What a rule is: a question to the stock of one account's resources.

A new rule is one module with one `Rule`, named in `discovery.findings.RULES`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from discovery.history import STATE
from discovery.metrics.wanted import DAYS, ZERO_WHEN_ABSENT
from discovery.models import (
    FindingThresholds,
    Resource,
    ResourceChange,
    ResourceMetrics,
    ResourceType,
)

_FRESH = timedelta(days=3)


class Kind(StrEnum):
    """Why somebody should look."""

    WASTE = "waste"
    SECURITY = "security"


class Stocked(NamedTuple):
    """What rules are told of a resource that exists, named as in `Resource`.

    An account has tens of thousands: to make a model's instance of each would take longer than to
    judge them.
    """

    pk: int
    region: str
    resource_id: str
    cost_id: str
    arn: str
    name: str
    state: str
    attributes: Mapping[str, Any]
    first_seen: datetime


class _Measured(NamedTuple):
    """The figures of a resource, named as in `ResourceMetrics`."""

    resource_id: int
    first_day: date
    values: Mapping[str, list[Any]]
    measured_at: datetime


@dataclass(frozen=True)
class Hit:
    """A rule that holds for a resource.

    `evidence` is a sentence. `since` None: nothing tells since when, so it counts from when it
    was noticed. `cost_ids` name what it costs on the bill.
    """

    resource: Stocked
    evidence: str
    since: datetime | None = None
    cost_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Undecided:
    """A resource of which AWS did not tell enough: what was found before stays as it is."""

    resource: Stocked


Verdict = Hit | Undecided


@dataclass
class Stock:
    """What exists in one account, and from when on its organization wants to be told."""

    organization_id: int
    account_id: str
    thresholds: FindingThresholds
    now: datetime
    _state_since: Mapping[int, datetime] | None = field(default=None, repr=False)
    _metrics: Mapping[int, _Measured] | None = field(default=None, repr=False)

    def of(self, *types: ResourceType, **where: str) -> Iterator[Stocked]:
        """Yield the resources of these types that exist: all, or `where` fields have a value."""
        rows = self._existing(types).filter(**where).values_list(*Stocked._fields)
        return map(Stocked._make, rows.iterator(chunk_size=2000))

    def ids_of(self, *types: ResourceType) -> set[str]:
        """Return the ids of the resources of these types that exist."""
        return set(self._existing(types).values_list("resource_id", flat=True))

    def _existing(self, types: Sequence[ResourceType]) -> "QuerySet[Resource]":
        rows = Resource.objects.of(self.organization_id)
        return rows.filter(account_id=self.account_id, type__in=types, gone_at=None).order_by()

    def before(self, days: int) -> datetime:
        """Return the moment this many days ago."""
        return self.now - timedelta(days=days)

    def in_state_since(self, resource: Stocked) -> datetime:
        """Return since when a resource is known to be in its state."""
        if self._state_since is None:
            changes = ResourceChange.objects.of(self.organization_id).filter(
                resource__account_id=self.account_id, field=STATE, resource__gone_at=None
            )
            pairs = changes.order_by("at").values_list("resource_id", "at")
            self._state_since = dict(pairs)
        return self._state_since.get(resource.pk, resource.first_seen)

    def last_days(self, resource: Stocked, name: str, days: int) -> list[float] | None:
        """Return a figure of each of the last days, None where one of them is not known.

        Figures that were last told days ago say nothing of now.
        """
        told = self._measured().get(resource.pk)
        if told is None or name not in told.values or self.now - told.measured_at > _FRESH:
            return None
        figures: list[float] = told.values[name][-days:]
        if name in ZERO_WHEN_ABSENT:
            figures = [0.0] * (days - len(figures)) + [one or 0.0 for one in figures]
        if len(figures) < days or None in figures:
            return None
        return figures

    def measured_until(self, resource: Stocked) -> datetime:
        """Return the end of the last day with figures."""
        told = self._measured()[resource.pk]
        return datetime.combine(told.first_day, time(), UTC) + timedelta(days=DAYS)

    def _measured(self) -> Mapping[int, _Measured]:
        if self._metrics is None:
            rows = ResourceMetrics.objects.of(self.organization_id).filter(
                resource__account_id=self.account_id, resource__gone_at=None
            )
            told = rows.values_list(*_Measured._fields).iterator(chunk_size=2000)
            self._metrics = {one.resource_id: one for one in map(_Measured._make, told)}
        return self._metrics


@dataclass(frozen=True)
class Rule:
    """One rule: its stable name, its label, what to do about it, and how it finds.

    `needs` names the families whose answers it takes for complete: where one of them is not,
    nothing is found and nothing closed.
    """

    name: str
    label: str
    advice: str
    kind: Kind
    find: Callable[[Stock], Iterable[Verdict]]
    needs: tuple[str, ...] = ()


def moment(resource: Stocked, name: str) -> datetime | None:
    """Return a time among the resource's attributes."""
    text = resource.attributes.get(name)
    return parse_datetime(text) if text else None


def is_unknown(resource: Stocked, *names: str) -> bool:
    """Say whether AWS refused to tell one of these details."""
    unknown: Any = resource.attributes.get("unknown", ())
    return any(name in unknown for name in names)


def day(at: datetime) -> str:
    """Return a day as people write it: 3 May 2026."""
    return f"{at.day} {at:%B %Y}"
