"""Costs by cost center: against sums in plain Python that know nothing of SQL."""

import datetime as dt
import fnmatch
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as some

from billing.allocation import sums
from billing.allocation.conditions import Condition
from billing.allocation.models import AllocationRule, CostCenter, FixedShare
from billing.allocation.weights import weights
from billing.cost_query import CostFilter, CostQueryError, Granularity, Operator
from billing.exact import added
from billing.measures import Measure
from connections.models import Account, Connection
from organizations.models import Organization
from tests.billing.cost_facts import Item, connect, deliver, name_rollups
from tests.billing.cost_items import (
    APRIL,
    DIMENSIONS,
    MARCH,
    PAYER,
    WEB,
    as_sums,
    ask,
    counts,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db

ODD_TAG = DIMENSIONS[10]
START, END = dt.date(2026, 2, 1), dt.date(2026, 6, 1)


def center(organization: Organization, code: str, split: str = "none") -> CostCenter:
    made: CostCenter = CostCenter.objects.create(
        organization=organization, code=code, name=f"The {code}", split=split
    )
    return made


def rule(target: CostCenter, *conditions: tuple[str, str, list[str]]) -> AllocationRule:
    position = AllocationRule.objects.of(target.organization).count() + 1
    made: AllocationRule = AllocationRule.objects.create(
        organization=target.organization,
        center=target,
        position=position,
        conditions=[
            {"on": on, "operator": how, "values": values} for on, how, values in conditions
        ],
    )
    return made


def value(item: Item, on: str) -> str:
    if on == "account_name":
        return {WEB: "Web Shop", PAYER: ""}[item.account]
    if on == "organizational_unit":
        return {WEB: "Sales/Online", PAYER: ""}[item.account]
    return item.value(on)


def holds(item: Item, on: str, how: str, values: list[str]) -> bool:
    found = value(item, on)
    if how == "is":
        return found in values
    # fnmatch knows [classes] too; the patterns here have none.
    return any(fnmatch.fnmatchcase(found.lower(), one.lower()) for one in values)


RULES: list[tuple[str, list[tuple[str, str, list[str]]]]] = [
    ("platform", [("charge_type", "is", ["Tax"]), ("service", "matches", ["aws*"])]),
    ("web", [("tag:team", "is", ["web"]), ("account_name", "matches", ["*SHOP"])]),
    ("odd", [(ODD_TAG, "matches", ["JA, 's?'"])]),
    (
        "sales",
        [("organizational_unit", "matches", ["sales/*"]), ("region", "is", ["", "us-east-1"])],
    ),
    ("unit", [("cost_category:Unit", "is", ["Ünit 1"]), ("account", "is", [PAYER])]),
]


def direct(item: Item) -> str:
    for code, conditions in RULES:
        if all(holds(item, *one) for one in conditions):
            return code
    return ""


@pytest.fixture(params=["derived", "held"])
def centers(
    cast: Cast, items: list[Item], request: pytest.FixtureRequest, worth_it: None
) -> dict[str, CostCenter]:
    """Rules, whose costs deliveries hold or not: the answers are the same."""
    Account.objects.create(
        organization=cast.acme,
        account_id=WEB,
        name="Web Shop",
        organizational_unit="Sales/Online",
    )
    made = {code: center(cast.acme, code) for code, _ in RULES}
    for code, conditions in RULES:
        rule(made[code], *conditions)
    if request.param == "held":
        name_rollups(cast.acme)
        assert sums.sum_up(cast.acme) == 2
    return made


def test_the_first_rule_that_holds_decides_and_the_rest_is_unallocated(
    cast: Cast, items: list[Item], centers: dict[str, CostCenter]
) -> None:
    for granularity, period in (
        ("total", lambda _: f"{START}/{END}"),
        ("daily", lambda one: f"{one.day}"),
    ):
        expected: dict[Any, Decimal] = defaultdict(Decimal)
        for item in items:
            if counts(item, START, END):
                expected[period(item), (direct(item),)] += item.cost
        report = ask(cast.acme, granularity=Granularity(granularity), group_by=("cost_center",))
        assert as_sums(report) == expected
        assert {row.group[0] for row in report.rows} == {"", *centers}
        assert report.names.of("cost_center", "web") == "The web"
        assert report.names.of("cost_center", "") == "Unallocated"


def test_a_cost_center_filters_together_with_everything_else(
    cast: Cast, items: list[Item], centers: dict[str, CostCenter]
) -> None:
    report = ask(
        cast.acme,
        granularity=Granularity.TOTAL,
        group_by=("service", "tag:team"),
        filters=(
            CostFilter("cost_center", True, ("platform", "")),
            CostFilter("account", False, (WEB,)),
        ),
    )
    expected: dict[Any, Decimal] = defaultdict(Decimal)
    for item in items:
        if (
            counts(item, START, END)
            and item.account == WEB
            and direct(item) not in ("platform", "")
        ):
            expected[f"{START}/{END}", (item.service, item.tags.get("team", ""))] += item.cost
    assert expected
    assert as_sums(report) == expected


def test_without_rules_everything_is_unallocated(cast: Cast, items: list[Item]) -> None:
    report = ask(cast.acme, granularity=Granularity.TOTAL, group_by=("cost_center",))
    assert [row.group for row in report.rows] == [("",)]
    assert report.total == ask(cast.acme, granularity=Granularity.TOTAL).total


def shared(cast: Cast, centers: dict[str, CostCenter]) -> None:
    """`platform` by fixed shares, `sales` in proportion to what the others cost themselves."""
    CostCenter.objects.filter(pk=centers["platform"].pk).update(split="fixed")
    CostCenter.objects.filter(pk=centers["sales"].pk).update(split="proportional")
    for code, percent in (("web", "33.333333"), ("odd", "66.666667")):
        FixedShare.objects.create(
            center=centers["platform"], target=centers[code], percent=Decimal(percent)
        )


def expected_parts(
    items: list[Item], measure: str = "unblended_cost"
) -> dict[dt.date, dict[str, dict[str, Fraction]]]:
    """{month: {source: {bearer: part}}} as fractions."""
    bearers = ("web", "odd", "unit")
    found = {}
    for month in (MARCH, APRIL):
        own = {
            code: sum(
                (
                    Fraction(one.measure(measure))
                    for number, one in enumerate(items)
                    if (MARCH if number < 120 else APRIL) == month
                    and one.account in (PAYER, WEB)
                    and direct(one) == code
                ),
                Fraction(0),
            )
            for code in bearers
        }
        positive = {code: amount for code, amount in own.items() if amount > 0}
        found[month] = {
            "platform": {"web": Fraction(33333333, 10**8), "odd": Fraction(66666667, 10**8)},
            "sales": {code: one / sum(positive.values()) for code, one in positive.items()},
        }
    return found


@pytest.mark.parametrize("granularity", ["total", "monthly", "daily"])
@pytest.mark.parametrize("measure", ["unblended_cost", "list_cost"])
def test_shared_costs_are_split_and_the_total_stays_the_bills_to_the_last_digit(
    cast: Cast, items: list[Item], centers: dict[str, CostCenter], granularity: str, measure: str
) -> None:
    shared(cast, centers)
    parts = expected_parts(items, measure)
    expected: dict[str, Fraction] = defaultdict(Fraction)
    for number, item in enumerate(items):
        if not counts(item, START, END):
            continue
        code = direct(item)
        month = MARCH if number < 120 else APRIL
        for bearer, part in parts[month].get(code, {code: Fraction(1)}).items():
            expected[bearer] += Fraction(item.measure(measure)) * part
    asked: dict[str, Any] = {
        "granularity": Granularity(granularity),
        "metric": Measure(measure),
    }
    report = ask(cast.acme, group_by=("service", "cost_center"), **asked)
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in report.rows:
        found[row.group[1]] = added([found[row.group[1]], row.amount])
    assert set(found) == {"", "web", "odd", "unit"}
    for code, amount in found.items():
        assert abs(Fraction(amount) - expected[code]) < Fraction(1, 10**5)
    plain = ask(cast.acme, group_by=("service",), **asked)
    assert report.total == plain.total
    by_service: dict[Any, Decimal] = defaultdict(Decimal)
    for row in report.rows:
        key = row.period, row.group[:1]
        by_service[key] = added([by_service[key], row.amount])
    assert dict(by_service) == as_sums(plain)


def test_a_filter_asks_who_bears_a_cost_and_adds_up_to_the_row_without_it(
    cast: Cast, items: list[Item], centers: dict[str, CostCenter]
) -> None:
    shared(cast, centers)
    rows = ask(cast.acme, granularity=Granularity.TOTAL, group_by=("cost_center",)).rows
    for row in rows:
        only = CostFilter("cost_center", False, row.group)
        assert ask(cast.acme, granularity=Granularity.TOTAL, filters=(only,)).total == row.amount
        assert ask(cast.acme, granularity=Granularity.DAILY, filters=(only,)).total == row.amount
    part = CostFilter.of("cost_center", Operator.CONTAINS, ("E",))
    contained = added(row.amount for row in rows if "e" in row.group[0])
    assert ask(cast.acme, granularity=Granularity.TOTAL, filters=(part,)).total == contained


def test_the_parts_of_a_month_are_the_same_whatever_days_are_asked_for(
    cast: Cast, items: list[Item], centers: dict[str, CostCenter]
) -> None:
    shared(cast, centers)

    def of(start: dt.date, end: dt.date) -> dict[str, Decimal]:
        report = ask(
            cast.acme,
            granularity=Granularity.TOTAL,
            group_by=("cost_center",),
            start=start,
            end=end,
        )
        return {row.group[0]: row.amount for row in report.rows}

    cut = dt.date(2026, 4, 9)
    first, second, both = of(START, cut), of(cut, END), of(START, END)
    assert {code: added([first[code], second[code]]) for code in both} == both


def test_a_shared_center_keeps_its_costs_where_nobody_can_bear_them(
    cast: Cast, items: list[Item]
) -> None:
    pool = center(cast.acme, "pool", "proportional")
    center(cast.acme, "idle")
    rule(pool, ("account", "is", [WEB]))
    rows = ask(cast.acme, granularity=Granularity.TOTAL, group_by=("cost_center",)).rows
    assert {row.group[0] for row in rows} == {"pool", ""}


def test_the_parts_follow_a_change_of_the_centers_and_a_new_delivery_at_once(
    cast: Cast, payer: Connection
) -> None:
    day = dt.date(2026, 4, 2)

    def bill(b: int) -> list[Item]:
        named = (("S", 100), ("A", 30), ("B", b))
        return [Item(PAYER, day, Decimal(cost), service=name) for name, cost in named]

    def found() -> dict[str, Decimal]:
        rows = ask(cast.acme, granularity=Granularity.TOTAL, group_by=("cost_center",)).rows
        return {row.group[0]: round(row.amount, 6) for row in rows}

    deliver(payer, APRIL, bill(30))
    for code in ("A", "B"):
        rule(center(cast.acme, code), ("service", "is", [code]))
    rule(center(cast.acme, "S", "proportional"), ("service", "is", ["S"]))
    assert found() == {"A": 80, "B": 80}
    deliver(payer, APRIL, bill(70))
    assert found() == {"A": 60, "B": 140}
    CostCenter.objects.filter(code="B").update(split="proportional")
    assert found() == {"A": 200}


def test_credits_beyond_costs_bear_nothing(cast: Cast, payer: Connection) -> None:
    day = dt.date(2026, 4, 2)
    deliver(
        payer,
        APRIL,
        [
            Item(PAYER, day, Decimal(90), service="Shared"),
            Item(PAYER, day, Decimal(30), service="A"),
            Item(PAYER, day, Decimal(60), service="B"),
            Item(PAYER, day, Decimal(-5), service="C"),
        ],
    )
    for code in ("A", "B", "C"):
        rule(center(cast.acme, code), ("service", "is", [code]))
    rule(center(cast.acme, "S", "proportional"), ("service", "is", ["Shared"]))
    rows = ask(cast.acme, granularity=Granularity.TOTAL, group_by=("cost_center",)).rows
    assert {row.group[0]: round(row.amount, 6) for row in rows} == {"A": 60, "B": 120, "C": -5}
    assert added(row.amount for row in rows) == 175


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        ("50%*", {"50% off"}),
        ("*_x", {"a_x"}),
        ("a?x", {"a_x", "abx"}),
        ("*\\*", {"back\\slash"}),
        ("MÜLLER ?", {"Müller ß"}),
        ("*", {"50% off", "a_x", "abx", "back\\slash", "Müller ß", "o'n\"e", ""}),
        ("", {""}),
        ("o'n\"?", {"o'n\"e"}),
    ],
)
@pytest.mark.parametrize("on", ['tag:It\'s "quoted" %s', "account_name"])
def test_a_pattern_means_only_its_stars_and_question_marks(
    cast: Cast, payer: Connection, pattern: str, matching: set[str], on: str
) -> None:
    texts = ("50% off", "a_x", "abx", "back\\slash", "Müller ß", "o'n\"e", "")
    accounts = {f"{number + 1:012d}": text for number, text in enumerate(texts)}
    for account, text in accounts.items():
        connect(cast.acme, account)
        if text:
            Account.objects.create(organization=cast.acme, account_id=account, name=text)
    day = dt.date(2026, 4, 2)
    items = [
        Item(account, day, Decimal(1), tags={on[4:]: text} if text else {}, service=text or "none")
        for account, text in accounts.items()
    ]
    deliver(payer, APRIL, items)
    rule(center(cast.acme, "found"), (on, "matches", [pattern]))
    rows = ask(
        cast.acme,
        granularity=Granularity.TOTAL,
        group_by=("service",),
        filters=(CostFilter("cost_center", False, ("found",)),),
    ).rows
    assert {row.group[0].replace("none", "") for row in rows} == matching


