"""The seam at which discovered resources meet their costs: discovery asks, billing answers."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from importlib import import_module
from typing import Protocol, cast

from organizations.models import Organization


@dataclass(frozen=True)
class ResourceKey:
    """How a resource is named on both sides: `id` is the normalised resource id.

    EC2 things by their bare id (`i-…`, `vol-…`, `eipalloc-…`), load balancers by what follows
    `loadbalancer/` in the ARN, buckets by name, everything else by its full ARN; so are classic
    load balancers, whose names may come again in another region.
    """

    account_id: str
    id: str


@dataclass(frozen=True)
class ResourceCost:
    """What a resource cost: the amount, its currency."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class CostLine:
    """What one resource cost on one day for one usage type."""

    key: ResourceKey
    day: date
    usage_type: str
    amount: Decimal
    currency: str


@dataclass(frozen=True)
class BilledResource:
    """What one resource id on the bill cost for one service in one region.

    `key.id` is "" for costs that name no resource (tax, credits, requests of some services).
    `service` is AWS's product code, `service_name` its readable name, "" where unknown.
    """

    key: ResourceKey
    service: str
    service_name: str
    region: str
    amount: Decimal
    currency: str


class ResourceCosts(Protocol):
    """What billing offers."""

    def __call__(
        self,
        organization: Organization,
        *,
        start: date,
        end: date,
        keys: Collection[ResourceKey] | None = None,
    ) -> Mapping[ResourceKey, ResourceCost]:
        """Return the amortized cost of each resource on the days start <= day < end.

        `keys` None means every resource with a cost.
        """


class ResourceCostLines(Protocol):
    """What billing offers about few resources in detail."""

    def __call__(
        self,
        organization: Organization,
        *,
        start: date,
        end: date,
        keys: Collection[ResourceKey],
    ) -> Sequence[CostLine]:
        """Return the amortized cost by resource, day and usage type: start <= day < end."""


class BilledResources(Protocol):
    """What billing offers about everything on the bill."""

    def __call__(
        self, organization: Organization, *, start: date, end: date
    ) -> Iterator[BilledResource]:
        """Yield the amortized cost of every resource by service: start <= day < end.

        However many there are, in constant memory; a resource may come several times.
        """


class Provider(Protocol):
    """What the module offers that answers."""

    resource_costs: ResourceCosts
    resource_cost_lines: ResourceCostLines
    billed_resources: BilledResources


_module = ""


def register(module: str) -> None:
    """Name the module that answers. Called from billing's AppConfig.ready().

    It is loaded when somebody asks: most processes never do.
    """
    global _module  # noqa: PLW0603 - one provider for the process, set once at start
    _module = module


def _provider() -> Provider:
    if not _module:
        raise RuntimeError("No app registered resource costs.")
    return cast("Provider", import_module(_module))


def resource_costs(
    organization: Organization,
    *,
    start: date,
    end: date,
    keys: Collection[ResourceKey] | None = None,
) -> Mapping[ResourceKey, ResourceCost]:
    """Ask billing (see ResourceCosts)."""
    return _provider().resource_costs(organization, start=start, end=end, keys=keys)


def resource_cost_lines(
    organization: Organization, *, start: date, end: date, keys: Collection[ResourceKey]
) -> Sequence[CostLine]:
    """Ask billing (see ResourceCostLines)."""
    return _provider().resource_cost_lines(organization, start=start, end=end, keys=keys)


def billed_resources(
    organization: Organization, *, start: date, end: date
) -> Iterator[BilledResource]:
    """Ask billing (see BilledResources)."""
    return _provider().billed_resources(organization, start=start, end=end)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts without rounding: bills have more digits than Python's decimals by default."""
    with localcontext(prec=200):
        return sum(amounts, Decimal(0))


def normalised_id(resource_id: str) -> str:
    """Return the id under which a bill's or an API's resource id is joined.

    >>> normalised_id("arn:aws:ec2:eu-west-1:111122223333:instance/i-0f2dead076354a419")
    'i-0f2dead076354a419'
    >>> normalised_id("arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/1a")
    'app/web/1a'
    >>> normalised_id("arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/web")
    'arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/web'
    >>> normalised_id("arn:aws:s3:::my-bucket")
    'my-bucket'
    """
    if not resource_id.startswith("arn:"):
        return resource_id
    parts = resource_id.split(":", 5)
    if len(parts) < 6:
        return resource_id
    service, rest = parts[2], parts[5]
    if service == "ec2":
        return rest.partition("/")[2] or rest
    if service == "elasticloadbalancing" and rest.startswith("loadbalancer/"):
        name = rest.removeprefix("loadbalancer/")
        return name if "/" in name else resource_id
    if service == "s3":
        return rest
    return resource_id
