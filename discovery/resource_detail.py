"""One resource with everything that is known of it. Nothing here writes."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone

from connections.models import Connection
from connections.resource_costs import CostLine, ResourceKey, exact_sum, resource_cost_lines
from discovery.findings import BY_NAME
from discovery.metrics.reports import Use, use_of
from discovery.models import Finding, Resource, ResourceChange, ResourceType
from discovery.months import months
from discovery.reports import ResourceRow, rows_of
from organizations.models import Organization

MAX_CHANGES = 200


@dataclass(frozen=True)
class RelatedCost:
    """What one thing on the bill cost: this month so far and in the whole last month.

    `of` is the resource's own id, or that of something that belongs to it, told by `why`.
    """

    of: str
    why: str
    usage_type: str
    this_month: Decimal
    last_month: Decimal


@dataclass(frozen=True)
class ResourceCostsShown:
    """The costs of a resource in one currency, its own and those under other ids.

    `days` are {day: amount} of its own id, from the first day of last month to today.
    """

    currency: str
    this_month: Decimal
    last_month: Decimal
    days: Mapping[date, Decimal]
    related: Sequence[RelatedCost]


@dataclass(frozen=True)
class ResourceDetail:
    """A resource, its costs, its history, its findings, how much it was used."""

    row: ResourceRow
    costs: Sequence[ResourceCostsShown]
    changes: Sequence[ResourceChange]
    findings: Sequence[Finding]
    use: Sequence[Use]


def resource_detail(organization: Organization, pk: int) -> ResourceDetail:
    """Return everything about one resource in a connected account. Raises Http404."""
    connected = Connection.objects.of(organization).connected().values("account_id")
    mine = Resource.objects.of(organization).filter(account_id__in=connected)
    resource: Resource = get_object_or_404(mine, pk=pk)
    [row] = rows_of(organization, [resource.pk])
    changes = ResourceChange.objects.of(organization).filter(resource=resource)
    findings = Finding.objects.of(organization).filter(resource=resource, rule__in=BY_NAME)
    return ResourceDetail(
        row,
        costs=_costs(organization, resource, timezone.now().date()),
        changes=list(changes[:MAX_CHANGES]),
        findings=list(findings.order_by("closed_at", "-found_at")),
        use=use_of(resource),
    )


def _costs(organization: Organization, resource: Resource, today: date) -> list[ResourceCostsShown]:
    why = {resource.cost_id: ""} | _others(organization, resource)
    (month, end), (start, _) = months(today)
    keys = {ResourceKey(resource.account_id, one) for one in why}
    lines = resource_cost_lines(organization, start=start, end=end, keys=keys)
    by_currency: dict[str, list[CostLine]] = defaultdict(list)
    for line in lines:
        by_currency[line.currency].append(line)
    return [
        _shown(currency, told, month, resource, why)
        for currency, told in sorted(by_currency.items())
    ]


def _shown(
    currency: str,
    lines: Sequence[CostLine],
    month: date,
    resource: Resource,
    why: Mapping[str, str],
) -> ResourceCostsShown:
    parts: dict[tuple[str, str], list[CostLine]] = defaultdict(list)
    days: dict[date, list[Decimal]] = defaultdict(list)
    for line in lines:
        parts[line.key.id, line.usage_type].append(line)
        if line.key.id == resource.cost_id:
            days[line.day].append(line.amount)
    related = [
        RelatedCost(
            of,
            why[of],
            usage_type,
            this_month=exact_sum(line.amount for line in told if line.day >= month),
            last_month=exact_sum(line.amount for line in told if line.day < month),
        )
        for (of, usage_type), told in parts.items()
    ]
    related.sort(key=lambda one: (one.of != resource.cost_id, -one.this_month, one.usage_type))
    own = [one for one in related if one.of == resource.cost_id]
    return ResourceCostsShown(
        currency,
        this_month=exact_sum(one.this_month for one in own),
        last_month=exact_sum(one.last_month for one in own),
        days={day: exact_sum(days.get(day, ())) for day in _every_day(days)},
        related=related,
    )


def _every_day(days: Collection[date]) -> list[date]:
    """Return the days from the first to the last one, those without a cost too."""
    if not days:
        return []
    first = min(days)
    return [first + timedelta(days=n) for n in range((max(days) - first).days + 1)]


def _others(organization: Organization, resource: Resource) -> dict[str, str]:
    """Return {id on the bill: why it belongs to the resource} of what is billed elsewhere."""
    told: dict[str, str] = {}
    attributes: Mapping[str, Any] = resource.attributes
    if resource.type == ResourceType.EC2_INSTANCE:
        told |= dict.fromkeys(attributes.get("volumes", ()), "volume of this instance")
        told |= _pointing(
            organization,
            resource,
            ResourceType.NETWORK_INTERFACE,
            {"instance_id": resource.resource_id},
            "network interface of this instance",
        )
    if resource.type == ResourceType.EBS_VOLUME:
        told |= _pointing(
            organization,
            resource,
            ResourceType.EBS_SNAPSHOT,
            {"volume_id": resource.resource_id},
            "snapshot of this volume",
        )
    if resource.type == ResourceType.EC2_IMAGE:
        told |= dict.fromkeys(attributes.get("snapshots", ()), "snapshot of this image")
    interface = attributes.get("network_interface_id")
    if resource.type == ResourceType.ELASTIC_IP and interface:
        told[interface] = "the interface that uses this address"
    told.pop(resource.cost_id, None)
    return told


def _pointing(
    organization: Organization,
    resource: Resource,
    kind: ResourceType,
    attributes: Mapping[str, str],
    why: str,
) -> dict[str, str]:
    """Return the resources of the account whose attributes name this one, gone ones too."""
    found = Resource.objects.of(organization).filter(
        account_id=resource.account_id,
        region=resource.region,
        type=kind,
        attributes__contains=attributes,
    )
    return dict.fromkeys(found.order_by().values_list("cost_id", flat=True)[:500], why)
