"""Keeps what resources cost beside them, and what costs money without being one of them.

The only writer of both. It runs after every import and every discovery, and once an hour.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from heapq import heappush, heapreplace

from django.db import transaction
from django.utils import timezone

from connections.resource_costs import BilledResource, ResourceKey, billed_resources
from discovery.models import NotFoundCost, Resource, ResourceCost
from discovery.months import months
from discovery.not_found import Reasons
from organizations.models import Organization

EXAMPLES = 10
_BATCH = 2000


@dataclass
class _Sum:
    """What adds up under one heading of what was not found."""

    service_name: str
    ids: int = 0
    amount: Decimal = Decimal(0)
    dearest: list[tuple[Decimal, str]] = field(default_factory=list)

    def add(self, one: BilledResource) -> None:
        self.amount += one.amount
        if not one.key.id:
            return
        self.ids += 1
        if len(self.dearest) < EXAMPLES:
            heappush(self.dearest, (one.amount, one.key.id))
        elif self.dearest[0] < (one.amount, one.key.id):
            heapreplace(self.dearest, (one.amount, one.key.id))


# (account id, region, service, reason, currency)
_Heading = tuple[str, str, str, str, str]
_Costs = dict[tuple[int, date], tuple[Decimal, str]]


@transaction.atomic
def refresh(organization: Organization) -> None:
    """Bring both tables up to what the bills and the resources of an organization are now."""
    # One at a time; what refers to the organization may be written meanwhile.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    keys: defaultdict[ResourceKey, list[int]] = defaultdict(list)
    rows = Resource.objects.of(organization).order_by().values_list("account_id", "cost_id", "pk")
    for account_id, cost_id, pk in rows.iterator(chunk_size=_BATCH):
        keys[ResourceKey(account_id, cost_id)].append(pk)
    reasons = Reasons(organization)
    costs: _Costs = {}
    NotFoundCost.objects.of(organization).delete()
    for month, end in months(timezone.now().date()):
        billed = billed_resources(organization, start=month, end=end)
        found, not_found = _sorted(billed, keys, reasons)
        costs |= {(pk, month): cost for key, cost in found.items() for pk in keys[key]}
        _write_not_found(organization, month, not_found)
    _write_costs(organization, costs)


def _sorted(
    billed: Iterable[BilledResource], keys: Mapping[ResourceKey, object], reasons: Reasons
) -> tuple[dict[ResourceKey, tuple[Decimal, str]], dict[_Heading, _Sum]]:
    """Return what known resources cost, and the sums of everything else."""
    found: defaultdict[tuple[ResourceKey, str], Decimal] = defaultdict(Decimal)
    not_found: dict[_Heading, _Sum] = {}
    with localcontext(prec=200):
        for one in billed:
            if one.key in keys:
                found[one.key, one.currency] += one.amount
                continue
            reason = reasons.why(one)
            heading = (one.key.account_id, one.region, one.service, reason, one.currency)
            not_found.setdefault(heading, _Sum(one.service_name)).add(one)
    costs: dict[ResourceKey, tuple[Decimal, str]] = {}
    for (key, currency), amount in found.items():
        # An account is billed in one currency; should there be two, the one with more is told.
        if key not in costs or costs[key][0] < amount:
            costs[key] = (amount, currency)
    return costs, not_found


def _write_not_found(
    organization: Organization, month: date, sums: Mapping[_Heading, _Sum]
) -> None:
    NotFoundCost.objects.bulk_create(
        [
            NotFoundCost(
                organization=organization,
                month=month,
                account_id=account_id,
                region=region,
                service=service,
                service_name=one.service_name,
                reason=reason,
                ids=one.ids,
                examples=[[name, f"{amount:f}"] for amount, name in sorted(one.dearest)[::-1]],
                amount=one.amount,
                currency=currency,
            )
            for (account_id, region, service, reason, currency), one in sums.items()
        ],
        batch_size=_BATCH,
    )


def _write_costs(organization: Organization, costs: _Costs) -> None:
    """Write what differs from what is kept, and forget what is no longer so."""
    gone: list[int] = []
    kept = ResourceCost.objects.of(organization).values_list(
        "pk", "resource_id", "month", "amount", "currency"
    )
    for pk, resource_id, month, amount, currency in kept.iterator(chunk_size=_BATCH):
        wanted = costs.get((resource_id, month))
        if wanted is None:
            gone.append(pk)
        elif wanted == (amount, currency):
            del costs[resource_id, month]
    for start in range(0, len(gone), _BATCH):
        ResourceCost.objects.filter(pk__in=gone[start : start + _BATCH]).delete()
    ResourceCost.objects.bulk_create(
        [
            ResourceCost(resource_id=pk, month=month, amount=amount, currency=currency)
            for (pk, month), (amount, currency) in costs.items()
        ],
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=("resource", "month"),
        update_fields=("amount", "currency"),
    )
