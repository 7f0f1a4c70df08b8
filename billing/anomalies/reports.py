"""What the pages and the API read of anomalies, with the resources behind one. Reads only."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from django.db import models
from django.db.models import Q, QuerySet
from django.http import QueryDict

from billing.anomalies.models import Anomaly, AnomalyLook
from billing.anomalies.services import filters as judged_filters
from billing.cost_query import CostFilter, CostQuery, Granularity
from billing.counted import Counted, connected_accounts, counted
from billing.dimensions import RESOURCE
from billing.exact import added
from billing.measures import Measure
from billing.reports import answer
from organizations.models import Organization

BASELINE_DAYS = 7
MAX_RESOURCES = 10
_READ = 500  # resources of the day, the most expensive first
PARAMETERS = frozenset({"state", "account", "service", "from", "to"})
_SINGLE = ("state", "from", "to")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class State(models.TextChoices):
    """Which anomalies to list."""

    OPEN = "open", "Open"
    DISMISSED = "dismissed", "Dismissed"
    WITHDRAWN = "withdrawn", "Withdrawn: a later bill no longer says so"
    ALL = "all", "All"


class AnomalyFilterError(Exception):
    """A list that cannot be given: `errors` is {parameter: [sentence]}."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        super().__init__(" ".join(text for texts in errors.values() for text in texts))


@dataclass(frozen=True)
class AnomalyFilters:
    """Which anomalies: of a state, of accounts and services, of the days start <= day < end."""

    state: str = State.OPEN
    accounts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None

    @classmethod
    def from_query(cls, query: QueryDict) -> "AnomalyFilters":
        """Read the parameters in PARAMETERS; others are the caller's. Raises AnomalyFilterError."""
        errors = {
            name: ["Give this parameter once."] for name in _SINGLE if len(query.getlist(name)) > 1
        }
        state = query.get("state") or State.OPEN
        if state not in State.values:
            errors["state"] = [f"“{state}” is no state. Use {', '.join(State.values)}."]
        days: dict[str, date | None] = {}
        for name in ("from", "to"):
            try:
                days[name] = _day(query.get(name, ""))
            except ValueError as error:
                errors[name] = [str(error)]
        for name in ("account", "service"):
            if any("\x00" in one for one in query.getlist(name)):
                errors[name] = ["Write plain text without NUL."]
        start, end = days.get("from"), days.get("to")
        if start and end and start >= end:
            errors["to"] = ["“to” is the first day that no longer counts: it comes after “from”."]
        if errors:
            raise AnomalyFilterError(errors)
        return cls(
            state=state,
            accounts=tuple(one for one in query.getlist("account") if one),
            services=tuple(one for one in query.getlist("service") if one),
            start=start,
            end=end,
        )


@dataclass(frozen=True)
class ResourceIncrease:
    """A resource on the day of an anomaly, against its mean of the week before; '' is none."""

    resource_id: str
    amount: Decimal
    usual: Decimal

    @property
    def increase(self) -> Decimal:
        """Return how much more than usual."""
        return added([self.amount, self.usual.copy_negate()])


def anomaly_list(organization: Organization, filters: AnomalyFilters) -> "QuerySet[Anomaly]":
    """Return the anomalies of the accounts connected now, the most money first."""
    found: QuerySet[Anomaly] = mine(organization).filter(_of_state(filters.state))
    if filters.accounts:
        found = found.filter(account_id__in=filters.accounts)
    if filters.services:
        found = found.filter(service__in=filters.services)
    if filters.start:
        found = found.filter(day__gte=filters.start)
    if filters.end:
        found = found.filter(day__lt=filters.end)
    return found.order_by("-impact", "-day", "pk")


def mine(organization: Organization) -> "QuerySet[Anomaly]":
    """Return every anomaly of the accounts connected now."""
    found: QuerySet[Anomaly] = Anomaly.objects.of(organization).filter(
        account_id__in=connected_accounts(organization)
    )
    return found


def state_of(anomaly: Anomaly) -> State:
    """Return what became of it."""
    if anomaly.withdrawn_at is not None:
        return State.WITHDRAWN
    return State.DISMISSED if anomaly.dismissed_at is not None else State.OPEN


def totals(found: "QuerySet[Anomaly]") -> list[tuple[str, Decimal, int]]:
    """Return (currency, money above usual, how many) for each currency."""
    rows = found.order_by("currency").values_list("currency")
    return [
        (currency, impact, count)
        for currency, impact, count in rows.annotate(
            total=models.Sum("impact"), count=models.Count("pk")
        )
    ]


def last_look(organization: Organization) -> AnomalyLook | None:
    """Return how far anomalies were looked for, None before the first time."""
    found: AnomalyLook | None = AnomalyLook.objects.of(organization).first()
    return found


def recent(organization: Organization, today: date, *, days: int = 14) -> list[Anomaly]:
    """Return the open anomalies of the last days, the most money first: for the overview."""
    filters = AnomalyFilters(start=today - timedelta(days=days))
    return list(anomaly_list(organization, filters)[:5])


