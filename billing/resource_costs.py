"""What resources cost, for the inventory (see connections.resource_costs)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from billing.cost_query import MAX_VALUES, CostFilter, CostQuery, Granularity
from billing.counted import counted
from billing.dimensions import RESOURCE
from billing.exact import added, plain
from billing.measures import Measure
from billing.reports import answer, names_for, stream
from connections.resource_costs import (
    BilledResource,
    CostLine,
    ResourceCost,
    ResourceKey,
    normalised_id,
)
from organizations.models import Organization


def resource_costs(
    organization: Organization,
    *,
    start: date,
    end: date,
    keys: Collection[ResourceKey] | None = None,
) -> Mapping[ResourceKey, ResourceCost]:
    """Return the amortized cost of each resource on the days start <= day < end.

    `keys` None means every resource with a cost. An account is billed in one currency; should a
    resource have costs in two, the one with more is told, since they are never added.
    """
    if keys is not None and not keys:
        return {}
    what = counted(organization, start, end)
    query = CostQuery(
        start,
        end,
        Granularity.TOTAL,
        Measure.AMORTIZED,
        group_by=("account", RESOURCE),
        filters=_filters(keys),
    )
    found: dict[ResourceKey, ResourceCost] = {}
    for currency in what.currencies:
        amounts: dict[ResourceKey, list[Decimal]] = {}
        for row in answer(query, what, currency)[0]:
            account_id, resource_id = row.group
            if resource_id:
                key = ResourceKey(account_id, normalised_id(resource_id))
                amounts.setdefault(key, []).append(row.amount)
        for key, parts in amounts.items():
            cost = ResourceCost(Decimal(plain(added(parts))), currency)
            if key not in found or found[key].amount < cost.amount:
                found[key] = cost
    if keys is None:
        return found
    return {key: found[key] for key in keys if key in found}


def resource_cost_lines(
    organization: Organization,
    *,
    start: date,
    end: date,
    keys: Collection[ResourceKey],
) -> Sequence[CostLine]:
    """Return the amortized cost by resource, day and usage type: start <= day < end."""
    if not keys:
        return []
    what = counted(organization, start, end)
    query = CostQuery(
        start,
        end,
        Granularity.DAILY,
        Measure.AMORTIZED,
        group_by=("account", RESOURCE, "usage_type"),
        filters=_filters(keys),
    )
    wanted = set(keys)
    lines = []
    for currency in what.currencies:
        for row in answer(query, what, currency)[0]:
            account_id, resource_id, usage_type = row.group
            key = ResourceKey(account_id, normalised_id(resource_id or ""))
            if key in wanted:
                day = date.fromisoformat(row.period)
                lines.append(CostLine(key, day, usage_type or "", row.amount, currency))
    return lines


def billed_resources(
    organization: Organization, *, start: date, end: date
) -> Iterator[BilledResource]:
    """Yield the amortized cost of every resource by service: start <= day < end."""
    names = names_for(organization, ("service",))
    for currency in counted(organization, start, end).currencies:
        query = CostQuery(
            start,
            end,
            Granularity.TOTAL,
            Measure.AMORTIZED,
            group_by=("account", RESOURCE, "service", "region"),
            currency=currency,
        )
        for row in stream(organization, query)[1]:
            account_id, resource_id, service, region = row.group
            yield BilledResource(
                ResourceKey(account_id, normalised_id(resource_id)),
                service,
                names.of("service", service),
                region,
                row.amount,
                currency,
            )


def _filters(keys: Collection[ResourceKey] | None) -> tuple[CostFilter, ...]:
    """Return the filter that finds these resources; none where reading all is no more work."""
    ids = {key.id for key in keys or ()}
    if not ids or len(ids) > MAX_VALUES:
        return ()
    return (CostFilter(RESOURCE, values=tuple(ids)),)
