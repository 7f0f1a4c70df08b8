"""The month statement, against sums in plain Python."""

import csv
import datetime as dt
import io
from collections import defaultdict
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from billing.charge_kinds import ChargeKind
from billing.importing import cleanup
from billing.measures import Measure
from billing.models import DeliveryState, ImportRun
from billing.month_statement.report import Statement, statement
from billing.months import month_frame
from connections.models import Connection, ConnectionKind
from organizations.runs import RunState, Trigger
from tests.billing.cost_facts import Item, connect, deliver, sums
from tests.billing.month_bills import APRIL, MARCH, MAY, PAYER, WEB, bill, mine
from tests.cast import Cast

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 5, 6)
KINDS = {
    ChargeKind.USAGE: (
        "Usage",
        "DiscountedUsage",
        "SavingsPlanCoveredUsage",
        "SavingsPlanNegation",
    ),
    ChargeKind.FEE: ("SavingsPlanRecurringFee", "RIFee", "Fee"),
    ChargeKind.DISCOUNT: ("EdpDiscount",),
    ChargeKind.CREDIT: ("Credit",),
    ChargeKind.REFUND: ("Refund",),
    ChargeKind.TAX: ("Tax",),
    ChargeKind.OTHER: ("SomethingNew",),
}


@pytest.fixture
def payer(cast: Cast) -> Connection:
    connect(cast.acme, WEB)
    return connect(cast.acme, PAYER, ConnectionKind.ROOT)


@pytest.fixture
def items(payer: Connection) -> list[Item]:
    """April's bill, with a line item of a day in May, and March's beside it."""
    deliver(payer, MARCH, bill(MARCH, seed=1), is_final=True)
    april = [
        *bill(APRIL, seed=2, invoice="INV"),
        Item(WEB, MAY + dt.timedelta(days=2), Decimal("7.25"), charge_type="Usage"),
    ]
    deliver(payer, APRIL, april, is_final=True)
    return april


def of(cast: Cast, measure: Measure = Measure.UNBLENDED) -> Statement:
    return statement(month_frame(cast.acme, TODAY, month=APRIL), measure)


@pytest.mark.parametrize("measure", [Measure.UNBLENDED, Measure.NET_UNBLENDED])
def test_every_line_equals_a_plain_sum_and_the_lines_add_up_to_the_bill(
    cast: Cast, items: list[Item], measure: Measure
) -> None:
    found = of(cast, measure)
    expected = sums(mine(items), measure, ("account", "service", "charge_type"))
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    lines: dict[tuple[str, str, ChargeKind], Decimal] = defaultdict(Decimal)
    for (_, (account, service, charge_type)), amount in expected.items():
        lines[account, service, kind_of[charge_type]] += amount
    assert {
        (account.account_id, line.service, kind): amount
        for account in found.accounts
        for line in account.lines
        for kind, amount in line.amounts.items()
    } == dict(lines)
    total = sums(mine(items), measure)["", ()]
    assert found.total == total
    assert sum(line.total for one in found.accounts for line in one.lines) == total
    assert sum(one.total for one in found.accounts) == total
    assert sum(one.amount for one in found.invoices) == total
    assert found.kinds == list(ChargeKind)


def test_invoices_are_told_apart_by_who_bills_and_what_is_not_invoiced_yet(
    cast: Cast, items: list[Item]
) -> None:
    expected = sums(mine(items), "unblended_cost", ("billing_entity", "invoice"))
    assert {(one.billing_entity, one.invoice_id): one.amount for one in of(cast).invoices} == {
        group: amount for (_, group), amount in expected.items()
    }
    assert ("AWS", "") in {(one.billing_entity, one.invoice_id) for one in of(cast).invoices}


def test_control_totals_lead_from_the_export_to_the_statement(
    cast: Cast, payer: Connection, items: list[Item]
) -> None:
    whole = sum((item.cost for item in items), Decimal(0))
    (before,) = of(cast).sources
    assert before.export_total is None
    assert not before.is_reconciled
    ImportRun.objects.create(
        connection=payer,
        trigger=Trigger.SCHEDULE,
        state=RunState.SUCCEEDED,
        delivery=before.delivery,
        billing_period=APRIL,
        export_total=whole,
        portal_total=whole,
        currency="USD",
    )
    found = of(cast)
    (source,) = found.sources
    assert source.export_total == source.portal_total == whole
    assert source.is_reconciled
    assert source.left_out == whole - sum((item.cost for item in mine(items)), Decimal(0))
    assert source.counted == found.total
    page = cast.browser("victor").get("/o/acme/statement/?month=2026-04").content.decode()
    assert "equal, to the last digit" in page
    assert source.delivery.execution_id in page


def test_an_account_in_two_bills_is_counted_from_one_and_the_other_says_so(
    cast: Cast, items: list[Item]
) -> None:
    other = connect(cast.acme, "444455556666", ConnectionKind.ROOT)
    twice = [item for item in items if item.account == WEB]
    deliver(other, APRIL, twice)
    found = of(cast)
    assert found.total == sum((item.cost for item in mine(items)), Decimal(0))
    assert sum(one.counted for one in found.sources) == found.total
    (late,) = [one for one in found.sources if one.payer_account_id == "444455556666"]
    assert late.elsewhere == sum((item.cost for item in twice), Decimal(0))
    assert late.counted == 0


