"""The columns of AWS's billing tables, with the types that manifests and files give them.

Types: string, timestamp, double, map (text to text) and map_double (text to double).
"""

import re

STRING, TIMESTAMP, DOUBLE, MAP, MAP_DOUBLE = "string", "timestamp", "double", "map", "map_double"

Columns = dict[str, str]


def _columns(prefix: str, text: str) -> Columns:
    """Parse "name name:D name:T": a name alone is a string."""
    types = {"": STRING, "D": DOUBLE, "T": TIMESTAMP, "M": MAP, "MD": MAP_DOUBLE}
    pairs = (word.partition(":") for word in text.split())
    return {prefix + name: types[kind] for name, _, kind in pairs}


CUR2_BASE: Columns = {
    **_columns(
        "bill_",
        "bill_type billing_entity billing_period_end_date:T billing_period_start_date:T invoice_id "
        "invoicing_entity payer_account_id payer_account_name",
    ),
    **_columns("", "cost_category:M discount:MD discount_bundled_discount:D"),
    **_columns("", "discount_total_discount:D identity_line_item_id identity_time_interval"),
    **_columns(
        "line_item_",
        "availability_zone blended_cost:D blended_rate currency_code legal_entity "
        "line_item_description line_item_type net_unblended_cost:D net_unblended_rate "
        "normalization_factor:D normalized_usage_amount:D operation product_code resource_id "
        "tax_type unblended_cost:D unblended_rate usage_account_id usage_account_name "
        "usage_amount:D usage_end_date:T usage_start_date:T usage_type user_identifier",
    ),
    **_columns(
        "pricing_",
        "currency lease_contract_length offering_class public_on_demand_cost:D "
        "public_on_demand_rate purchase_option rate_code rate_id term unit",
    ),
    "product": MAP,
    **_columns(
        "product_",
        "comment fee_code fee_description from_location from_location_type from_region_code "
        "instance_family instance_type instancesku location location_type operation pricing_unit "
        "product_family region_code servicecode sku to_location to_location_type to_region_code "
        "usagetype",
    ),
    **_columns(
        "reservation_",
        "amortized_upfront_cost_for_usage:D amortized_upfront_fee_for_billing_period:D "
        "availability_zone effective_cost:D end_time modification_status "
        "net_amortized_upfront_cost_for_usage:D net_amortized_upfront_fee_for_billing_period:D "
        "net_effective_cost:D net_recurring_fee_for_usage:D "
        "net_unused_amortized_upfront_fee_for_billing_period:D net_unused_recurring_fee:D "
        "net_upfront_value:D normalized_units_per_reservation number_of_reservations "
        "recurring_fee_for_usage:D reservation_a_r_n start_time subscription_id "
        "total_reserved_normalized_units total_reserved_units units_per_reservation "
        "unused_amortized_upfront_fee_for_billing_period:D unused_normalized_unit_quantity:D "
        "unused_quantity:D unused_recurring_fee:D upfront_value:D",
    ),
    "resource_tags": MAP,
    **_columns(
        "savings_plan_",
        "amortized_upfront_commitment_for_billing_period:D end_time instance_type_family "
        "net_amortized_upfront_commitment_for_billing_period:D "
        "net_recurring_commitment_for_billing_period:D net_savings_plan_effective_cost:D "
        "offering_type payment_option purchase_term recurring_commitment_for_billing_period:D "
        "region savings_plan_a_r_n savings_plan_effective_cost:D savings_plan_rate:D start_time "
        "total_commitment_to_date:D used_commitment:D",
    ),
    **_columns(
        "split_line_item_",
        "actual_usage:D net_split_cost:D net_unused_cost:D parent_resource_id "
        "public_on_demand_split_cost:D public_on_demand_unused_cost:D reserved_usage:D "
        "split_cost:D split_usage:D split_usage_ratio:D unused_cost:D",
    ),
    "tags": MAP,
}
CUR2_CAPACITY = _columns(
    "capacity_reservation_",
    "capacity_reservation_arn capacity_reservation_status capacity_reservation_type",
)
CUR2_IAM = {"line_item_iam_principal": STRING}
CUR2_ALL: Columns = CUR2_BASE | CUR2_CAPACITY | CUR2_IAM

_FOCUS_COMMON = """
AvailabilityZone BilledCost:D BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd:T
BillingPeriodStart:T ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd:T
ChargePeriodStart:T CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName
CommitmentDiscountStatus CommitmentDiscountType ConsumedQuantity:D ConsumedUnit ContractedCost:D
ContractedUnitPrice:D EffectiveCost:D InvoiceIssuerName ListCost:D ListUnitPrice:D PricingCategory
PricingQuantity:D PricingUnit ProviderName PublisherName RegionId RegionName ResourceId ResourceName
ResourceType ServiceCategory ServiceName SkuId SkuPriceId SubAccountId SubAccountName Tags:M
x_Discounts:MD x_Operation x_ServiceCode
"""
FOCUS_1_0: Columns = _columns("", f"{_FOCUS_COMMON} x_CostCategories:M x_UsageType")
FOCUS_1_2: Columns = _columns(
    "",
    f"""{_FOCUS_COMMON} BillingAccountType CapacityReservationId CapacityReservationStatus
    CommitmentDiscountQuantity:D CommitmentDiscountUnit InvoiceId PricingCurrency
    PricingCurrencyContractedUnitPrice:D PricingCurrencyEffectiveCost:D
    PricingCurrencyListUnitPrice:D ServiceSubcategory SkuMeter SkuPriceDetails:M SubAccountType""",
)

TABLES: dict[str, Columns] = {
    "COST_AND_USAGE_REPORT": CUR2_ALL,
    "FOCUS_1_0_AWS": FOCUS_1_0,
    "FOCUS_1_2_AWS": FOCUS_1_2,
}


def cur2_columns(configuration: dict[str, str]) -> Columns:
    """The columns that a CUR 2.0 export with this table configuration may select."""

    def on(switch: str) -> bool:
        return configuration.get(switch, "FALSE") == "TRUE"

    off: set[str] = set()
    if not on("INCLUDE_RESOURCES"):
        off.add("line_item_resource_id")
    if not on("INCLUDE_SPLIT_COST_ALLOCATION_DATA"):
        off |= {name for name in CUR2_BASE if name.startswith("split_line_item_")}
    if on("INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY"):
        off |= {"discount", "discount_total_discount"}
    if not on("INCLUDE_CAPACITY_RESERVATION_DATA"):
        off |= set(CUR2_CAPACITY)
    if not on("INCLUDE_IAM_PRINCIPAL_DATA"):
        off |= set(CUR2_IAM)
    return {name: kind for name, kind in sorted(CUR2_ALL.items()) if name not in off}


def normalised_tag(key: str) -> str:
    """A tag's key as `resource_tags` spells it: "user:CostCenter" -> "user_cost_center"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", spaced.lower())).strip("_")
