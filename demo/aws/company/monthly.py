"""What comes once a month: support, Marketplace, credits, a refund and tax."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal

from demo.aws.company import cast, rows
from demo.aws.company.resources import Made
from demo.bills.line_items import LineItem

TAX = Decimal("0.05")
SUPPORT = Decimal("0.07")
CENT = Decimal("0.01")


def charges(
    usage: list[LineItem], months: list[dt.date], month: dt.date, *, is_open: bool
) -> list[LineItem]:
    """The month's other rows. AWS charges support when the month is over."""
    items = [_marketplace(month), _credit(month), _reservation_purchase(month, months)]
    if month == months[-2]:
        items.append(_refund(month))
    if not is_open:
        items.append(_support(usage, month))
    found = [item for item in items if item is not None]
    return [*found, *_tax([*usage, *found], month)]


def _row(month: dt.date, account: str, cost: Decimal, kind: str, **given: object) -> LineItem:
    """A row that belongs to no resource, dated the first of the month unless `start` is given."""
    payer = Made("", account, cast.VIRGINIA, "")
    fields: dict[str, object] = {
        "type": kind,
        "region": "",
        "list_cost": None,
        "net_unblended_cost": cost,
        "pricing_term": "",
        "pricing_unit": "",
        "columns": {},
        "usage_type": "",
    }
    return rows.line(payer, month, "", "", cost, **(fields | given))


def _marketplace(month: dt.date) -> LineItem:
    return _row(
        *(month, cast.PAYER, Decimal("2400.00"), "Fee"),
        product_code="7k2beaconmetricslarkspur1",
        product_name="Beacon Metrics Pro",
        usage_type="Global-SoftwareUsage-Contracts",
        billing_entity="AWS Marketplace",
        legal_entity="Beacon Metrics GmbH",
        description="Beacon Metrics Pro, monthly contract",
    )


def _credit(month: dt.date) -> LineItem:
    return _row(
        *(month, cast.DATA, Decimal("-420.00"), "Credit"),
        product_code="AmazonBedrock",
        product_name="Amazon Bedrock",
        usage_type="USE1-InputTokenCount",
        region=cast.VIRGINIA,
        description="AWS generative AI credit",
    )


def _refund(month: dt.date) -> LineItem:
    day = month.replace(day=18)
    return _row(
        *(day, cast.PRODUCTION, Decimal("-186.40"), "Refund"),
        product_code="AmazonCloudFront",
        product_name="Amazon CloudFront",
        usage_type="EU-DataTransfer-Out-Bytes",
        bill_type="Refund",
        description="Refund for requests that were billed twice",
    )


def _reservation_purchase(month: dt.date, months: list[dt.date]) -> LineItem | None:
    """A cache node reserved for a year, all paid at once in the third month."""
    if month != months[2]:
        return None
    arn = f"arn:aws:elasticache:{cast.DUBLIN}:{cast.PRODUCTION}:reserved-instance:sessions"
    return _row(
        *(month.replace(day=9), cast.PRODUCTION, Decimal("1140.00"), "Fee"),
        product_code="AmazonElastiCache",
        product_name="Amazon ElastiCache",
        region=cast.DUBLIN,
        usage_type="EU-HeavyUsage:cache.r6g.large",
        operation="CreateCacheCluster:0002",
        bill_type="Purchase",
        columns={"reservation_reservation_a_r_n": arn},
        description="Sign up charge for a reserved cache node",
    )


def _support(usage: list[LineItem], month: dt.date) -> LineItem:
    fee = sum((item.unblended_cost for item in usage), Decimal(0)) * SUPPORT
    return _row(
        *(month, cast.PAYER, fee.quantize(CENT), "Fee"),
        product_code="AWSSupportBusiness",
        product_name="AWS Support (Business)",
        usage_type="Dollar",
        description="AWS Support (Business)",
    )


def _tax(items: list[LineItem], month: dt.date) -> list[LineItem]:
    """One row for each account and product, as AWS taxes them."""
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for item in items:
        if item.type not in ("Credit", "Refund"):
            sums[item.account_id, item.product_code, item.product_name] += item.unblended_cost
    return [
        _row(
            *(month, account, (amount * TAX).quantize(CENT), "Tax"),
            product_code=code,
            product_name=name,
            end=rows.midnight((month + dt.timedelta(days=32)).replace(day=1)),
            description=f"Tax for product code {code}",
            columns={"line_item_tax_type": "VAT"},
        )
        for (account, code, name), amount in sorted(sums.items())
        if amount > 0
    ]