def days_of(anomaly: Anomaly) -> list[tuple[date, Decimal]]:
    """Return the daily costs around an anomaly: four weeks before, up to a week after."""
    start, end = anomaly.day - timedelta(days=28), anomaly.day + timedelta(days=8)
    query = _query(anomaly, start, end)
    what = counted(anomaly.organization, start, end)
    found = {
        date.fromisoformat(row.period): row.amount
        for row in answer(query, what, anomaly.currency)[0]
    }
    last = max(found, default=anomaly.day)
    days = ((start + timedelta(days=n)) for n in range((last - start).days + 1))
    return [(day, found.get(day, Decimal(0))) for day in days]


@dataclass(frozen=True)
class Behind:
    """What is behind an anomaly: the resources that grew most, and what the others grew together.

    Compared is the daily mean of start <= day < end: the week before the unusual days began.
    """

    start: date
    end: date
    top: list[ResourceIncrease]
    others: Decimal

    @property
    def last_day(self) -> date:
        """Return the last day that is compared with."""
        return self.end - timedelta(days=1)


def resources_behind(anomaly: Anomaly) -> Behind:
    """Return the resources behind an anomaly, in a constant number of queries."""
    end = _began(anomaly)
    start = end - timedelta(days=BASELINE_DAYS)
    next_day = anomaly.day + timedelta(days=1)
    what = counted(anomaly.organization, start, next_day)
    then = replace(
        _query(anomaly, anomaly.day, next_day), granularity=Granularity.TOTAL, group_by=(RESOURCE,)
    )
    rows, total, _ = answer(then, what, anomaly.currency, limit=_READ)
    query = replace(_query(anomaly, start, end), granularity=Granularity.TOTAL)
    _, before_total, _ = answer(query, what, anomaly.currency)
    before = _means(query, what, tuple(row.group[0] for row in rows))
    found = sorted(
        (
            ResourceIncrease(row.group[0], row.amount, before.get(row.group[0], Decimal(0)))
            for row in rows
        ),
        key=lambda one: (-one.increase, one.resource_id),
    )
    top = [one for one in found[:MAX_RESOURCES] if one.increase > 0]
    whole = added([total, (before_total / BASELINE_DAYS).copy_negate()])
    return Behind(start, end, top, added([whole, *(one.increase.copy_negate() for one in top)]))


def _began(anomaly: Anomaly) -> date:
    """Return the first of the unusual days in a row that end with this one."""
    alike = Anomaly.objects.filter(
        organization=anomaly.organization_id,
        account_id=anomaly.account_id,
        service=anomaly.service,
        currency=anomaly.currency,
        metric=anomaly.metric,
        withdrawn_at=None,
        day__lt=anomaly.day,
        day__gte=anomaly.day - timedelta(days=BASELINE_DAYS),
    )
    unusual = set(alike.values_list("day", flat=True))
    first = anomaly.day
    while first - timedelta(days=1) in unusual:
        first -= timedelta(days=1)
    return first


def _means(query: CostQuery, what: Counted, resources: tuple[str, ...]) -> dict[str, Decimal]:
    """Return the daily mean of each resource in the days compared with."""
    if not resources:
        return {}
    query = replace(
        query,
        group_by=(RESOURCE,),
        filters=(*query.filters, CostFilter(RESOURCE, False, resources)),
    )
    rows, _, _ = answer(query, what, query.currency)
    return {row.group[0]: row.amount / BASELINE_DAYS for row in rows}


def _query(anomaly: Anomaly, start: date, end: date) -> CostQuery:
    return CostQuery(
        start,
        end,
        metric=Measure(anomaly.metric),
        filters=(
            CostFilter("account", False, (anomaly.account_id,)),
            CostFilter("service", False, (anomaly.service,)),
            *judged_filters(),
        ),
        currency=anomaly.currency,
    )


def explorer_params(anomaly: Anomaly) -> QueryDict:
    """Return the explorer's parameters for the weeks around an anomaly."""
    start, end = anomaly.day - timedelta(days=28), anomaly.day + timedelta(days=8)
    params = QueryDict(mutable=True)
    for name, value in _query(anomaly, start, end).to_params():
        params.appendlist(name, value)
    params["group_by"] = "usage_type"
    return params


def _of_state(state: str) -> Q:
    if state == State.WITHDRAWN:
        return Q(withdrawn_at__isnull=False)
    if state == State.DISMISSED:
        return Q(withdrawn_at=None, dismissed_at__isnull=False)
    return Q() if state == State.ALL else Q(withdrawn_at=None, dismissed_at=None)


def _day(text: str) -> date | None:
    if not text:
        return None
    if not _DAY.fullmatch(text):
        raise ValueError(f"“{text}” is not a day. Write it as YYYY-MM-DD.")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"There is no day {text} in the calendar.") from None
