"""Line items of the company's resources, with all that AWS says about every one of them."""

import datetime as dt
from decimal import Decimal

from demo.aws.company import cast
from demo.aws.company.resources import Made
from demo.bills.line_items import LineItem

TEN_PLACES = Decimal("1e-10")
# The company's private pricing: what is left of every usage charge.
AFTER_DISCOUNT = Decimal("0.94")
USAGE_PREFIX = {cast.DUBLIN: "EU-", cast.FRANKFURT: "EUC1-", cast.VIRGINIA: ""}
EC2, S3 = "Amazon Elastic Compute Cloud", "Amazon Simple Storage Service"


def net(cost: Decimal) -> Decimal:
    return (cost * AFTER_DISCOUNT).quantize(TEN_PLACES)


def midnight(day: dt.date, hour: int = 0) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, hour, tzinfo=dt.UTC)


def line(
    resource: Made, day: dt.date, usage_type: str, operation: str, cost: Decimal, /, **given: object
) -> LineItem:
    """A row of on-demand usage by one of the company's resources; `given` overrides."""
    cost = cost.quantize(TEN_PLACES)
    hours = min(resource.hours, 24) or 24
    fields: dict[str, object] = {
        "account_id": resource.account,
        "account_name": cast.ACCOUNT_NAMES[resource.account],
        "start": midnight(day),
        "end": midnight(day) + dt.timedelta(hours=hours),
        "unblended_cost": cost,
        "net_unblended_cost": net(cost),
        "list_cost": cost,
        "usage_type": f"{USAGE_PREFIX[resource.region]}{usage_type}",
        "operation": operation,
        "resource_id": resource.line_item_id,
        "region": resource.region,
        "availability_zone": resource.zone,
        "product_name": EC2,
        "pricing_unit": "Hrs",
        "tags": billed_tags(resource.tags),
        "cost_categories": business_unit(resource.account),
        "columns": {"discount_total_discount": net(cost) - cost},
        "description": f"{usage_type} in {resource.region}",
    }
    return LineItem(**(fields | given))  # type: ignore[arg-type]


def billed_tags(tags: dict[str, str]) -> dict[str, str]:
    return {f"user:{key}": value for key, value in tags.items()}


def business_unit(account: str) -> dict[str, str]:
    unit = cast.BUSINESS_UNITS.get(account)
    return {"business_unit": unit} if unit else {}
