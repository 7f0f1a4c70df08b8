"""Sums by cost center: never of other rules, other accounts or another bill than those of now."""

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from celery import current_app
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.allocation import services, sums
from billing.allocation.conditions import Condition
from billing.allocation.derivation import allocation_of
from billing.allocation.models import AllocationRule, CostCenter
from billing.allocation.reports import preview
from billing.allocation.tasks import sum_all_cost_centers
from billing.cost_query import CostFilter, CostQuery, Granularity
from billing.importing import cleanup
from billing.measures import Measure
from billing.models import BillingMonth, Delivery, DeliveryState
from billing.reports import cost_report
from connections.models import Account, Connection
from tests.billing.cost_facts import ROLLUPS, Item, deliver, name_rollups
from tests.billing.cost_items import APRIL, MARCH, MAY, PAYER, WEB
from tests.billing.test_allocation_costs import center, rule
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("worth_it")]
D = Decimal
Costs = dict[tuple[str, ...], Decimal]


def bill(month: dt.date, factor: int = 1) -> list[Item]:
    """Two accounts, two teams, two services, two days."""
    return [
        Item(
            account,
            month.replace(day=day),
            factor * D(number * 1237).scaleb(-9),
            service=service,
            tags={"team": team} if team else {},
        )
        for number, (account, day, service, team) in enumerate(
            (
                (account, day, service, team)
                for account in (PAYER, WEB)
                for day in (2, 9)
                for service in ("AmazonEC2", "AmazonS3")
                for team in ("web", "data", "")
            ),
            start=1,
        )
    ]


@pytest.fixture
def teams(cast: Cast, payer: Connection) -> Iterator[dict[str, AllocationRule]]:
    """Two months, a rule for each team."""
    for month in (MARCH, APRIL):
        deliver(payer, month, bill(month))
    name_rollups(cast.acme)
    yield {
        team: rule(center(cast.acme, team), ("tag:team", "is", [team])) for team in ("web", "data")
    }


@pytest.fixture
def tasks_at_once() -> Iterator[None]:
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False


def team(item: Item) -> str:
    return item.tags.get("team", "")


def expected(items: list[Item], *by: Callable[[Item], str]) -> Costs:
    found: Costs = defaultdict(Decimal)
    for item in items:
        found[tuple(one(item) for one in by)] += item.cost
    return dict(found)


def asked(cast: Cast, *groups: str, **given: Any) -> tuple[Costs, bool]:
    """Return {(group…): amount}, and whether rules were applied to get it."""
    query = CostQuery(
        **{"start": MARCH, "end": MAY, "granularity": Granularity.TOTAL, **given},
        group_by=groups or ("cost_center",),
    )
    with CaptureQueriesContext(database) as queries:
        rows = cost_report(cast.acme, query).rows
    day = query.granularity == Granularity.DAILY
    found = {((row.period,) if day else ()) + row.group: row.amount for row in rows}
    return found, any("CASE WHEN" in one["sql"] for one in queries)


def both() -> list[Item]:
    return [*bill(MARCH), *bill(APRIL)]


def test_rules_are_not_applied_to_what_is_held(
    cast: Cast, teams: dict[str, AllocationRule]
) -> None:
    before = asked(cast)
    assert before == (expected(both(), team), True)
    assert sums.sum_up(cast.acme) == 2
    assert asked(cast) == (before[0], False)
    assert sums.sum_up(cast.acme) == 0

    daily = expected(both(), lambda one: f"{one.day}", team)
    assert asked(cast, granularity=Granularity.DAILY) == (daily, False)
    by_account = expected(both(), lambda one: one.account, team)
    assert asked(cast, "account", "cost_center") == (by_account, False)
    by_service = expected(both(), team, lambda one: one.service)
    assert asked(cast, "cost_center", "service") == (by_service, False)
    only = (CostFilter("cost_center", False, ("web",)), CostFilter("account", False, (WEB,)))
    mine = [one for one in both() if team(one) == "web" and one.account == WEB]
    assert asked(cast, "charge_type", filters=only) == (
        expected(mine, lambda one: one.charge_type),
        False,
    )
    # What is not held with them is still derived.
    by_region = expected(both(), team, lambda one: one.region)
    assert asked(cast, "cost_center", "region") == (by_region, True)


def test_a_part_of_a_month_and_another_measure_are_held_too(
    cast: Cast, teams: dict[str, AllocationRule]
) -> None:
    sums.sum_up(cast.acme)
    start, end = dt.date(2026, 3, 5), dt.date(2026, 4, 5)
    mine = [one for one in both() if start <= one.day < end]
    assert asked(cast, start=start, end=end) == (expected(mine, team), False)
    found, _ = asked(cast, metric=Measure.LIST)
    assert found == {group: amount * 5 for group, amount in expected(both(), team).items()}