@pytest.mark.parametrize("pattern", ["*a" * 140 + "*b", "*?" * 140 + "b", "*" * 299 + "b"])
def test_a_pattern_that_almost_matches_in_many_ways_takes_no_longer(pattern: str) -> None:
    """Where each star could take any part of the name, trying them all would not end."""
    assert not Condition("account_name", "matches", (pattern,)).holds_for("a" * 200)
    assert Condition("account_name", "matches", (pattern,)).holds_for("a" * 199 + "B")


def test_a_cost_center_that_is_not_there_is_refused_and_so_is_anothers(
    cast: Cast, items: list[Item], centers: dict[str, CostCenter]
) -> None:
    center(cast.bolt, "bolts")
    for code in ("bolts", "nothing", "WEB"):
        with pytest.raises(CostQueryError, match="no cost center"):
            ask(cast.acme, filters=(CostFilter("cost_center", False, (code,)),))


def test_rules_of_another_organization_do_nothing_here(cast: Cast, items: list[Item]) -> None:
    rule(center(cast.bolt, "bolts"), ("service", "matches", ["*"]))
    rows = ask(cast.acme, granularity=Granularity.TOTAL, group_by=("cost_center",)).rows
    assert [row.group for row in rows] == [("",)]


def test_the_number_of_queries_does_not_grow_with_the_rules(
    cast: Cast, items: list[Item], centers: dict[str, CostCenter]
) -> None:
    shared(cast, centers)
    found = []
    for more in (0, 20):
        for number in range(more):
            rule(center(cast.acme, f"more-{number}"), ("service", "is", [f"{number}"]))
        with CaptureQueriesContext(database) as queries:
            ask(cast.acme, granularity=Granularity.TOTAL, group_by=("cost_center",))
        found.append(len(queries))
    assert found[0] == found[1] <= 13


@settings(deadline=None)
@given(
    some.dictionaries(
        some.text(max_size=3),
        some.decimals(
            min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=18
        ),
        max_size=12,
    )
)
def test_weights_make_exactly_one_and_are_never_far_off(amounts: dict[str, Decimal]) -> None:
    found = weights(amounts)
    positive = {name: Fraction(amount) for name, amount in amounts.items() if amount > 0}
    assert sum(found.values()) == (1 if positive else 0)
    for name, weight in found.items():
        assert abs(Fraction(weight) - positive[name] / sum(positive.values())) < Fraction(1, 10**9)
    assert list(found) == [name for name in amounts if name in found]