def test_what_was_restated_since_closing_is_told_to_the_last_digit(
    cast: Cast, payer: Connection, items: list[Item]
) -> None:
    now = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
    assert of(cast).corrections == []
    first = deliver(payer, APRIL, items, is_final=True, loaded_at=now)
    assert of(cast).corrections == []
    credit = Item(WEB, APRIL, Decimal("-12.345678901234"), charge_type="Credit")
    hidden = Item("999900001111", APRIL, Decimal(5))
    deliver(
        payer,
        APRIL,
        [*items, credit, hidden],
        is_final=True,
        loaded_at=now + dt.timedelta(days=3),
    )
    (found,) = of(cast).corrections
    assert found.closed.is_final
    assert found.closed.loaded_at is None or found.closed.pk <= first.pk
    (change,) = found.changes
    assert (change.account_id, change.service, change.charge_type) == (WEB, "AmazonEC2", "Credit")
    assert change.difference == found.difference == credit.cost
    assert "Restated since closing" in (
        cast.browser("victor").get("/o/acme/statement/?month=2026-04").content.decode()
    )


def test_what_is_counted_from_another_bill_was_not_restated(cast: Cast, items: list[Item]) -> None:
    other = connect(cast.acme, "444455556666", ConnectionKind.ROOT)
    twice = [item for item in items if item.account == WEB]
    now = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
    for days in range(2):
        deliver(other, APRIL, twice, is_final=True, loaded_at=now + dt.timedelta(days=days))

    (found,) = of(cast).corrections

    assert (found.changes, found.difference) == ([], 0)


@pytest.mark.parametrize("measure", [Measure.UNBLENDED, Measure.NET_UNBLENDED])
def test_all_that_was_restated_since_closing_is_told_when_the_first_bill_is_dropped(
    cast: Cast, payer: Connection, measure: Measure
) -> None:
    long_ago = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
    costs = ("10", "12.000000000001", "13.5", "11")
    first, *_ = (
        deliver(
            payer,
            APRIL,
            [Item(WEB, APRIL, Decimal(cost)), Item(PAYER, APRIL, Decimal(4))],
            is_final=True,
            loaded_at=long_ago + dt.timedelta(days=number),
        )
        for number, cost in enumerate(costs)
    )
    (before,) = of(cast, measure).corrections
    cleanup.remove_old()
    first.refresh_from_db()
    assert first.state == DeliveryState.DROPPED

    (found,) = of(cast, measure).corrections

    assert found == before
    (change,) = found.changes
    times = 1 if measure == Measure.UNBLENDED else 2
    assert (change.before, change.after) == (10 * times, 11 * times)


def test_the_download_holds_every_line_and_adds_up(cast: Cast, items: list[Item]) -> None:
    response = cast.browser("victor").get("/o/acme/statement/?month=2026-04&format=csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert sum(Decimal(row["Total"]) for row in rows) == of(cast).total
    assert {row["Account"] for row in rows} == {PAYER, WEB}
    assert {row["Currency"] for row in rows} == {"USD"}
    assert "statement_2026-04.csv" in response.headers["Content-Disposition"]


def test_currencies_are_never_added(cast: Cast, payer: Connection) -> None:
    deliver(
        payer,
        APRIL,
        [Item(WEB, APRIL, Decimal(3)), Item(WEB, APRIL, Decimal(500), currency="CNY")],
    )
    assert of(cast).total == 3
    page = cast.browser("victor").get("/o/acme/statement/?month=2026-04&currency=CNY")
    assert page.context["report"].total == 500
    (source,) = page.context["report"].sources
    assert source.counted == 500


def test_the_statement_opens_on_the_last_month_that_is_over(
    cast: Cast, items: list[Item], payer: Connection
) -> None:
    month = timezone.now().date().replace(day=1)
    deliver(payer, month, [Item(WEB, month, Decimal(1))])
    browser = cast.browser("victor")
    assert browser.get("/o/acme/statement/").context["frame"].month == APRIL
    assert browser.get("/o/acme/changes/").context["frame"].month == month


def test_another_organizations_bill_is_in_no_figure(cast: Cast, items: list[Item]) -> None:
    other = connect(cast.bolt, PAYER, ConnectionKind.ROOT)
    deliver(other, APRIL, [Item(PAYER, APRIL, Decimal(9))])
    page = cast.browser("boris").get("/o/bolt/statement/?month=2026-04")
    assert page.context["report"].total == 9
    assert of(cast).total == sum((item.cost for item in mine(items)), Decimal(0))


def test_the_number_of_queries_is_constant(
    cast: Cast, items: list[Item], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for account in ("444455556666", "555566667777"):
        with django_assert_num_queries(11):
            of(cast)
        other = connect(cast.acme, account, ConnectionKind.ROOT)
        deliver(other, APRIL, [Item(account, APRIL, Decimal(1), payer=account)])
