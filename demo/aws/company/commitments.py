"""The company's Savings Plan and Reserved Instances, and the rows by which AWS bills them."""

import calendar
import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from demo.aws.company import cast, rows
from demo.aws.company.resources import Made
from demo.bills.line_items import LineItem

SAVINGS_PLAN = (
    f"arn:aws:savingsplans::{cast.PAYER}:savingsplan/4c1a6f0e-6d0b-4f43-9d3e-7b1f6c2a9e01"
)
RESERVATION = f"arn:aws:ec2:{cast.DUBLIN}:{cast.PRODUCTION}:reserved-instances/2f8d1c9a-search"
SAVINGS_PLAN_PART = Decimal("0.72")
RESERVED_PART = Decimal("0.63")
RESERVED = 5  # one more than there are servers for it: the fifth is paid and unused
RESERVED_TYPE = "r6i.2xlarge"
UNUSED_COMMITMENT = Decimal("1.05")


def covered(
    resource: Made, day: dt.date, usage_type: str, cost: Decimal, hours: Decimal
) -> LineItem:
    """A day of an instance that a commitment pays for."""
    if resource.pays == "SavingsPlan":
        return _savings_plan_usage(resource, day, usage_type, cost, hours)
    return _reserved_usage(resource, day, usage_type, cost, hours)


def _savings_plan_usage(
    resource: Made, day: dt.date, usage_type: str, cost: Decimal, hours: Decimal
) -> LineItem:
    effective = (cost * SAVINGS_PLAN_PART).quantize(rows.TEN_PLACES)
    return rows.line(
        *(resource, day, usage_type, "RunInstances", cost),
        type="SavingsPlanCoveredUsage",
        usage_amount=hours,
        product_family="Compute Instance",
        columns={
            "savings_plan_savings_plan_a_r_n": SAVINGS_PLAN,
            "savings_plan_savings_plan_effective_cost": effective,
            "savings_plan_net_savings_plan_effective_cost": rows.net(effective),
            "savings_plan_offering_type": "ComputeSavingsPlans",
        },
    )


def _reserved_usage(
    resource: Made, day: dt.date, usage_type: str, cost: Decimal, hours: Decimal
) -> LineItem:
    upfront, recurring = _reserved_rates()
    amortized, fee = upfront * hours, recurring * hours
    return rows.line(
        *(resource, day, usage_type, "RunInstances", Decimal(0)),
        type="DiscountedUsage",
        list_cost=cost,
        usage_amount=hours,
        pricing_term="Reserved",
        product_family="Compute Instance",
        columns={
            "reservation_reservation_a_r_n": RESERVATION,
            "reservation_amortized_upfront_cost_for_usage": amortized,
            "reservation_recurring_fee_for_usage": fee,
            "reservation_effective_cost": amortized + fee,
            "reservation_net_effective_cost": rows.net(amortized + fee),
        },
    )


def _reserved_rates() -> tuple[Decimal, Decimal]:
    """Partial upfront: what an hour costs of the payment made at purchase, and of the fee."""
    hourly = Decimal(cast.PRICES[RESERVED_TYPE]) * RESERVED_PART
    upfront = (hourly / 2).quantize(Decimal("1e-6"))
    return upfront, hourly - upfront


def daily(made: list[Made], day: dt.date) -> Iterator[LineItem]:
    """The Savings Plan's negations, one for each kind of usage, and its fee for the day."""
    on_demand: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for resource in made:
        if resource.pays == "SavingsPlan":
            group = (resource.region, resource.zone, resource.size)
            on_demand[group] += Decimal(cast.PRICES[resource.size]) * resource.hours
    for (region, zone, size), cost in on_demand.items():
        account = Made("", cast.PRODUCTION, region, "", zone=zone)
        yield rows.line(
            *(account, day, f"BoxUsage:{size}", "RunInstances", -cost),
            type="SavingsPlanNegation",
            list_cost=-cost,
            columns={"savings_plan_savings_plan_a_r_n": SAVINGS_PLAN},
            description=f"SavingsPlanNegation used by AccountId : {cast.PRODUCTION}",
        )
    yield _fee(sum(on_demand.values(), Decimal(0)) * SAVINGS_PLAN_PART, day)


def _fee(used: Decimal, day: dt.date) -> LineItem:
    commitment = (used / 24 * UNUSED_COMMITMENT).quantize(Decimal("0.001")) * 24
    payer = Made("", cast.PAYER, cast.VIRGINIA, SAVINGS_PLAN)
    return rows.line(
        *(payer, day, "ComputeSP:1yrNoUpfront", "", commitment),
        type="SavingsPlanRecurringFee",
        product_code="ComputeSavingsPlans",
        product_name="Savings Plans for AWS Compute usage",
        region="",
        list_cost=None,
        pricing_term="",
        pricing_unit="",
        columns={
            "savings_plan_savings_plan_a_r_n": SAVINGS_PLAN,
            "savings_plan_total_commitment_to_date": commitment,
            "savings_plan_used_commitment": used,
            "savings_plan_recurring_commitment_for_billing_period": commitment,
            "savings_plan_net_recurring_commitment_for_billing_period": commitment,
        },
        net_unblended_cost=commitment,
        description="1 year No Upfront Compute Savings Plan",
    )


def monthly(made: list[Made], month: dt.date, days: list[dt.date]) -> list[LineItem]:
    """The reservation's fee, dated the first of the month and charged for all of it at once."""
    upfront, recurring = _reserved_rates()
    hours = 24 * calendar.monthrange(month.year, month.month)[1]
    used = sum(1 for resource in made if resource.pays == "Reserved")
    idle = Decimal(24 * len(days) * (RESERVED - used))
    end = rows.midnight(month) + dt.timedelta(hours=hours, seconds=-1)
    owner = Made("", cast.PRODUCTION, cast.DUBLIN, RESERVATION)
    fee = recurring * hours * RESERVED
    return [
        rows.line(
            *(owner, month, f"HeavyUsage:{RESERVED_TYPE}", "RunInstances", fee),
            type="RIFee",
            interval=f"{month}T00:00:00Z/{end:%Y-%m-%dT%H:%M:%SZ}",
            end=end,
            list_cost=None,
            pricing_term="Reserved",
            usage_amount=Decimal(hours * RESERVED),
            net_unblended_cost=rows.net(fee),
            columns={
                "reservation_reservation_a_r_n": RESERVATION,
                "reservation_unused_recurring_fee": recurring * idle,
                "reservation_unused_amortized_upfront_fee_for_billing_period": upfront * idle,
                "reservation_net_unused_recurring_fee": rows.net(recurring * idle),
                "reservation_net_unused_amortized_upfront_fee_for_billing_period": rows.net(
                    upfront * idle
                ),
                "reservation_amortized_upfront_fee_for_billing_period": upfront * hours * RESERVED,
            },
            description=f"USD hourly fee per Linux/UNIX, {RESERVED_TYPE} instance",
        )
    ]
