"""Line items as the columns of FOCUS 1.0 and 1.2, the way AWS fills them.

FOCUS has no negation: what a commitment covers is billed at nothing, and the fee is its purchase.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from demo.bills import expected
from demo.bills.columns import Columns
from demo.bills.encoding import Rows
from demo.bills.line_items import Bill, LineItem

COVERED = ("DiscountedUsage", "SavingsPlanCoveredUsage")
CHARGE_CATEGORY = {
    "Usage": "Usage",
    "DiscountedUsage": "Usage",
    "SavingsPlanCoveredUsage": "Usage",
    "FlatRateSubscription": "Usage",
    "Tax": "Tax",
    "Credit": "Credit",
    "Fee": "Purchase",
    "RIFee": "Purchase",
    "SavingsPlanRecurringFee": "Purchase",
    "SavingsPlanUpfrontFee": "Purchase",
}
ZERO = Decimal(0)


def kept(items: Sequence[LineItem]) -> list[LineItem]:
    """The items that FOCUS has rows for."""
    return [i for i in expected.counted(items) if i.type != "SavingsPlanNegation"]


def charge_category(item: LineItem) -> str:
    return CHARGE_CATEGORY.get(item.type, "Adjustment")


def billed_cost(item: LineItem) -> Decimal:
    return ZERO if item.type in COVERED else expected.cost(item, "net_unblended")


def effective_cost(item: LineItem) -> Decimal:
    return expected.cost(item, "net_amortized")


def list_cost(item: LineItem) -> Decimal:
    return expected.cost(item, "list")


def _interval(item: LineItem, half: int) -> dt.datetime:
    return dt.datetime.fromisoformat(item.time_interval.split("/")[half])


def _tags(item: LineItem) -> dict[str, str]:
    """FOCUS drops the "user:" of a user's tag; AWS's own keep their prefix."""
    return {key.removeprefix("user:"): value for key, value in item.tags.items()}


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


FROM_ITEM: dict[str, Callable[[LineItem, Bill], Any]] = {
    "AvailabilityZone": lambda i, b: i.availability_zone or None,
    "BilledCost": lambda i, b: billed_cost(i),
    "BillingAccountId": lambda i, b: b.payer_account_id,
    "BillingAccountName": lambda i, b: b.payer_account_name,
    "BillingAccountType": lambda i, b: "AWS Management Account",
    "BillingCurrency": lambda i, b: i.currency,
    "BillingPeriodStart": lambda i, b: _midnight(b.month),
    "BillingPeriodEnd": lambda i, b: _midnight(b.next_month),
    "ChargeCategory": lambda i, b: charge_category(i),
    "ChargeClass": lambda i, b: "Correction" if i.type == "Refund" else None,
    "ChargeDescription": lambda i, b: i.description,
    "ChargeFrequency": lambda i, b: "Usage-Based" if charge_category(i) == "Usage" else "Recurring",
    "ChargePeriodStart": lambda i, b: _interval(i, 0),
    "ChargePeriodEnd": lambda i, b: _interval(i, 1),
    "ContractedCost": lambda i, b: effective_cost(i),
    "EffectiveCost": lambda i, b: effective_cost(i),
    "InvoiceId": lambda i, b: (b.invoice_id if i.invoice_id is None else i.invoice_id) or None,
    "InvoiceIssuerName": lambda i, b: i.legal_entity,
    "ListCost": lambda i, b: list_cost(i),
    "PricingCurrency": lambda i, b: i.currency,
    "PricingQuantity": lambda i, b: i.usage_amount,
    "ConsumedQuantity": lambda i, b: i.usage_amount,
    "PricingUnit": lambda i, b: i.pricing_unit or None,
    "ProviderName": lambda i, b: "AWS",
    "PublisherName": lambda i, b: "AWS",
    "RegionId": lambda i, b: i.region or None,
    "ResourceId": lambda i, b: i.resource_id or None,
    "ServiceName": lambda i, b: i.product_name or i.product_code,
    "SkuMeter": lambda i, b: i.usage_type,
    "SubAccountId": lambda i, b: i.account_id,
    "SubAccountName": lambda i, b: i.account_name,
    "Tags": lambda i, b: _tags(i),
    "x_CostCategories": lambda i, b: dict(i.cost_categories),
    "x_Operation": lambda i, b: i.operation,
    "x_ServiceCode": lambda i, b: i.product_code,
    "x_UsageType": lambda i, b: i.usage_type,
}


def rows(bill: Bill, items: Sequence[LineItem], columns: Columns) -> Rows:
    found = kept(items)
    return {
        name: [FROM_ITEM[name](item, bill) if name in FROM_ITEM else None for item in found]
        for name in columns
    }
