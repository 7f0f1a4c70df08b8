"""AWS's words for a line item in those of FOCUS."""

from collections.abc import Mapping

USAGE, PURCHASE, TAX, CREDIT, ADJUSTMENT = "Usage", "Purchase", "Tax", "Credit", "Adjustment"
COVERED = frozenset({"DiscountedUsage", "SavingsPlanCoveredUsage"})
# A negation takes back what its covered usage says was billed: both are usage, so that usage comes
# to what it cost.
NEGATION = "SavingsPlanNegation"
_CATEGORIES: Mapping[str, str] = {
    **dict.fromkeys((USAGE, "FlatRateSubscription", NEGATION, *COVERED), USAGE),
    **dict.fromkeys(
        (PURCHASE, "Fee", "RIFee", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee"), PURCHASE
    ),
    TAX: TAX,
    CREDIT: CREDIT,
}
_FREQUENCIES: Mapping[str, str] = {
    **dict.fromkeys((USAGE, NEGATION, *COVERED), "Usage-Based"),
    **dict.fromkeys(("RIFee", "SavingsPlanRecurringFee", "FlatRateSubscription"), "Recurring"),
    "SavingsPlanUpfrontFee": "One-Time",
}
_PRICING = {"OnDemand": "Standard", "Spot": "Dynamic"}
_PRICING_CATEGORIES = frozenset({"Standard", "Dynamic", "Committed", "Other"})


def charge_category(charge_type: str) -> str:
    """Return the ChargeCategory of a line item type, or of a category itself.

    What fits no other category is an adjustment: refunds, discounts, types that nobody knows.
    """
    return _CATEGORIES.get(charge_type, ADJUSTMENT)


def charge_frequency(charge_type: str) -> str | None:
    """Return the ChargeFrequency, None where the type does not tell."""
    return _FREQUENCIES.get(charge_type)


def pricing_category(charge_type: str, pricing_term: str) -> str | None:
    """Return the PricingCategory, None where the bill does not tell."""
    if charge_type in COVERED or charge_type == NEGATION:
        return "Committed"
    if charge_category(charge_type) == TAX:
        return None
    if pricing_term in _PRICING_CATEGORIES:
        return pricing_term
    return _PRICING.get(pricing_term)
