"""What each kind of resource, and each other service, uses in a day."""

import calendar
import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal

from demo.aws.company import cast, commitments
from demo.aws.company.clock import Clock
from demo.aws.company.resources import Made
from demo.aws.company.rows import S3, TEN_PLACES, line
from demo.bills.line_items import LineItem


def _month_share(monthly_price: str, amount: str, day: dt.date) -> Decimal:
    days = calendar.monthrange(day.year, day.month)[1]
    return Decimal(monthly_price) * Decimal(amount) / days


def _instance(resource: Made, clock: Clock, day: dt.date) -> Iterator[LineItem]:
    hours = 4 if resource.hours == 14 and day.weekday() >= 5 else resource.hours
    if not hours:
        return
    cost = Decimal(cast.PRICES[resource.size]) * hours
    usage_type = f"BoxUsage:{resource.size}"
    if resource.pays == "OnDemand":
        yield line(
            *(resource, day, usage_type, "RunInstances", cost),
            usage_amount=Decimal(hours),
            product_family="Compute Instance",
        )
    else:
        yield commitments.covered(resource, day, usage_type, cost, Decimal(hours))
    if resource.name.startswith("shop-web"):
        sent = Decimal("8.40") * clock.level(day, resource.line_item_id, 1.18)
        yield line(
            *(resource, day, "DataTransfer-Out-Bytes", "RunInstances", sent),
            usage_amount=sent / Decimal("0.09"),
            pricing_unit="GB",
            product_family="Data Transfer",
        )


def _volume(resource: Made, clock: Clock, day: dt.date) -> Iterator[LineItem]:
    cost = _month_share("0.088", resource.size, day)
    share = _month_share("1", resource.size, day)
    yield line(
        *(resource, day, "EBS:VolumeUsage.gp3", "CreateVolume-Gp3", cost),
        usage_amount=share.quantize(TEN_PLACES),
        pricing_unit="GB-Mo",
        product_family="Storage",
    )


def _snapshot(resource: Made, clock: Clock, day: dt.date) -> Iterator[LineItem]:
    cost = _month_share("0.05", resource.size, day)
    yield line(
        *(resource, day, "EBS:SnapshotUsage", "CreateSnapshot", cost),
        pricing_unit="GB-Mo",
        product_family="Storage Snapshot",
    )


def _address(resource: Made, clock: Clock, day: dt.date) -> Iterator[LineItem]:
    yield line(
        *(resource, day, "PublicIPv4:IdleAddress", "AllocateAddressVPC", Decimal("0.12")),
        product_code="AmazonVPC",
        product_name="Amazon Virtual Private Cloud",
        usage_amount=Decimal(24),
    )


def _nat(resource: Made, clock: Clock, day: dt.date) -> Iterator[LineItem]:
    family = "NAT Gateway"
    hourly = Decimal("0.048") * 24
    yield line(
        *(resource, day, "NatGateway-Hours", "NatGateway", hourly),
        usage_amount=Decimal(24),
        product_family=family,
    )
    usual = Decimal("19.50") * clock.level(day, resource.line_item_id)
    runaway = resource.account == cast.DATA and day >= clock.jump
    yield line(
        *(resource, day, "NatGateway-Bytes", "NatGateway", usual * 14 if runaway else usual),
        pricing_unit="GB",
        product_family=family,
    )


def _balancer(resource: Made, clock: Clock, day: dt.date) -> Iterator[LineItem]:
    operation = {"application": "LoadBalancing:Application", "network": "LoadBalancing:Network"}
    given = {"product_code": "AWSELB", "product_name": "Elastic Load Balancing"}
    what = operation.get(resource.size, "LoadBalancing")
    yield line(
        *(resource, day, "LoadBalancerUsage", what, Decimal("0.0252") * 24),
        usage_amount=Decimal(24),
        **given,
    )
    if resource.size != "classic":
        units = Decimal("2.80") * clock.level(day, resource.line_item_id)
        yield line(*(resource, day, "LCUUsage", what, units), pricing_unit="LCU-Hrs", **given)


def _bucket(resource: Made, clock: Clock, day: dt.date) -> Iterator[LineItem]:
    given = {"product_code": "AmazonS3", "product_name": S3}
    stored = _month_share("0.023", resource.size, day) * clock.level(day, "stored", 1.0)
    yield line(
        *(resource, day, "TimedStorage-ByteHrs", "StandardStorage", stored),
        pricing_unit="GB-Mo",
        product_family="Storage",
        **given,
    )
    requests = stored / 25 * clock.level(day, resource.line_item_id)
    for kind, operation, part in (("Tier1", "PutObject", "0.7"), ("Tier2", "GetObject", "0.3")):
        yield line(
            *(resource, day, f"Requests-{kind}", operation, requests * Decimal(part)),
            pricing_unit="Requests",
            product_family="API Request",
            **given,
        )


PRICED: dict[str, Callable[[Made, Clock, dt.date], Iterator[LineItem]]] = {
    "instance": _instance,
    "volume": _volume,
    "snapshot": _snapshot,
    "address": _address,
    "nat": _nat,
    "balancer": _balancer,
    "bucket": _bucket,
}


def of_service(service: cast.Service, clock: Clock, day: dt.date) -> LineItem:
    cost = Decimal(service.daily) * clock.level(day, service.usage_type)
    resource = Made("", service.account, cast.VIRGINIA, service.resource, tags=service.tags)
    return line(
        *(resource, day, "", service.operation, cost),
        usage_type=service.usage_type,
        region=service.region,
        product_code=service.code,
        product_name=service.name,
        product_family=service.family,
        pricing_unit="",
        description=f"{service.usage_type} in {service.region or 'every region'}",
    )
