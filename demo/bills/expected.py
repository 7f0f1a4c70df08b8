"""What a bill comes to, told by plain loops over its line items: the sums that tests expect.

Five measures: unblended, net_unblended, amortized, net_amortized, list. The rules are AWS's own for
each line item type; nothing here is shared with the product.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from demo.bills.line_items import LineItem

MEASURES = ("unblended", "net_unblended", "amortized", "net_amortized", "list")
SPLIT_OPERATIONS = ("EKSPod-EC2", "ECSTask-EC2")
# Types with a rule of their own or that simply cost what they cost; any other is unknown.
PLAIN_TYPES = (
    *("Usage", "Tax", "Credit", "Refund", "Fee", "Discount", "BundledDiscount", "EdpDiscount"),
    *("PrivateRateDiscount", "SppDiscount", "RiVolumeDiscount", "FlatRateSubscription"),
)
COMMITMENT_TYPES = (
    *("DiscountedUsage", "RIFee", "SavingsPlanCoveredUsage", "SavingsPlanNegation"),
    *("SavingsPlanRecurringFee", "SavingsPlanUpfrontFee"),
)
ZERO = Decimal(0)
SP_REFUND = "Refund for one-time fee for Savings Plan ID"


def counted(items: Iterable[LineItem]) -> Iterator[LineItem]:
    """The items that are money: split cost allocation repeats what other rows say."""
    return (item for item in items if item.operation not in SPLIT_OPERATIONS)


def cost(item: LineItem, measure: str) -> Decimal:
    if item.type not in PLAIN_TYPES and item.type not in COMMITMENT_TYPES:
        return item.unblended_cost
    if measure == "unblended":
        return item.unblended_cost
    if measure == "net_unblended":
        return _net_unblended(item)
    if measure == "amortized":
        return _amortized(item)
    if measure == "net_amortized":
        return _net_amortized(item)
    if measure == "list":
        return ZERO if item.type == "SavingsPlanNegation" else item.list_cost or ZERO
    raise ValueError(f"No such measure: {measure}")


def _net_unblended(item: LineItem) -> Decimal:
    if item.net_unblended_cost is None:
        return item.unblended_cost
    return item.net_unblended_cost


def _paid_up_front(item: LineItem) -> bool:
    """A purchase, or its refund, whose cost amortization spreads over other rows."""
    if item.type in ("SavingsPlanUpfrontFee", "SavingsPlanNegation"):
        return True
    if item.type == "Fee":
        return bool(item.columns.get("reservation_reservation_a_r_n"))
    savings_plan = item.product_code == "ComputeSavingsPlans"
    return item.type == "Refund" and savings_plan and item.description.startswith(SP_REFUND)


def _amortized(item: LineItem) -> Decimal:
    if _paid_up_front(item):
        return ZERO
    if item.type == "SavingsPlanCoveredUsage":
        return _column(item, "savings_plan_savings_plan_effective_cost")
    if item.type == "SavingsPlanRecurringFee":
        return _column(item, "savings_plan_total_commitment_to_date") - _column(
            item, "savings_plan_used_commitment"
        )
    if item.type == "DiscountedUsage":
        return _column(item, "reservation_effective_cost")
    if item.type == "RIFee":
        return _column(
            item, "reservation_unused_amortized_upfront_fee_for_billing_period"
        ) + _column(item, "reservation_unused_recurring_fee")
    return item.unblended_cost


# What a type's amortized cost adds up, net column first and the plain one for rows without it.
NET_COLUMNS = {
    "SavingsPlanCoveredUsage": [
        (
            "savings_plan_net_savings_plan_effective_cost",
            "savings_plan_savings_plan_effective_cost",
        ),
    ],
    "DiscountedUsage": [("reservation_net_effective_cost", "reservation_effective_cost")],
    "RIFee": [
        (
            "reservation_net_unused_amortized_upfront_fee_for_billing_period",
            "reservation_unused_amortized_upfront_fee_for_billing_period",
        ),
        ("reservation_net_unused_recurring_fee", "reservation_unused_recurring_fee"),
    ],
}


def _net_amortized(item: LineItem) -> Decimal:
    if _paid_up_front(item):
        return ZERO
    if item.type == "SavingsPlanRecurringFee":
        return _net_unused_commitment(item)
    if item.type in NET_COLUMNS:
        pairs = NET_COLUMNS[item.type]
        return sum((_net_column(item, net, plain) for net, plain in pairs), ZERO)
    return _net_unblended(item)


def _net_unused_commitment(item: LineItem) -> Decimal:
    upfront = item.amount("savings_plan_net_amortized_upfront_commitment_for_billing_period")
    recurring = item.amount("savings_plan_net_recurring_commitment_for_billing_period")
    if upfront is None and recurring is None:
        return _amortized(item)
    return (upfront or ZERO) + (recurring or ZERO) - _column(item, "savings_plan_used_commitment")


def _column(item: LineItem, name: str) -> Decimal:
    return item.amount(name) or ZERO


def _net_column(item: LineItem, net: str, plain: str) -> Decimal:
    value = item.amount(net)
    return _column(item, plain) if value is None else value


def dimension(item: LineItem, name: str) -> str:
    """The value of a dimension, by the names that the portal's API gives them, or "day"."""
    kind, _, key = name.partition(":")
    if kind == "tag":
        return item.tags.get(key) or item.tags.get(f"user:{key}") or ""
    if kind == "cost_category":
        return item.cost_categories.get(key, "")
    return {
        "day": item.day.isoformat(),
        "account": item.account_id,
        "service": item.product_code,
        "region": item.region,
        "charge_type": item.type,
        "usage_type": item.usage_type,
        "operation": item.operation,
        "resource": item.resource_id,
        "pricing_term": item.pricing_term,
        "billing_entity": item.billing_entity,
    }[name]


def totals(
    items: Iterable[LineItem], measure: str = "unblended", *by: str
) -> dict[tuple[str, ...], Decimal]:
    """The sum of a measure for every combination of dimensions; without any: {(): total}."""
    sums: dict[tuple[str, ...], Decimal] = {}
    for item in counted(items):
        group = tuple(dimension(item, name) for name in by)
        sums[group] = sums.get(group, ZERO) + cost(item, measure)
    return sums


def total(items: Iterable[LineItem], measure: str = "unblended") -> Decimal:
    return sum((cost(item, measure) for item in counted(items)), ZERO)
