"""Totals of imported bills against sums that share nothing with the product."""

import datetime as dt
from decimal import Decimal

import pytest

from billing.measures import Measure
from billing.models import BillingMonth
from demo.bills import expected
from demo.bills.line_items import LineItem
from organizations.runs import RunState
from tests.billing import bills
from tests.billing.bills import DATA, WEB, usage
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

EXPECTED_NAME = {
    Measure.UNBLENDED: "unblended",
    Measure.NET_UNBLENDED: "net_unblended",
    Measure.AMORTIZED: "amortized",
    Measure.NET_AMORTIZED: "net_amortized",
    Measure.LIST: "list",
}
BREAKDOWNS = (
    ("account",),
    ("service",),
    ("charge_type",),
    ("day",),
    ("region",),
    ("resource",),
    ("usage_type", "operation"),
    ("pricing_term", "billing_entity"),
    ("tag:CostCenter",),
    ("tag:aws:createdBy",),
    ("cost_category:team",),
    ("account", "service", "charge_type", "day", "tag:CostCenter"),
)
D = Decimal
RI = "arn:aws:ec2:eu-west-1:222233334444:reserved-instances/1"


def rich_bill() -> list[LineItem]:
    """One line item at least for each rule, with numbers that do not hide a mistake."""
    tags = {"user:CostCenter": "CC-1", "aws:createdBy": "IAMUser:x"}
    return [
        *(
            usage(
                "0.0117",
                day=day,
                hour=hour,
                resource_id=f"i-0{hour % 3}",
                tags=tags,
                region="eu-west-1",
                list_cost=D("0.02"),
                usage_amount=D("1"),
            )
            for day in (1, 2, 30)
            for hour in range(24)
        ),
        usage(
            "0.1",
            account=DATA,
            product_code="AmazonS3",
            usage_type="TimedStorage-ByteHrs",
            operation="StandardStorage",
            resource_id="my-bucket",
            region="us-east-1",
            cost_categories={"team": "Größe \"Ä\", 'x'\n2"},
        ),
        usage("8.9E-9", account=DATA, usage_type="Requests-Tier1", net_unblended_cost=D("7E-9")),
        usage("1234567.8901234567", account=DATA, usage_type="big", list_cost=D("2000000")),
        usage("0.30000000000000004", account=DATA, usage_type="long"),
        usage("-12.5", type="Credit", product_code="AmazonEC2", usage_type="", operation=""),
        usage("3.21", type="Tax", interval="2026-04-01T00:00:00Z/2026-05-01T00:00:00Z"),
        usage("-1.11", type="Refund"),
        usage("-0.7", type="EdpDiscount", net_unblended_cost=D("0")),
        usage("99", type="Fee", billing_entity="AWS Marketplace"),
        usage("500", type="Fee", columns={"reservation_reservation_a_r_n": RI}),
        usage(
            "149.775",
            type="RIFee",
            columns={
                "reservation_reservation_a_r_n": RI,
                "reservation_unused_amortized_upfront_fee_for_billing_period": D("1.25"),
                "reservation_unused_recurring_fee": D("26.659"),
                "reservation_net_unused_recurring_fee": D("20.1"),
            },
        ),
        usage(
            "0",
            type="DiscountedUsage",
            resource_id="i-9",
            list_cost=D("9"),
            columns={
                "reservation_effective_cost": D("0.0731"),
                "reservation_net_effective_cost": D("0.07"),
            },
        ),
        usage(
            "0",
            type="DiscountedUsage",
            resource_id="i-8",
            columns={
                "reservation_effective_cost": D("0.0732"),
            },
        ),
        usage(
            "10",
            type="SavingsPlanCoveredUsage",
            resource_id="i-7",
            list_cost=D("10"),
            columns={
                "savings_plan_savings_plan_effective_cost": D("6.66"),
                "savings_plan_net_savings_plan_effective_cost": D("6.5"),
            },
        ),
        usage(
            "4",
            type="SavingsPlanCoveredUsage",
            resource_id="i-6",
            columns={
                "savings_plan_savings_plan_effective_cost": D("2.5"),
            },
        ),
        usage("-14", type="SavingsPlanNegation", list_cost=D("-14")),
        usage(
            "10.5",
            type="SavingsPlanRecurringFee",
            columns={
                "savings_plan_total_commitment_to_date": D("10.5"),
                "savings_plan_used_commitment": D("9.16"),
            },
        ),
        usage(
            "10.5",
            type="SavingsPlanRecurringFee",
            day=2,
            columns={
                "savings_plan_total_commitment_to_date": D("10.5"),
                "savings_plan_used_commitment": D("9.16"),
                "savings_plan_net_amortized_upfront_commitment_for_billing_period": D("0.5"),
                "savings_plan_net_recurring_commitment_for_billing_period": D("9.5"),
            },
        ),
        usage("1000", type="SavingsPlanUpfrontFee"),
        usage(
            "-70",
            type="Refund",
            product_code="ComputeSavingsPlans",
            description="Refund for one-time fee for Savings Plan ID 1",
        ),
        usage("5.55", type="SomethingNew", net_unblended_cost=D("5"), list_cost=D("7")),
        usage("77", operation="EKSPod-EC2"),
        usage("88", operation="ECSTask-EC2"),
        # Outside the month, and still of this month's bill.
        usage("2.5", start=dt.datetime(2026, 3, 31, 23, tzinfo=dt.UTC)),
        usage("2.25", start=dt.datetime(2026, 5, 2, tzinfo=dt.UTC)),
    ]