def test_an_account_that_is_not_connected_any_more_is_left_out_at_once(
    cast: Cast, teams: dict[str, AllocationRule]
) -> None:
    sums.sum_up(cast.acme)
    Connection.objects.filter(account_id=WEB).update(disconnected_at=timezone.now())
    mine = [one for one in both() if one.account == PAYER]
    assert asked(cast) == (expected(mine, team), False)


def test_other_rules_count_at_once_and_former_ones_again(
    cast: Cast, teams: dict[str, AllocationRule]
) -> None:
    sums.sum_up(cast.acme)
    other = center(cast.acme, "other")
    services.change_rule(
        teams["web"], center=other, conditions=[Condition("service", "is", ("AmazonS3",))]
    )

    def by_rules(item: Item) -> str:
        return "other" if item.service == "AmazonS3" else team(item).replace("web", "")

    assert asked(cast) == (expected(both(), by_rules), True)
    assert sums.sum_up(cast.acme) == 2
    assert asked(cast) == (expected(both(), by_rules), False)
    services.change_rule(
        teams["web"],
        center=CostCenter.objects.get(code="web"),
        conditions=[Condition("tag:team", "is", ("web",))],
    )
    # What was stored under them is still there.
    assert asked(cast) == (expected(both(), team), False)
    services.move_rule(teams["data"], up=True)
    assert asked(cast)[0] == expected(both(), team)
    services.delete_rule(teams["data"])
    assert asked(cast)[0] == expected(both(), lambda one: team(one).replace("data", ""))


def test_rules_on_names_follow_the_names_at_once(cast: Cast, payer: Connection) -> None:
    deliver(payer, MARCH, bill(MARCH))
    name_rollups(cast.acme)
    rule(center(cast.acme, "shop"), ("account_name", "matches", ["*shop*"]))
    sums.sum_up(cast.acme)
    found, _ = asked(cast)
    assert set(found) == {("",)}
    Account.objects.create(organization=cast.acme, account_id=WEB, name="Web Shop")
    found, _ = asked(cast)
    assert found == expected(bill(MARCH), lambda one: "shop" if one.account == WEB else "")


def test_a_preview_of_other_rules_does_not_read_sums_of_the_present_ones(
    cast: Cast, teams: dict[str, AllocationRule]
) -> None:
    sums.sum_up(cast.acme)
    now = allocation_of(cast.acme)
    wanted = replace(now, rules=now.rules[:1])
    assert wanted.summed_as != now.summed_as
    (moved,) = preview(cast.acme, wanted, dt.date(2026, 5, 3)).currencies
    costs = expected(bill(APRIL), team)
    assert {one.code: (one.before, one.after) for one in moved.rows} == {
        "data": (costs[("data",)], 0),
        "": (costs[("",)], costs[("",)] + costs[("data",)]),
    }


def test_a_new_delivery_counts_at_once_beside_months_that_are_held(
    cast: Cast, teams: dict[str, AllocationRule], payer: Connection
) -> None:
    sums.sum_up(cast.acme)
    deliver(payer, APRIL, bill(APRIL, 3))
    items = [*bill(MARCH), *bill(APRIL, 3)]
    assert asked(cast) == (expected(items, team), True)
    name_rollups(cast.acme)
    assert sums.sum_up(cast.acme) == 1
    assert asked(cast) == (expected(items, team), False)


def held(organization: Any) -> set[str]:
    with database.cursor() as cursor:
        found = set()
        for table in ROLLUPS:
            cursor.execute(f"SELECT DISTINCT dimension FROM {table} WHERE dimension <> ''")  # noqa: S608
            found |= {name for (name,) in cursor.fetchall()}
    named = {
        name
        for one in Delivery.objects.of(organization)
        for rows in one.rollup_rows.values()
        for name in rows
    }
    assert found == named - {""}
    return found


def test_sums_of_former_rules_go_an_hour_after_nobody_can_read_them(
    cast: Cast, teams: dict[str, AllocationRule], tasks_at_once: None
) -> None:
    sums.sum_up(cast.acme)
    (former,) = held(cast.acme)
    services.delete_rule(teams["data"])
    sums.sum_up(cast.acme)
    assert len(held(cast.acme)) == 2
    assert sums.sum_up(cast.acme) == 0

    def age() -> None:
        since = timezone.now() - dt.timedelta(minutes=61)
        Delivery.objects.update(centers_since=since)

    age()
    assert sums.sum_up(cast.acme) == 2
    (present,) = held(cast.acme)
    assert present != former
    assert asked(cast) == (expected(both(), lambda one: team(one).replace("data", "")), False)

    services.delete_rule(teams["web"])
    sum_all_cost_centers()
    age()
    sum_all_cost_centers()
    assert held(cast.acme) == set()
    assert asked(cast)[0] == expected(both(), lambda _: "")


