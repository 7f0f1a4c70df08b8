"""Coverage and utilisation of commitments, against sums in plain Python."""

import csv
import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection as database
from pytest_django import DjangoAssertNumQueries

from billing.commitments.eligible import Family, eligible_sql
from billing.commitments.report import Commitments, Plan, commitments
from billing.months import month_frame
from connections.models import Connection, ConnectionKind, Export, ExportSchema
from tests.billing.cost_facts import Item, connect, deliver, sums
from tests.billing.month_bills import APRIL, MARCH, MAY, PAYER, WEB, bill, mine
from tests.cast import Cast

pytestmark = pytest.mark.django_db
USED = {Plan.SAVINGS_PLAN: "SavingsPlanCoveredUsage", Plan.RESERVATION: "DiscountedUsage"}
FEES = {Plan.SAVINGS_PLAN: "SavingsPlanRecurringFee", Plan.RESERVATION: "RIFee"}


@pytest.fixture
def payer(cast: Cast) -> Connection:
    connect(cast.acme, WEB)
    return connect(cast.acme, PAYER, ConnectionKind.ROOT)


def without_negations(items: list[Item]) -> list[Item]:
    """In a real bill these are nothing when amortized; here every measure is a multiple."""
    return [item for item in items if item.charge_type != "SavingsPlanNegation"]


@pytest.fixture
def items(payer: Connection) -> dict[dt.date, list[Item]]:
    found = {month: without_negations(bill(month, seed=month.month)) for month in (MARCH, APRIL)}
    for month, items in found.items():
        deliver(payer, month, items, data_through=max(item.day for item in items))
    return {month: mine(items) for month, items in found.items()}


def of(cast: Cast, month: dt.date = APRIL) -> Commitments:
    return commitments(month_frame(cast.acme, MAY, month=month, before=12))


def total(items: list[Item], measure: str, keep: Callable[[Item], bool]) -> Decimal:
    return sums([item for item in items if keep(item)], measure).get(("", ()), Decimal(0))


def could_be_covered(item: Item) -> bool:
    return (
        item.charge_type == "Usage"
        and item.service == "AmazonEC2"
        and item.usage_type == "EU-BoxUsage:m5.large"
    )


def test_used_unused_savings_and_coverage_equal_plain_sums(
    cast: Cast, items: dict[dt.date, list[Item]]
) -> None:
    found = of(cast)
    assert list(found.months) == [APRIL, MARCH]
    for month, standing in found.months.items():
        mine_then = items[month]
        for plan in Plan:
            use = standing.of(plan)
            covered = [item for item in mine_then if item.charge_type == USED[plan]]
            fees = [item for item in mine_then if item.charge_type == FEES[plan]]
            listed, used = (sums(covered, one)["", ()] for one in ("list_cost", "amortized_cost"))
            unused = sums(fees, "amortized_cost")["", ()]
            assert (use.listed, use.used, use.unused) == (listed, used, unused)
            assert use.savings == listed - used - unused
            assert use.is_amortized
        assert standing.on_demand == total(mine_then, "list_cost", could_be_covered)
        assert standing.covered == total(
            mine_then, "list_cost", lambda one: one.charge_type in USED.values()
        )


def test_accounts_and_families_add_up_to_the_month(
    cast: Cast, items: dict[dt.date, list[Item]]
) -> None:
    found = of(cast)
    whole = found.months[APRIL]
    parts = [one for _, _, one in found.accounts]
    assert {account for account, _, _ in found.accounts} == {PAYER, WEB}
    for part_of in ("covered", "on_demand", "used", "unused", "savings"):
        assert sum(getattr(one, part_of) for one in parts) == getattr(whole, part_of)
    families = dict(found.families)
    assert sum(one.covered for one in families.values()) == whole.covered
    assert families[Family.EC2].on_demand == whole.on_demand
    for account, _, one in found.accounts:
        assert one.unused == total(
            items[APRIL],
            "amortized_cost",
            lambda item, account=account: (  # type: ignore[misc]
                item.account == account and item.charge_type in FEES.values()
            ),
        )


def test_a_fee_of_days_to_come_is_not_unused_yet(cast: Cast, payer: Connection) -> None:
    def fee(day: int) -> Item:
        return Item(
            PAYER, APRIL.replace(day=day), Decimal(2), charge_type="SavingsPlanRecurringFee"
        )

    used = Item(WEB, APRIL, Decimal(4), charge_type="SavingsPlanCoveredUsage")
    ahead = [fee(day) for day in range(1, 31)]
    deliver(payer, APRIL, [used, *ahead], data_through=APRIL.replace(day=10))
    use = of(cast).months[APRIL].of(Plan.SAVINGS_PLAN)
    # Amortized is three times the cost here: ten days of 6.
    assert (use.used, use.unused) == (12, 60)


