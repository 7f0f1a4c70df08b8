"""The columns of CUR 2.0 and FOCUS: those the portal cannot do without, those a new export has."""

from connections.models import ExportSchema

_CUR2_NEEDED = frozenset(
    {
        "identity_time_interval",
        "line_item_currency_code",
        "line_item_line_item_type",
        "line_item_operation",
        "line_item_product_code",
        "line_item_unblended_cost",
        "line_item_usage_account_id",
    }
)
_FOCUS_NEEDED = frozenset(
    {
        "BilledCost",
        "BillingCurrency",
        "ChargeCategory",
        "ChargePeriodStart",
        "EffectiveCost",
        "ListCost",
        "ServiceName",
        "SubAccountId",
    }
)
# Without these the bill is whole, but commitments cannot be amortized exactly.
AMORTIZATION = frozenset(
    {
        "savings_plan_savings_plan_effective_cost",
        "savings_plan_total_commitment_to_date",
        "savings_plan_used_commitment",
        "reservation_effective_cost",
        "reservation_unused_amortized_upfront_fee_for_billing_period",
        "reservation_unused_recurring_fee",
    }
)


def needed_columns(schema: ExportSchema) -> frozenset[str]:
    """Return the columns without which an export of this schema cannot be read exactly."""
    if schema == ExportSchema.LEGACY_CUR:
        return frozenset()  # its columns cannot be chosen
    return _CUR2_NEEDED if schema == ExportSchema.CUR2 else _FOCUS_NEEDED


def _named(prefix: str, names: str) -> list[str]:
    return [f"{prefix}{name}" for name in names.split()]


# What a new CUR 2.0 export selects, by name: AWS takes no `*`. Left out are rates and descriptions
# that repeat what other columns say; they make up a third of a file.
CUR2_SELECTED: tuple[str, ...] = tuple(
    sorted(
        [
            *_named(
                "bill_",
                "bill_type billing_entity billing_period_end_date billing_period_start_date"
                " invoice_id invoicing_entity payer_account_id payer_account_name",
            ),
            *_named("", "cost_category discount discount_bundled_discount discount_total_discount"),
            *_named("identity_", "line_item_id time_interval"),
            *_named(
                "line_item_",
                "availability_zone currency_code legal_entity line_item_description line_item_type"
                " net_unblended_cost net_unblended_rate normalization_factor"
                " normalized_usage_amount operation product_code resource_id tax_type"
                " unblended_cost unblended_rate usage_account_id usage_account_name usage_amount"
                " usage_end_date usage_start_date usage_type",
            ),
            *_named(
                "pricing_",
                "currency lease_contract_length offering_class public_on_demand_cost"
                " public_on_demand_rate purchase_option term unit",
            ),
            "product",
            *_named(
                "product_",
                "fee_code fee_description from_location from_region_code instance_family"
                " instance_type location operation product_family region_code servicecode sku"
                " to_location to_region_code usagetype",
            ),
            *_named(
                "reservation_",
                "amortized_upfront_cost_for_usage amortized_upfront_fee_for_billing_period"
                " effective_cost end_time net_amortized_upfront_cost_for_usage"
                " net_amortized_upfront_fee_for_billing_period net_effective_cost"
                " net_recurring_fee_for_usage net_unused_amortized_upfront_fee_for_billing_period"
                " net_unused_recurring_fee net_upfront_value number_of_reservations"
                " recurring_fee_for_usage reservation_a_r_n start_time subscription_id"
                " units_per_reservation unused_amortized_upfront_fee_for_billing_period"
                " unused_quantity unused_recurring_fee upfront_value",
            ),
            *_named("", "resource_tags tags"),
            *_named(
                "savings_plan_",
                "amortized_upfront_commitment_for_billing_period end_time instance_type_family"
                " net_amortized_upfront_commitment_for_billing_period"
                " net_recurring_commitment_for_billing_period net_savings_plan_effective_cost"
                " offering_type payment_option purchase_term"
                " recurring_commitment_for_billing_period region savings_plan_a_r_n"
                " savings_plan_effective_cost savings_plan_rate start_time"
                " total_commitment_to_date used_commitment",
            ),
        ]
    )
)
