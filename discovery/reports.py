"""Reading resources and runs. Nothing here writes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, FilteredRelation, Q, Value
from django.db.models.functions import Lower
from django.utils import timezone

from connections.jobs import serialize_run
from connections.models import Connection
from discovery.collectors.base import GLOBAL
from discovery.filters import CostMonth, Existence, ResourceFilters, Sort
from discovery.models import SEARCHED, DiscoveryRun, DiscoveryScope, Resource, ResourceCost
from discovery.months import months
from organizations.models import Organization


@dataclass(frozen=True)
class ResourceRow:
    """A resource with what is not in its row.

    `last_seen` is the last time that AWS named it. The costs are the amortized cost of this month
    so far and of the whole last month, in `currency`; None where no bill names the resource.
    """

    resource: Resource
    last_seen: datetime
    month_to_date_cost: Decimal | None
    last_month_cost: Decimal | None
    currency: str


def resource_list(organization: Organization, filters: ResourceFilters) -> Any:
    """Return the ids of the organization's resources in its connected accounts, as a queryset.

    Ids alone: PostgreSQL sorts them many times faster than whole rows, see `rows_of`.
    """
    connected = Connection.objects.of(organization).connected().values("account_id")
    resources = Resource.objects.of(organization).filter(account_id__in=connected)
    if filters.existence is not Existence.ALL:
        resources = resources.filter(gone_at__isnull=filters.existence is Existence.EXISTS)
    wanted = {
        "type__in": filters.types,
        "region__in": filters.regions,
        "account_id__in": filters.accounts,
        "state__in": filters.states,
    }
    resources = resources.filter(**{name: values for name, values in wanted.items() if values})
    for key, values in filters.tags.items():
        resources = resources.filter(_has_tag(key, values))
    if filters.q:
        searched = resources.annotate(searched=SEARCHED)
        resources = searched.filter(searched__contains=Lower(Value(filters.q)))
    resources = _with_costs(resources)
    bounds = {f"{one.month}__amount__{one.lookup}": one.amount for one in filters.costs}
    found = resources.filter(**bounds).order_by(*_order(filters.sort))
    return found.values_list("pk", flat=True)


def _with_costs(resources: Any) -> Any:
    """Return the resources with their costs at hand for conditions and order, by month.

    The tables are joined only where something of them is used.
    """
    return resources.annotate(
        **{
            name: FilteredRelation("costs", condition=Q(costs__month=month))
            for name, month in zip(CostMonth, _months(), strict=True)
        }
    )


_ORDERS: Mapping[Sort, tuple[str, ...]] = {
    Sort.TYPE: ("type", "name", "resource_id", "pk"),
    Sort.NAME: ("name", "type", "resource_id", "pk"),
    Sort.FIRST_SEEN: ("first_seen", "pk"),
    Sort.MONTH_TO_DATE: (f"{CostMonth.THIS}__amount", "pk"),
    Sort.LAST_MONTH: (f"{CostMonth.LAST}__amount", "pk"),
}


def _order(sort: str) -> Sequence[Any]:
    """Return what to order by. What has no cost comes last, whichever way."""
    first, *rest = _ORDERS[Sort(sort.removeprefix("-"))]
    descends = sort.startswith("-")
    if first.endswith("__amount"):
        by = F(first).desc(nulls_last=True) if descends else F(first).asc(nulls_last=True)
        return by, *rest
    return tuple(f"-{one}" if descends else one for one in (first, *rest))


def _has_tag(key: str, values: Sequence[str]) -> Q:
    condition = Q()
    for value in values:
        condition |= Q(tags__contains={key: value})
        if not value:
            condition |= ~Q(tags__has_key=key)
    return condition


def rows_of(organization: Organization, ids: Collection[int]) -> list[ResourceRow]:
    """Return the resources of one page with costs and last sight: three queries at any size."""
    by_id = Resource.objects.of(organization).in_bulk(ids)
    resources = [by_id[pk] for pk in ids if pk in by_id]
    months = _months()
    found = ResourceCost.objects.of(organization).filter(resource__in=ids, month__in=months)
    costs = {(one.resource_id, one.month): one for one in found}
    seen = _scopes_complete_at(organization, resources)
    rows = []
    for one in resources:
        told = [costs.get((one.pk, month)) for month in months]
        rows.append(
            ResourceRow(
                one,
                last_seen=_last_seen(one, seen),
                month_to_date_cost=told[0].amount if told[0] else None,
                last_month_cost=told[1].amount if told[1] else None,
                currency=next((cost.currency for cost in told if cost), ""),
            )
        )
    return rows


def _months() -> tuple[date, date]:
    """Return the first days of this month and of the last one."""
    (this_month, _), (last_month, _) = months(timezone.now().date())
    return this_month, last_month


_ScopeKey = tuple[str, str, str]


def _scopes_complete_at(
    organization: Organization, resources: Collection[Resource]
) -> Mapping[_ScopeKey, datetime]:
    """Return {(account, family, region): last complete answer} for the scopes of a page."""
    scopes = DiscoveryScope.objects.of(organization).filter(
        connection__disconnected_at=None,
        connection__account_id__in={one.account_id for one in resources},
        family__in={one.family for one in resources},
        region__in={GLOBAL, *(one.region for one in resources)},
        last_complete_at__isnull=False,
    )
    fields = ("connection__account_id", "family", "region", "last_complete_at")
    return {
        (account, family, region): at for account, family, region, at in scopes.values_list(*fields)
    }


def _last_seen(resource: Resource, seen: Mapping[_ScopeKey, datetime]) -> datetime:
    """Return when AWS last named the resource.

    While it exists, that is whenever its scope answered completely: in its region, or in the
    whole account for what is asked once.
    """
    if resource.gone_at is not None:
        return resource.last_seen
    answered = [
        seen.get((resource.account_id, resource.family, region))
        for region in (resource.region, GLOBAL)
    ]
    return max([resource.last_seen, *(at for at in answered if at is not None)])


def run_summary(run: DiscoveryRun) -> dict[str, Any]:
    """Return what the API and the command say of a run."""
    own = ("found", "added", "changed", "gone", "warnings")
    return {**serialize_run(run), **{name: getattr(run, name) for name in own}}


@dataclass(frozen=True)
class CoverageRow:
    """How the regions answered one family: (cell, region) in the order of the columns."""

    label: str
    cells: list["CoverageCell"]


@dataclass(frozen=True)
class CoverageCell:
    """What one region answered: a number, or the class of its error; "" where not asked."""

    region: str
    text: str
    is_failure: bool


def coverage(run: DiscoveryRun, labels: Mapping[str, str]) -> tuple[list[str], list[CoverageRow]]:
    """Return a run's regions, and what each answered for each family."""
    asked: dict[str, dict[str, int | str]] = run.coverage
    regions = sorted({region for cells in asked.values() for region in cells}, key=_global_first)
    rows = []
    for family in sorted(asked, key=lambda one: labels.get(one, one)):
        cells = [_cell(region, asked[family].get(region)) for region in regions]
        rows.append(CoverageRow(labels.get(family, family), cells))
    return regions, rows


def _global_first(region: str) -> tuple[bool, str]:
    return region != GLOBAL, region


def _cell(region: str, told: int | str | None) -> CoverageCell:
    return CoverageCell(region, "" if told is None else str(told), isinstance(told, str))
