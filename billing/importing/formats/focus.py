"""FOCUS 1.0 and 1.2, as AWS exports them: costs without a discount and with it are one.

What a commitment covers is billed at nothing and has an effective cost; the fee is its purchase.
The billing entity is the provider, which is what FOCUS knows of it.
"""

from billing.importing.columns import Fields, literal
from billing.importing.formats.base import BillFormat, ControlColumns, Selection
from billing.importing.formats.cur2 import map_column

USAGE = "Usage"
CATEGORIES = (USAGE, "Purchase", "Tax", "Credit", "Adjustment")
REQUIRED = (
    "BilledCost",
    "BillingCurrency",
    "ChargeCategory",
    "ChargePeriodStart",
    "EffectiveCost",
    "ListCost",
    "SubAccountId",
)


def select(fields: Fields) -> Selection:
    """Return what a FOCUS file's columns make (see Selection)."""
    return Selection(
        counts="true",
        day=fields.day("ChargePeriodStart"),
        dimensions=_dimensions(fields),
        resource_id=fields.text("ResourceId"),
        tags=map_column(fields, "Tags"),
        cost_categories=map_column(fields, "x_CostCategories"),
        sums={
            "billed": _cost(fields, "BilledCost"),
            "effective": _cost(fields, "EffectiveCost"),
            "list": _cost(fields, "ListCost"),
            "quantity": fields.quantity("ConsumedQuantity"),
        },
        measures=_measures(),
    )


def names(fields: Fields) -> tuple[str, str]:
    """Return the names of the linked account and of the service."""
    return fields.text("SubAccountName"), fields.text("ServiceName")


def _dimensions(fields: Fields) -> dict[str, str]:
    return {
        "payer_account_id": fields.text("BillingAccountId"),
        "account_id": fields.text("SubAccountId"),
        "service": fields.first_text(("x_ServiceCode", "ServiceName")),
        "region": fields.text("RegionId"),
        "charge_type": fields.text("ChargeCategory"),
        "usage_type": fields.first_text(("x_UsageType", "SkuMeter")),
        "operation": fields.text("x_Operation"),
        "pricing_term": fields.text("PricingCategory"),
        "billing_entity": fields.text("ProviderName"),
        "invoice_id": fields.text("InvoiceId"),
        "currency": fields.text("BillingCurrency"),
    }


def _cost(fields: Fields, name: str) -> str:
    return f"coalesce({fields.amount(name)}, 0)"


def _measures() -> dict[str, str]:
    """Return the five costs and the quantity of a group. An unknown category costs as billed."""
    known = f"charge_type IN ({', '.join(literal(one) for one in CATEGORIES)})"
    effective = f"CASE WHEN {known} THEN sum_effective ELSE sum_billed END"
    return {
        "unblended_cost": "sum_billed",
        "net_unblended_cost": "sum_billed",
        "amortized_cost": effective,
        "net_amortized_cost": effective,
        "list_cost": f"CASE WHEN {known} THEN sum_list ELSE sum_billed END",
        "usage_quantity": f"CASE WHEN charge_type = {literal(USAGE)}"
        " THEN coalesce(sum_quantity, 0) ELSE 0 END",
    }


def _format(name: str, *, has_invoice: bool) -> BillFormat:
    return BillFormat(
        name=name,
        required=REQUIRED,
        select=select,
        names=names,
        control=ControlColumns(amount="BilledCost", currency="BillingCurrency"),
        known_types=frozenset(CATEGORIES),
        usage_types=frozenset({USAGE}),
        maps=("Tags", "x_CostCategories"),
        has_invoice=has_invoice,
        has_normalised_tags=False,
    )


FOCUS_1_0 = _format("FOCUS 1.0", has_invoice=False)
FOCUS_1_2 = _format("FOCUS 1.2", has_invoice=True)