@pytest.mark.parametrize("file_format", ["PARQUET", "TEXT_OR_CSV"])
def test_every_measure_and_breakdown_equals_an_independent_computation(
    cast: Cast, aws: str, file_format: str
) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    items = rich_bill()
    bills.put_bill(bills.bill(items), chunks=3, file_format=file_format)

    look = bills.run_import(connection)

    assert look.error is None, look.error["message"]
    assert look.state == RunState.SUCCEEDED
    assert look.export_total == look.portal_total == expected.total(items)
    assert look.rows_read == len(items)
    for measure, name in EXPECTED_NAME.items():
        for breakdown in ((), *BREAKDOWNS):
            wanted = expected.totals(items, name, *breakdown)
            assert bills.facts(connection, measure, *breakdown) == wanted, (measure, breakdown)
        by_day = expected.totals(items, name, "day", "account")
        assert bills.facts(connection, measure, "day", "account", table="rollup") == by_day
    (month,) = look.months.all()
    assert any("SomethingNew" in warning for warning in month.warnings)
    assert {one["account_id"] for one in month.skipped_accounts} == {WEB, DATA}
    held = BillingMonth.objects.get(connection=connection).delivery
    assert D(held.totals["USD"]["amortized_cost"]) == expected.total(items, "amortized")


@pytest.mark.parametrize("cost", ["99999.9999999999", "499999.9999999999"])
def test_a_bill_of_any_size_is_exact_to_its_last_digit(cast: Cast, aws: str, cost: str) -> None:
    """150 of the smaller sum up to less than 18 digits with ten decimals have room for."""
    connection = bills.connect(cast.acme)
    bills.make_bucket()
    counts = {WEB: 150, DATA: 300}
    bills.put_bill(
        bills.bill(
            usage(cost, account=account, day=1 + number % 28, list_cost=D(cost))
            for account, count in counts.items()
            for number in range(count)
        )
    )

    look = bills.run_import(connection)

    assert look.portal_total == D(cost) * sum(counts.values())
    for table in ("daily", "rollup"):
        assert bills.facts(connection, "list_cost", "account", table=table) in (
            {(account,): D(cost) * count for account, count in counts.items()},
            {},  # a rollup that would not shrink
        )
