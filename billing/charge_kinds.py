"""What sort of charge a line item type is, as accounting tells them apart."""

from django.db import models


class ChargeKind(models.TextChoices):
    """Usage, and everything that is billed beside it."""

    USAGE = "usage", "Usage"
    FEE = "fee", "Fees"
    DISCOUNT = "discount", "Discounts"
    CREDIT = "credit", "Credits"
    REFUND = "refund", "Refunds"
    TAX = "tax", "Tax"
    OTHER = "other", "Other"


# AWS's line item types, and the charge categories of FOCUS. A negation belongs to the usage that it
# takes back: together they come to what was billed.
_KINDS = {
    ChargeKind.USAGE: (
        "Usage",
        "DiscountedUsage",
        "SavingsPlanCoveredUsage",
        "SavingsPlanNegation",
        "FlatRateSubscription",
    ),
    ChargeKind.FEE: (
        "Fee",
        "RIFee",
        "SavingsPlanRecurringFee",
        "SavingsPlanUpfrontFee",
        "Purchase",
    ),
    ChargeKind.DISCOUNT: (
        "Discount",
        "BundledDiscount",
        "EdpDiscount",
        "PrivateRateDiscount",
        "SppDiscount",
        "RiVolumeDiscount",
        "DistributorDiscount",
    ),
    ChargeKind.CREDIT: ("Credit",),
    ChargeKind.REFUND: ("Refund",),
    ChargeKind.TAX: ("Tax",),
}
# Line item types as people read them, where AWS runs their words together.
CHARGE_TYPE_NAMES = {
    "DiscountedUsage": "Usage under Reserved Instances",
    "SavingsPlanCoveredUsage": "Usage under Savings Plans",
    "SavingsPlanNegation": "Savings Plan negation",
    "FlatRateSubscription": "Flat-rate subscription",
    "RIFee": "Reserved Instance fee",
    "SavingsPlanRecurringFee": "Savings Plan recurring fee",
    "SavingsPlanUpfrontFee": "Savings Plan upfront fee",
    "BundledDiscount": "Bundled discount",
    "EdpDiscount": "Enterprise discount",
    "PrivateRateDiscount": "Private rate discount",
    "SppDiscount": "Solution provider discount",
    "RiVolumeDiscount": "Reserved Instance volume discount",
    "DistributorDiscount": "Distributor discount",
}

_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}


def kind_of(charge_type: str) -> ChargeKind:
    """Return the kind of a charge type; OTHER for adjustments and what AWS invents next."""
    return _KIND_OF.get(charge_type, ChargeKind.OTHER)


def charge_types_of(kind: ChargeKind) -> tuple[str, ...]:
    """Return the charge types of a kind that have a name here."""
    return _KINDS.get(kind, ())