def test_the_schedule_sums_whatever_is_lacking(
    cast: Cast, teams: dict[str, AllocationRule], tasks_at_once: None
) -> None:
    sum_all_cost_centers()
    assert asked(cast) == (expected(both(), team), False)


def test_former_rules_that_are_back_keep_their_sums(
    cast: Cast, teams: dict[str, AllocationRule]
) -> None:
    sums.sum_up(cast.acme)
    other = center(cast.acme, "other")
    added = services.add_rule(
        cast.acme, center=other, conditions=[Condition("service", "is", ("AmazonS3",))]
    )
    sums.sum_up(cast.acme)
    Delivery.objects.update(centers_since=timezone.now() - dt.timedelta(hours=2))
    services.delete_rule(added)
    sums.sum_up(cast.acme)
    # They are the present ones since just now: others may still be read.
    assert sums.sum_up(cast.acme) == 0
    assert len(held(cast.acme)) == 2
    assert asked(cast) == (expected(both(), team), False)


def test_nobody_sums_by_rules_that_changed_meanwhile(
    cast: Cast, teams: dict[str, AllocationRule], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = sums._Making.make

    def and_change(making: Any) -> None:
        make(making)
        AllocationRule.objects.filter(pk=teams["web"].pk).delete()

    monkeypatch.setattr(sums._Making, "make", and_change)
    assert sums.sum_up(cast.acme) == 1
    assert asked(cast)[0] == expected(both(), lambda one: team(one).replace("web", ""))


def test_rules_of_another_organization_sum_nothing_here(
    cast: Cast, teams: dict[str, AllocationRule]
) -> None:
    rule(center(cast.bolt, "bolts"), ("tag:team", "is", ["web"]))
    assert sums.sum_up(cast.bolt) == 0
    assert held(cast.acme) == set()


def test_sums_that_differ_from_the_bill_are_not_kept(
    cast: Cast, teams: dict[str, AllocationRule]
) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_whole_cost SET list_cost = list_cost + 1 WHERE day = '2026-03-02'"
        )
    with pytest.raises(RuntimeError, match="whole_cost"):
        sums.sum_up(cast.acme)
    march = Delivery.objects.get(billing_period=MARCH)
    assert all(set(rows) == {""} for rows in march.rollup_rows.values())
    assert len(held(cast.acme)) == 1
    assert asked(cast) == (expected(both(), team), True)


def test_a_bill_without_such_tables_is_answered_as_before(
    cast: Cast, teams: dict[str, AllocationRule]
) -> None:
    Delivery.objects.update(rollup_rows={})
    assert sums.sum_up(cast.acme) == 2
    assert sums.sum_up(cast.acme) == 0
    assert asked(cast) == (expected(both(), team), True)


def test_sums_go_with_their_delivery_and_a_dropped_one_gets_none(
    cast: Cast, teams: dict[str, AllocationRule], payer: Connection
) -> None:
    april = BillingMonth.objects.get(billing_period=APRIL).delivery
    Delivery.objects.filter(pk=april.pk).update(state=DeliveryState.DROPPED)
    assert sums.sum_up(cast.acme) == 1
    march = BillingMonth.objects.get(billing_period=MARCH).delivery
    BillingMonth.objects.filter(delivery=march).delete()
    cleanup.drop_facts(march.pk)
    with database.cursor() as cursor:
        for table in ROLLUPS:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE dimension <> ''")  # noqa: S608
            assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("change", ["add", "change", "delete", "move"])
def test_a_change_of_the_rules_has_them_summed(
    cast: Cast,
    teams: dict[str, AllocationRule],
    change: str,
    tasks_at_once: None,
    django_capture_on_commit_callbacks: Any,
) -> None:
    web, conditions = teams["web"].center, [Condition("service", "is", ("AmazonS3",))]
    changes: dict[str, Callable[[], Any]] = {
        "add": lambda: services.add_rule(cast.acme, center=web, conditions=conditions),
        "change": lambda: services.change_rule(teams["web"], center=web, conditions=conditions),
        "delete": lambda: services.delete_rule(teams["web"]),
        "move": lambda: services.move_rule(teams["web"], up=False),
    }
    with django_capture_on_commit_callbacks(execute=True):
        changes[change]()
    assert not asked(cast)[1]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_store_one_set_of_sums(cast: Cast, payer: Connection) -> None:
    deliver(payer, MARCH, bill(MARCH))
    name_rollups(cast.acme)
    rule(center(cast.acme, "web"), ("tag:team", "is", ["web"]))
    start, changed = threading.Barrier(2), []

    def work() -> None:
        try:
            start.wait(10)
            changed.append(sums.sum_up(cast.acme))
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sorted(changed) == [0, 1]
    found = expected(bill(MARCH), lambda one: team(one).replace("data", ""))
    assert asked(cast) == (found, False)
