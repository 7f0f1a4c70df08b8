"""Changes from month to month, against sums in plain Python."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from billing.changes.report import By, Changes, Direction, changes
from billing.cost_query import CostFilter
from billing.measures import Measure
from billing.months import month_frame
from connections.models import Connection, ConnectionKind
from organizations.access import Role
from tests.billing.cost_facts import Item, connect, deliver, sums
from tests.billing.month_bills import APRIL, MARCH, MAY, PAYER, STRANGER, WEB, bill, mine
from tests.cast import Cast

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
LATER = dt.date(2026, 6, 20)


@pytest.fixture
def payer(cast: Cast) -> Connection:
    connect(cast.acme, WEB)
    return connect(cast.acme, PAYER, ConnectionKind.ROOT)


@pytest.fixture
def items(payer: Connection) -> list[Item]:
    march, april = bill(MARCH, seed=1, days=31), bill(APRIL, seed=2, days=30)
    deliver(payer, MARCH, march, is_final=True)
    deliver(payer, APRIL, april, is_final=True)
    return march + april


def of(cast: Cast, today: dt.date = LATER, **given: Any) -> Changes:
    return changes(month_frame(cast.acme, today, month=APRIL, before=1), **given)


def between(items: list[Item], start: dt.date, end: dt.date) -> list[Item]:
    return [item for item in mine(items) if start <= item.day < end]


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("measure", [Measure.UNBLENDED, Measure.AMORTIZED])
def test_every_change_equals_a_plain_sum(
    cast: Cast, items: list[Item], by: By, measure: Measure
) -> None:
    found = of(cast, measure=measure, by=by)
    before = sums(between(items, MARCH, APRIL), measure, by.dimensions)
    now = sums(between(items, APRIL, MAY), measure, by.dimensions)
    none = Decimal(0)
    assert {one.values: (one.before, one.now) for one in found.changes} == {
        group: (before.get(("", group), none), now.get(("", group), none))
        for _, group in before.keys() | now.keys()
    }
    sizes = [abs(one.difference) for one in found.changes]
    assert sizes == sorted(sizes, reverse=True)
    assert found.before == sum(before.values())
    assert found.now == sum(now.values())
    assert found.difference == sum(one.difference for one in found.changes)
    assert not found.days.is_partial


def test_a_day_counts_also_where_it_stands_in_the_bill_of_another_month(
    cast: Cast, payer: Connection
) -> None:
    february = dt.date(2026, 2, 1)
    bills = {
        february: [Item(WEB, MARCH, Decimal(1), resource="i-1")],
        MARCH: [Item(WEB, MARCH - DAY, Decimal(2)), Item(WEB, MARCH, Decimal(4))],
        APRIL: [Item(WEB, APRIL, Decimal(8)), Item(WEB, MAY, Decimal(16))],
        MAY: [Item(WEB, APRIL, Decimal(32), resource="i-1")],
    }
    for month, held in bills.items():
        deliver(payer, month, held, is_final=True)

    found = of(cast)

    assert (found.before, found.now) == (Decimal(5), Decimal(40))
    (change,) = found.changes
    assert {(one.resource_id, one.before, one.now) for one in change.resources} == {
        ("", Decimal(4), Decimal(8)),
        ("i-1", Decimal(1), Decimal(32)),
    }


def test_the_resources_behind_a_change_are_those_that_differ_most(
    cast: Cast, items: list[Item]
) -> None:
    for change in of(cast, measure=Measure.AMORTIZED, by=By.BOTH).changes:
        service, account = change.values
        parts: dict[str, Decimal] = {}
        for month, end, sign in ((APRIL, MAY, 1), (MARCH, APRIL, -1)):
            having = [
                item
                for item in between(items, month, end)
                if (item.service, item.account) == (service, account)
            ]
            for (_, (resource,)), amount in sums(having, "amortized_cost", ("resource",)).items():
                parts[resource] = parts.get(resource, Decimal(0)) + sign * amount
        ranked = sorted(parts.items(), key=lambda one: (-abs(one[1]), one[0]))
        assert [(one.resource_id, one.difference) for one in change.resources] == ranked[:5]


def test_a_month_under_way_is_compared_by_the_same_days(cast: Cast, payer: Connection) -> None:
    march = [Item(WEB, MARCH + n * DAY, Decimal(10)) for n in range(31)]
    april = [Item(WEB, APRIL + n * DAY, Decimal(11)) for n in range(12)]
    fee_ahead = Item(WEB, APRIL + 20 * DAY, Decimal(99), charge_type="SavingsPlanRecurringFee")
    deliver(payer, MARCH, march, is_final=True)
    deliver(payer, APRIL, [*april, fee_ahead], data_through=dt.date(2026, 4, 12))
    found = of(cast, dt.date(2026, 4, 14))
    assert found.days.is_partial
    assert (found.days.end, found.days.before_end) == (dt.date(2026, 4, 13), dt.date(2026, 3, 13))
    assert (found.before, found.now) == (Decimal(120), Decimal(132))
    assert "1–12 April" in (
        cast.browser("victor").get("/o/acme/changes/?month=2026-04").content.decode()
    )


def test_a_shorter_month_before_is_compared_by_the_days_it_has(
    cast: Cast, payer: Connection
) -> None:
    february = dt.date(2026, 2, 1)
    deliver(payer, february, [Item(WEB, february + n * DAY, Decimal(1)) for n in range(28)])
    march = [Item(WEB, MARCH + n * DAY, Decimal(1)) for n in range(30)]
    deliver(payer, MARCH, march)
    found = changes(month_frame(cast.acme, MARCH + 30 * DAY, month=MARCH, before=1))
    assert (found.days.last_day, found.days.last_day_before) == (MARCH + 29 * DAY, MARCH - DAY)
    assert (found.before, found.now) == (28, 30)


def test_new_gone_up_and_down_are_told_apart(cast: Cast, payer: Connection) -> None:
    def costs(**amounts: int) -> list[tuple[str, int]]:
        return list(amounts.items())

    for month, amounts in (
        (MARCH, costs(gone=4, up=1, down=9, same=3)),
        (APRIL, costs(new=5, up=3, down=8, same=3)),
    ):
        deliver(
            payer,
            month,
            [Item(WEB, month, Decimal(cost), service=name) for name, cost in amounts],
            is_final=True,
        )
    assert [(one.values, one.direction, one.difference) for one in of(cast).changes] == [
        (("new",), Direction.NEW, 5),
        (("gone",), Direction.GONE, -4),
        (("up",), Direction.UP, 2),
        (("down",), Direction.DOWN, -1),
    ]


def test_what_is_not_listed_is_summed_up(cast: Cast, items: list[Item]) -> None:
    found = of(cast, by=By.BOTH, limit=2, behind=1)
    assert len(found.changes) == 2
    assert found.change_count == 6
    assert found.rest == found.difference - sum(one.difference for one in found.changes)
    assert found.changes[0].resources
    assert not found.changes[1].resources


def test_changes_can_be_narrowed_to_a_service_and_an_account(cast: Cast, items: list[Item]) -> None:
    found = of(cast, filters=[CostFilter("account", values=(WEB,))])
    kept = [item for item in items if item.account == WEB]
    assert found.now == sums(between(kept, APRIL, MAY), "unblended_cost")["", ()]
    page = cast.browser("victor").get(f"/o/acme/changes/?month=2026-04&account={WEB}&by=service")
    assert page.context["report"].now == found.now


def test_a_month_of_which_no_day_was_delivered_has_no_changes(
    cast: Cast, items: list[Item]
) -> None:
    found = changes(month_frame(cast.acme, MAY, month=MAY, before=1))
    assert (found.changes, found.now, found.before) == ([], 0, 0)
    assert found.days.is_empty


def test_the_api_tells_the_same(cast: Cast, items: list[Item]) -> None:
    api = cast.api(Role.VIEWER)
    told = api.get("/api/v1/changes/?month=2026-04&by=service,account").json()
    found = of(cast, by=By.BOTH)
    assert Decimal(told["now"]["total"]) == found.now
    assert Decimal(told["difference"]) == found.difference
    assert [
        ((one["group"]["service"], one["group"]["account"]), Decimal(one["difference"]))
        for one in told["changes"]
    ] == [(one.values, one.difference) for one in found.changes]
    assert told["changes"][0]["resources"][0]["resource_id"] in {item.resource for item in items}
    assert (told["before"]["from"], told["before"]["to"]) == ("2026-03-01", "2026-04-01")
    assert (told["same_days"], told["final"]) == (False, True)


@pytest.mark.parametrize(
    "query",
    [
        "month=april",
        "by=colour",
        "metric=none",
        f"account={STRANGER}",
        "colour=red",
        "currency=usd",
        "currency=EUR",
        "service=%00",
    ],
)
def test_the_api_refuses_what_it_cannot_answer(cast: Cast, items: list[Item], query: str) -> None:
    response = cast.api(Role.VIEWER).get(f"/api/v1/changes/?{query}")
    assert response.status_code == 400
    assert response.json()["detail"]


def test_the_number_of_queries_is_constant(
    cast: Cast, items: list[Item], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for account in ("444455556666", "555566667777"):
        with django_assert_num_queries(11):
            of(cast, by=By.BOTH)
        other = connect(cast.acme, account, ConnectionKind.ROOT)
        deliver(other, APRIL, [Item(account, APRIL, Decimal(1), payer=account)])
