"""CUR 2.0. Legacy CUR has the same columns, and uses these rules too."""

from collections.abc import Callable

from billing.importing import amounts
from billing.importing.columns import Fields, Kind, literal
from billing.importing.formats.base import (
    NO_MAP,
    BillFormat,
    ControlColumns,
    MapColumn,
    Selection,
)

# Split cost allocation says again, by container, what the instance's own rows say.
SPLIT_OPERATIONS = ("EKSPod-EC2", "ECSTask-EC2")
USAGE_TYPES = ("Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "FlatRateSubscription")
DISCOUNT_TYPES = (
    "Discount",
    "BundledDiscount",
    "EdpDiscount",
    "PrivateRateDiscount",
    "SppDiscount",
    "RiVolumeDiscount",
)
SAVINGS_PLAN_TYPES = (
    "SavingsPlanCoveredUsage",
    "SavingsPlanNegation",
    "SavingsPlanRecurringFee",
    "SavingsPlanUpfrontFee",
)
RESERVATION_TYPES = ("DiscountedUsage", "RIFee")
KNOWN_TYPES = frozenset(
    (
        *USAGE_TYPES,
        *DISCOUNT_TYPES,
        *SAVINGS_PLAN_TYPES,
        *RESERVATION_TYPES,
        *("Tax", "Credit", "Refund", "Fee"),
    )
)
REQUIRED = (
    "identity_time_interval",
    "line_item_currency_code",
    "line_item_line_item_type",
    "line_item_operation",
    "line_item_product_code",
    "line_item_unblended_cost",
    "line_item_usage_account_id",
)
# Without these, what a commitment covers cannot be told from what it costs.
SAVINGS_PLAN_COLUMNS = (
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
)
RESERVATION_COLUMNS = (
    "reservation_effective_cost",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
)
_TYPE = "line_item_line_item_type"
_SAVINGS_PLAN_REFUND = "Refund for one-time fee for Savings Plan ID"


def select(fields: Fields) -> Selection:
    """Return what a CUR 2.0 file's columns make (see Selection)."""
    return Selection(
        counts=f"{fields.text('line_item_operation')} NOT IN {_list(SPLIT_OPERATIONS)}",
        day=fields.day("identity_time_interval"),
        dimensions=dimensions(fields),
        resource_id=fields.text("line_item_resource_id"),
        tags=_tags(fields),
        cost_categories=map_column(fields, "cost_category"),
        sums=sums(fields),
        measures=measures(),
        lacking=lacking(fields),
    )


def names(fields: Fields) -> tuple[str, str]:
    """Return the names of the linked account and of the service."""
    account = fields.text("line_item_usage_account_name")
    return account, fields.map_value("product", "product_name")


def dimensions(fields: Fields) -> dict[str, str]:
    """Return the dimensions of a line item."""
    return {
        "payer_account_id": fields.text("bill_payer_account_id"),
        "account_id": fields.text("line_item_usage_account_id"),
        "service": fields.text("line_item_product_code"),
        "region": _region(fields),
        "charge_type": fields.text(_TYPE),
        "usage_type": fields.text("line_item_usage_type"),
        "operation": fields.text("line_item_operation"),
        "pricing_term": fields.text("pricing_term"),
        "billing_entity": fields.text("bill_billing_entity"),
        "invoice_id": fields.text("bill_invoice_id"),
        "currency": fields.text("line_item_currency_code"),
    }


def _region(fields: Fields) -> str:
    code, resource = fields.text("product_region_code"), fields.text("line_item_resource_id")
    branches = [
        f"WHEN {code} <> '' THEN {code}",
        f"WHEN {resource} LIKE 'arn:%' AND split_part({resource}, ':', 4) <> ''"
        f" THEN split_part({resource}, ':', 4)",
    ]
    rest = fields.map_value("product", "region")
    if rest == "''":
        rest = fields.text("product_region")  # legacy CUR
    return f"CASE {' '.join(branches)} ELSE {rest} END"


def map_column(fields: Fields, name: str) -> MapColumn:
    """Return a map column, native or as JSON text, to group by."""
    column = fields.raw(name)
    if column is None:
        return NO_MAP
    return MapColumn(column, lambda expression: fields.as_json(name, expression), (name,))


def _tags(fields: Fields) -> MapColumn:
    """`tags` has the keys as people wrote them; `resource_tags` only as AWS normalised them.

    Line items from before `tags` was filled have `resource_tags` alone.
    """
    kinds = (fields.kind("tags"), fields.kind("resource_tags"))
    if Kind.EMPTY in kinds:
        return map_column(fields, "resource_tags" if kinds[0] is Kind.EMPTY else "tags")
    if kinds[0] is not kinds[1] or not fields.lacks_more("tags", "resource_tags"):
        return map_column(fields, "tags")
    whole, normalised = fields.raw("tags"), fields.raw("resource_tags")
    return MapColumn(
        f"CASE WHEN {_has_tags(fields, str(whole))} THEN {whole} ELSE {normalised} END",
        lambda expression: fields.as_json("tags", expression),
        ("tags", "resource_tags"),
    )


def sums(fields: Fields) -> dict[str, str]:
    """Return what is summed over the line items of one group, which have one charge type."""
    unblended = f"coalesce({fields.amount('line_item_unblended_cost')}, 0)"
    net = _coalesce(fields, fields.amount("line_item_net_unblended_cost"), unblended)
    return {
        "unblended": unblended,
        "net": net,
        "amortized": _by_type(fields, plain=unblended, net=False),
        "net_amortized": _by_type(fields, plain=net, net=True),
        "list": fields.amount("pricing_public_on_demand_cost"),
        "quantity": fields.quantity("line_item_usage_amount"),
    }


def measures() -> dict[str, str]:
    """Return the five costs and the quantity of a group. An unknown type costs its unblended."""
    unknown = f"charge_type NOT IN {_list(sorted(KNOWN_TYPES))}"
    # What was never for sale on demand (tax, credits, fees) has no list price.
    listed = f"WHEN charge_type = 'SavingsPlanNegation' THEN 0 ELSE coalesce({_sum('list')}, 0)"
    used = f"coalesce({_sum('quantity')}, 0)"
    return {
        "unblended_cost": _sum("unblended"),
        "net_unblended_cost": f"CASE WHEN {unknown} THEN {_sum('unblended')}"
        f" ELSE {_sum('net')} END",
        "amortized_cost": f"coalesce({_sum('amortized')}, {_sum('unblended')})",
        "net_amortized_cost": f"CASE WHEN {unknown} THEN {_sum('unblended')}"
        f" ELSE coalesce({_sum('net_amortized')}, {_sum('net')}) END",
        "list_cost": f"CASE WHEN {unknown} THEN {_sum('unblended')} {listed} END",
        "usage_quantity": f"CASE WHEN charge_type IN {_list(USAGE_TYPES)} THEN {used} ELSE 0 END",
    }


def _sum(name: str) -> str:
    return f"sum_{name}"


def _by_type(fields: Fields, *, plain: str, net: bool) -> str:
    """Return the amortized cost of what belongs to a commitment, null for everything else.

    The fee lies on what it covered. A type of which only some line items belong to a commitment
    gives its other ones at `plain`.
    """
    charge, cost = fields.text(_TYPE), amounts.decimal_type(fields.scale)
    branches = [
        *(_savings_plan(fields, net=net) if fields.has(*SAVINGS_PLAN_COLUMNS) else ()),
        *(_reservation(fields, net=net) if fields.has(*RESERVATION_COLUMNS) else ()),
        f"WHEN {charge} IN ('Fee', 'Refund') THEN {plain}",
    ]
    # By far the most line items are usage: they are decided first.
    return f"CAST(CASE WHEN {charge} = 'Usage' THEN NULL {' '.join(branches)} END AS {cost})"


def _savings_plan(fields: Fields, *, net: bool) -> list[str]:
    charge = fields.text(_TYPE)
    used = f"coalesce({fields.amount('savings_plan_used_commitment')}, 0)"
    unused = f"coalesce({fields.amount('savings_plan_total_commitment_to_date')}, 0) - {used}"
    effective = _plain_or_net(
        fields,
        "savings_plan_savings_plan_effective_cost",
        "savings_plan_net_savings_plan_effective_cost",
        net=net,
    )
    if net:
        upfront = fields.amount("savings_plan_net_amortized_upfront_commitment_for_billing_period")
        recurring = fields.amount("savings_plan_net_recurring_commitment_for_billing_period")
        unused = (
            f"CASE WHEN {upfront} IS NULL AND {recurring} IS NULL THEN {unused}"
            f" ELSE coalesce({upfront}, 0) + coalesce({recurring}, 0) - {used} END"
        )
    description = fields.text("line_item_line_item_description")
    return [
        f"WHEN {charge} = 'SavingsPlanCoveredUsage' THEN {effective}",
        f"WHEN {charge} IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') THEN 0",
        f"WHEN {charge} = 'SavingsPlanRecurringFee' THEN {unused}",
        f"WHEN {charge} = 'Refund' AND {fields.text('line_item_product_code')} ="
        f" 'ComputeSavingsPlans' AND starts_with({description}, {literal(_SAVINGS_PLAN_REFUND)})"
        " THEN 0",
    ]


def _reservation(fields: Fields, *, net: bool) -> list[str]:
    charge = fields.text(_TYPE)
    effective = _plain_or_net(
        fields, "reservation_effective_cost", "reservation_net_effective_cost", net=net
    )
    unused = " + ".join(
        _plain_or_net(fields, f"reservation_{name}", f"reservation_net_{name}", net=net)
        for name in ("unused_amortized_upfront_fee_for_billing_period", "unused_recurring_fee")
    )
    return [
        f"WHEN {charge} = 'DiscountedUsage' THEN {effective}",
        f"WHEN {charge} = 'RIFee' THEN {unused}",
        f"WHEN {charge} = 'Fee' AND {fields.text('reservation_reservation_a_r_n')} <> '' THEN 0",
    ]


def _plain_or_net(fields: Fields, plain: str, net_name: str, *, net: bool) -> str:
    amount = f"coalesce({fields.amount(plain)}, 0)"
    return _coalesce(fields, fields.amount(net_name), amount) if net else amount


def _coalesce(fields: Fields, first: str, second: str) -> str:
    return second if first == fields.no_amount else f"coalesce({first}, {second})"


def lacking(fields: Fields) -> dict[str, str]:
    """Return, by charge type, what the export lacks for its exact amortized cost."""
    found = {}
    for types, columns in (
        (SAVINGS_PLAN_TYPES, SAVINGS_PLAN_COLUMNS),
        (RESERVATION_TYPES, RESERVATION_COLUMNS),
    ):
        missing = [name for name in columns if not fields.has(name)]
        for charge_type in types if missing else ():
            found[charge_type] = (
                f"The export lacks {', '.join(missing)}: {charge_type} is not amortized but counts"
                " as billed."
            )
    return found


def _needs_product(fields: Fields) -> str | None:
    """Find a line item whose region is said by nothing but the `product` map."""
    if not fields.has("product_region_code"):
        return None
    code, resource = fields.text("product_region_code"), fields.text("line_item_resource_id")
    if fields.lacking("product_region_code") == 0:
        code = _bare(fields, "product_region_code")
    return (
        f"{code} = '' AND NOT ({resource} LIKE 'arn:%' AND split_part({resource}, ':', 4) <> '')"
        f" AND {fields.map_value('product', 'region')} <> ''"
    )


def _needs_description(fields: Fields) -> str:
    return _is_type(fields, "Refund")


def _needs_reservation(fields: Fields) -> str:
    return _is_type(fields, "Fee")


def _is_type(fields: Fields, charge_type: str) -> str:
    return f"{_bare(fields, _TYPE)} = {literal(charge_type)}"


def _bare(fields: Fields, name: str) -> str:
    """Return the column as it stands in the file, null where it is: DuckDB compares that with what
    the file's footer says of it, and mostly reads nothing.
    """
    bare = fields.raw(name) if fields.kind(name) is Kind.TEXT else None
    return bare or fields.text(name)


def _needs_tags(fields: Fields) -> str | None:
    tags = fields.raw("tags")
    # Of a map that is not empty the footer says that some line items have it.
    if tags is None or (fields.kind("tags") is Kind.MAP and fields.lacking("tags") is not None):
        return None
    return _has_tags(fields, tags)


def _has_tags(fields: Fields, tags: str) -> str:
    if fields.kind("tags") is Kind.MAP:
        return f"cardinality({tags}) > 0"
    return f"coalesce({tags}, '') NOT IN ('', '{{}}')"


def _list(names: tuple[str, ...] | list[str]) -> str:
    return f"({', '.join(literal(name) for name in names)})"


RARELY_NEEDED: dict[str, Callable[[Fields], str | None]] = {
    "line_item_line_item_description": _needs_description,
    "reservation_reservation_a_r_n": _needs_reservation,
}
FORMAT = BillFormat(
    name="CUR 2.0",
    required=REQUIRED,
    select=select,
    names=names,
    control=ControlColumns(
        amount="line_item_unblended_cost",
        currency="line_item_currency_code",
        operation="line_item_operation",
    ),
    known_types=KNOWN_TYPES,
    usage_types=frozenset(USAGE_TYPES),
    maps=("product", "tags", "resource_tags", "cost_category"),
    not_money=SPLIT_OPERATIONS,
    rarely_needed=RARELY_NEEDED | {"product": _needs_product, "tags": _needs_tags},
)