def test_a_focus_export_is_said_to_tell_nothing_and_shows_no_zeros(
    cast: Cast, payer: Connection
) -> None:
    deliver(payer, APRIL, [Item(WEB, APRIL, Decimal(4))])
    Export.objects.update(schema=ExportSchema.FOCUS_1_2)
    found = of(cast)
    assert found.silent == [payer.name]
    assert found.months == {}
    page = cast.browser("victor").get("/o/acme/commitments/?month=2026-04").content.decode()
    assert "FOCUS export" in page
    assert "0.0\N{NO-BREAK SPACE}%" not in page
    assert "$0.00" not in page


def test_an_export_without_the_columns_tells_coverage_alone(cast: Cast, payer: Connection) -> None:
    # As it is loaded where the savings_plan_ columns are missing: as billed.
    deliver(
        payer,
        APRIL,
        [
            Item(WEB, APRIL, Decimal(4), charge_type="SavingsPlanCoveredUsage"),
            Item(WEB, APRIL, Decimal(-4), charge_type="SavingsPlanNegation"),
            Item(PAYER, APRIL, Decimal(3), charge_type="SavingsPlanRecurringFee"),
        ],
    )
    found = of(cast)
    assert not found.is_amortized
    page = cast.browser("victor").get("/o/acme/commitments/?month=2026-04").content.decode()
    assert "lacks the columns" in page
    assert "unused of" not in page


def test_reservations_without_their_columns_are_noticed_too(cast: Cast, payer: Connection) -> None:
    deliver(payer, APRIL, [Item(WEB, APRIL, Decimal(4), charge_type="DiscountedUsage")])
    assert of(cast).is_amortized
    with database.cursor() as cursor:
        cursor.execute("UPDATE billing_month_cost SET amortized_cost = 0, unblended_cost = 0")
    assert not of(cast).is_amortized


@pytest.mark.parametrize(
    ("service", "usage_type", "is_it"),
    [
        ("AmazonEC2", "BoxUsage:m5.large", True),
        ("AmazonEC2", "EUW1-BoxUsage:m5.large", True),
        ("AmazonEC2", "EUW1-SpotUsage:m5.large", False),
        ("AmazonEC2", "EBS:VolumeUsage.gp3", False),
        ("AmazonEC2", "EU-NatGateway-Bytes", False),
        ("AmazonECS", "EU-Fargate-vCPU-Hours:perCPU", True),
        ("AmazonECS", "EU-Fargate-SpotUsage", False),
        ("AWSLambda", "EU-Lambda-GB-Second", True),
        ("AWSLambda", "EU-Request", False),
        ("AmazonSageMaker", "EU-Host:ml.m5.large", True),
        ("AmazonRDS", "EU-InstanceUsage:db.r6g.large", True),
        ("AmazonRDS", "EU-Multi-AZUsage:db.r6g.large", True),
        ("AmazonRDS", "EU-RDS:GP3-Storage", False),
        ("AmazonElastiCache", "EU-NodeUsage:cache.r6g.large", True),
        ("AmazonES", "EU-ESInstance:r6g.large", True),
        ("AmazonRedshift", "EU-Node:ra3.xlplus", True),
        ("AmazonS3", "BoxUsage", False),
    ],
)
def test_what_can_be_covered_is_told_by_its_usage_type(
    service: str, usage_type: str, is_it: bool
) -> None:
    condition, params = eligible_sql()
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT {condition} FROM (VALUES (%s, %s)) AS f (service, usage_type)",  # noqa: S608
            [*params, service, usage_type],
        )
        assert cursor.fetchone() == (is_it,)


def test_the_download_has_every_table_of_the_page(
    cast: Cast, items: dict[dt.date, list[Item]]
) -> None:
    page = cast.browser("victor").get("/o/acme/commitments/?month=2026-04&format=csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(page.streaming_content).decode())))
    by_month = [row for row in rows if row["By"] == "Month"]
    assert [(row["Month"], row["Commitment"]) for row in by_month] == [
        (month, str(plan.label)) for month in ("2026-04", "2026-03") for plan in Plan
    ]
    assert sum(Decimal(row["Unused"]) for row in by_month) == sum(
        one.unused for one in of(cast).months.values()
    )
    shown = of(cast)
    covered = [Decimal(row["List cost covered"]) for row in rows if row["By"] == "Usage"]
    assert covered == [one.covered for _, one in shown.families]
    assert [
        (row["Account id"], Decimal(row["Unused"]), Decimal(row["On demand that could be covered"]))
        for row in rows
        if row["By"] == "Account"
    ] == [(account, one.unused, one.on_demand) for account, _, one in shown.accounts]


def test_the_number_of_queries_is_constant(
    cast: Cast,
    items: dict[dt.date, list[Item]],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for account in ("444455556666", "555566667777"):
        with django_assert_num_queries(7):
            of(cast)
        other = connect(cast.acme, account, ConnectionKind.ROOT)
        deliver(other, APRIL, [Item(account, APRIL, Decimal(1), payer=account)])
