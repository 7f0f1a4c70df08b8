"""What costs come to, against sums in plain Python."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from pytest_django import DjangoAssertNumQueries

from billing.cost_query import CostFilter, CostQuery, CostQueryError, Granularity, Operator
from billing.measures import Measure
from billing.models import ServiceName
from billing.overview import overview
from billing.reports import cost_report
from billing.unconnected import unconnected_accounts
from connections.models import Account, Connection, ConnectionKind
from connections.resource_costs import (
    ResourceKey,
    exact_sum,
    resource_cost_lines,
    resource_costs,
)
from tests.billing.cost_facts import Item, connect, deliver, sums
from tests.billing.cost_items import (
    APRIL,
    ARN,
    DATA,
    DIMENSIONS,
    MARCH,
    MAY,
    PAYER,
    STRANGER,
    WEB,
    as_sums,
    ask,
    counts,
    some_items,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db

RANGES = {
    "everything": (dt.date(2026, 2, 1), dt.date(2026, 6, 1)),
    "a month": (APRIL, MAY),
    "some days": (dt.date(2026, 3, 20), dt.date(2026, 4, 11)),
}


def monday(item: Item) -> str:
    """Of the ISO week, by its number: not by counting days back."""
    year, week, _ = item.day.isocalendar()
    return dt.date.fromisocalendar(year, week, 1).isoformat()


@pytest.mark.parametrize("dates", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize(
    "by",
    [(), *((one,) for one in DIMENSIONS), ("account", "service"), DIMENSIONS[3:9], DIMENSIONS[6:]],
)
def test_every_group_by_equals_a_plain_sum(
    cast: Cast, items: list[Item], by: tuple[str, ...], dates: tuple[dt.date, dt.date]
) -> None:
    start, end = dates
    mine = [item for item in items if counts(item, start, end)]
    for metric in Measure:
        asked: dict[str, Any] = {"start": start, "end": end, "group_by": by, "metric": metric}
        total = sums(mine, metric)["", ()]
        daily = ask(cast.acme, granularity=Granularity.DAILY, **asked)
        assert as_sums(daily) == sums(mine, metric, by, lambda item: item.day.isoformat())
        weekly = ask(cast.acme, granularity=Granularity.WEEKLY, **asked)
        assert as_sums(weekly) == sums(mine, metric, by, monday)
        whole = ask(cast.acme, granularity=Granularity.TOTAL, **asked)
        assert as_sums(whole) == sums(mine, metric, by, lambda item: f"{start}/{end}")
        assert daily.total == weekly.total == whole.total == total


def test_a_month_is_the_billing_period_also_for_days_outside_it(
    cast: Cast, payer: Connection
) -> None:
    march, april = some_items(MARCH, seed=3), some_items(APRIL, seed=4)
    deliver(payer, MARCH, march)
    deliver(payer, APRIL, april)
    assert any(item.day < APRIL for item in april)
    wanted = sums(march, "unblended_cost", ("service",), lambda item: "2026-03") | sums(
        april, "unblended_cost", ("service",), lambda item: "2026-04"
    )
    found = ask(cast.acme, granularity=Granularity.MONTHLY, group_by=("service",))
    assert as_sums(found) == wanted


FILTERS: list[tuple[str, Callable[[Item], bool]]] = [
    *(
        (f"{name}={value}", lambda item, name=name, value=value: item.value(name) == value)
        for name, value in (
            ("account", WEB),
            ("service", "AmazonEC2"),
            ("region", ""),
            ("charge_type", "Tax"),
            ("usage_type", "%25s"),
            ("operation", ""),
            ("pricing_term", "Reserved"),
            ("billing_entity", "AWS Marketplace"),
            ("tag:team", "web"),
            ("tag:team", ""),
            ("cost_category:Unit", "Ünit 1"),
            ("resource", "vol-2"),
            ("resource", ""),
            ("resource", ARN),
        )
        if "%" not in value
    ),
    ("usage_type=%25s", lambda item: item.usage_type == "%s"),
    ("service!=AmazonEC2", lambda item: item.service != "AmazonEC2"),
    ("tag:team!=web", lambda item: item.value("tag:team") != "web"),
    ("resource!=vol-2", lambda item: item.resource != "vol-2"),
    ("resource!=", lambda item: item.resource != ""),
    ("resource=i-1", lambda item: item.resource in ("i-1", ARN)),
    ("resource=&resource=bucket", lambda item: item.resource in ("", "arn:aws:s3:::bucket")),
    ("service~=ec2", lambda item: item.service == "AmazonEC2"),
    ("service!~=ec2", lambda item: item.service != "AmazonEC2"),
    ("service~=ec2&service~=SUPP", lambda item: item.service != "AmazonS3"),
    ("service!~=ec2&service!~=SUPP", lambda item: item.service == "AmazonS3"),
    ("service~=amazon&service!=AmazonS3", lambda item: item.service == "AmazonEC2"),
    ("account~=1111", lambda item: item.account == PAYER),
    ("billing_entity~=MARKET", lambda item: item.billing_entity == "AWS Marketplace"),
    ("usage_type~=%25", lambda item: item.usage_type == "%s"),
    ("usage_type!~=%25", lambda item: item.usage_type != "%s"),
    ("tag:team~=w", lambda item: "team" in item.tags),
    ("tag:team!~=W", lambda item: "team" not in item.tags),
    ("cost_category:Unit~=üNIT", lambda item: "Unit" in item.cost_categories),
    ("resource~=BUCKET", lambda item: item.resource == "arn:aws:s3:::bucket"),
    ("resource!~=i-1", lambda item: "i-1" not in item.resource),
    ("service=AmazonEC2&service=AmazonS3", lambda item: item.service != "AWSSupport"),
    ("service!=AmazonEC2&service!=AmazonS3", lambda item: item.service == "AWSSupport"),
    (
        "service=AmazonS3&region!=&tag:team=web&account=" + WEB,
        lambda item: (
            item.service == "AmazonS3"
            and item.region != ""
            and item.tags.get("team") == "web"
            and item.account == WEB
        ),
    ),
]


@pytest.mark.parametrize("dates", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize(("text", "keeps"), FILTERS, ids=[text for text, _ in FILTERS])
def test_every_filter_equals_a_plain_sum(
    cast: Cast,
    items: list[Item],
    text: str,
    keeps: Callable[[Item], bool],
    dates: tuple[dt.date, dt.date],
) -> None:
    start, end = dates
    mine = [item for item in items if counts(item, start, end) and keeps(item)]
    assert 0 < len(mine) < len(items)
    for granularity in ("total", "weekly", "daily"):
        params = QueryDict(
            f"from={start}&to={end}&granularity={granularity}&group_by=region&{text}"
        )
        found = cost_report(cast.acme, CostQuery.from_params(params, today=APRIL))
        periods: dict[str, Callable[[Item], str]] = {
            "total": lambda item: f"{start}/{end}",
            "weekly": monday,
            "daily": lambda item: item.day.isoformat(),
        }
        wanted = sums(mine, "unblended_cost", ("region",), periods[granularity])
        assert as_sums(found) == wanted


@pytest.mark.parametrize("value", ["_", "\\", "%%", "a_b", "^", ".*"])
def test_a_part_is_text_and_no_pattern(cast: Cast, payer: Connection, value: str) -> None:
    holding = Item(WEB, APRIL, Decimal(3), usage_type=f"x{value}y", resource=f"x{value}y")
    deliver(payer, APRIL, [holding, Item(WEB, APRIL, Decimal(5), usage_type="plain", resource="r")])
    for name in ("usage_type", "resource"):
        one = CostFilter.of(name, Operator.CONTAINS, [value])
        assert ask(cast.acme, filters=(one,)).total == Decimal(3)
        none = CostFilter.of(name, Operator.CONTAINS_NOT, [value])
        assert ask(cast.acme, filters=(none,)).total == Decimal(5)


UNITS = {PAYER: "", WEB: 'Werk "1" / 50 %s', STRANGER: "Elsewhere"}
UNIT_FILTERS: list[tuple[CostFilter, Callable[[str], bool]]] = [
    (CostFilter.of("organizational_unit", operator, [value]), keeps)
    for operator, value, keeps in (
        (Operator.IS, UNITS[WEB], lambda unit: unit == UNITS[WEB]),
        (Operator.IS, "", lambda unit: unit == ""),
        (Operator.IS_NOT, "", lambda unit: unit != ""),
        (Operator.CONTAINS, "WERK", lambda unit: "Werk" in unit),
        (Operator.CONTAINS_NOT, "%s", lambda unit: "%s" not in unit),
    )
]


@pytest.mark.parametrize("dates", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize("by", [(), ("service",), ("region",), ("resource",), ("tag:team",)])
def test_organizational_units_are_those_of_the_accounts(
    cast: Cast, items: list[Item], by: tuple[str, ...], dates: tuple[dt.date, dt.date]
) -> None:
    for account, unit in UNITS.items():
        Account.objects.create(organization=cast.acme, account_id=account, organizational_unit=unit)
        Account.objects.create(
            organization=cast.bolt, account_id=account, organizational_unit="Bolt's"
        )
    start, end = dates
    asked: dict[str, Any] = {"start": start, "end": end, "granularity": Granularity.TOTAL}
    mine = [item for item in items if counts(item, start, end)]
    wanted: dict[tuple[str, tuple[str, ...]], Decimal] = {}
    for unit in ("", UNITS[WEB]):
        kept = [item for item in mine if UNITS[item.account] == unit]
        found = sums(kept, "unblended_cost", by, lambda item: f"{start}/{end}")
        wanted |= {(period, (unit, *group)): amount for (period, group), amount in found.items()}
    grouped = ask(cast.acme, group_by=("organizational_unit", *by), **asked)
    assert as_sums(grouped) == wanted
    for one, keeps in UNIT_FILTERS:
        kept = [item for item in mine if keeps(UNITS[item.account])]
        filtered = ask(cast.acme, group_by=by, filters=(one,), **asked)
        assert as_sums(filtered) == sums(kept, "unblended_cost", by, lambda item: f"{start}/{end}")


def test_rows_come_by_period_and_then_the_highest_amount(cast: Cast, items: list[Item]) -> None:
    rows = ask(cast.acme, group_by=("service", "region")).rows
    assert rows == sorted(rows, key=lambda row: (row.period, -row.amount, row.group))


def test_the_limit_cuts_rows_and_not_the_total(cast: Cast, items: list[Item]) -> None:
    whole = ask(cast.acme, group_by=("service",))
    cut = ask(cast.acme, group_by=("service",), limit=3)
    assert cut.rows == whole.rows[:3]
    assert (cut.total, cut.row_count) == (whole.total, len(whole.rows))


@pytest.mark.parametrize("account", [STRANGER, "000000000000", "x"])
def test_an_account_that_is_not_connected_is_refused_in_words(
    cast: Cast, items: list[Item], account: str
) -> None:
    for negated in (False, True):
        one = CostFilter("account", negated, (account,))
        with pytest.raises(CostQueryError) as caught:
            ask(cast.acme, filters=(one,))
        assert account in caught.value.errors[one.parameter][0]


def test_names_stand_beside_ids(cast: Cast, items: list[Item]) -> None:
    ServiceName.objects.create(organization=cast.acme, code="AmazonEC2", name="Elastic Compute")
    Account.objects.create(organization=cast.acme, account_id=WEB, name="web")
    names = ask(cast.acme, group_by=("service", "account")).names
    assert (names.of("service", "AmazonEC2"), names.of("account", WEB)) == (
        "Elastic Compute",
        "web",
    )
    assert names.of("service", "AmazonS3") == names.of("region", "AmazonEC2") == ""


def test_resources_are_joined_by_their_normalised_id(cast: Cast, items: list[Item]) -> None:
    start, end = dt.date(2026, 3, 20), dt.date(2026, 4, 11)
    mine = [item for item in items if counts(item, start, end) and item.account == WEB]
    wanted = sums([item for item in mine if item.resource in ("i-1", ARN)], "amortized_cost")[
        "", ()
    ]
    key = ResourceKey(WEB, "i-1")
    for keys in (None, [key, ResourceKey(STRANGER, "i-1"), ResourceKey(WEB, "i-none")]):
        found = resource_costs(cast.acme, start=start, end=end, keys=keys)
        assert found[key].amount == wanted
        assert found[key].currency == "USD"
        assert ResourceKey(WEB, "bucket") in found or keys is not None
        assert STRANGER not in {one.account_id for one in found}
    assert resource_costs(cast.acme, start=start, end=end, keys=[]) == {}


def test_the_costs_of_a_resource_are_told_by_day(cast: Cast, items: list[Item]) -> None:
    start, end = dt.date(2026, 3, 20), dt.date(2026, 4, 11)
    mine = [
        item
        for item in items
        if counts(item, start, end) and item.account == WEB and item.resource in ("i-1", ARN)
    ]
    wanted = sums(mine, "amortized_cost")["", ()]
    keys = [ResourceKey(WEB, "i-1"), ResourceKey(STRANGER, "i-1")]
    lines = resource_cost_lines(cast.acme, start=start, end=end, keys=keys)
    assert exact_sum(line.amount for line in lines) == wanted
    assert {line.key for line in lines} == {ResourceKey(WEB, "i-1")}
    assert all(start <= line.day < end for line in lines)
    assert len({line.day for line in lines}) > 1
    assert resource_cost_lines(cast.acme, start=start, end=end, keys=[]) == []


def test_the_overview_compares_the_same_days(cast: Cast, items: list[Item]) -> None:
    today = dt.date(2026, 4, 12)
    found = overview(cast.acme, today)
    mine = [item for item in items if item.account != STRANGER]

    def between(start: dt.date, end: dt.date, **having: str) -> Decimal:
        kept = [
            item
            for item in mine
            if start <= item.day < end
            and all(item.value(name) == value for name, value in having.items())
        ]
        return sums(kept, "unblended_cost").get(("", ()), Decimal(0))

    ranges = ((APRIL, dt.date(2026, 4, 13)), (MARCH, dt.date(2026, 3, 13)), (MARCH, APRIL))
    compared = [
        (found.total, {}),
        *((one, {"service": one.value}) for one in found.services),
        *((one, {"account": one.value}) for one in found.accounts),
        *((one, {"charge_type": one.value}) for one in found.charge_types),
    ]
    for one, having in compared:
        amounts = (one.month_to_date, one.same_days_last_month, one.last_month)
        assert amounts == tuple(between(*days, **having) for days in ranges)
    assert {one.value for one in found.services} == {"AmazonEC2", "AmazonS3", "AWSSupport"}
    assert {one.value for one in found.accounts} == {PAYER, WEB}
    assert {one.value for one in found.charge_types} == {"Usage", "Tax", "Credit"}
    for mover in found.movers:
        having = {
            "service": mover.service,
            "account": mover.account_id,
            "charge_type": "Usage",
        }
        assert mover.month_to_date == between(*ranges[0], **having)
        assert mover.same_days_last_month == between(*ranges[1], **having)
    sizes = [abs(mover.difference) for mover in found.movers]
    assert len(sizes) == 6
    assert sizes == sorted(sizes, reverse=True)
    for day in found.daily:
        assert day.amount == between(day.day, day.day + dt.timedelta(days=1))
    assert [one.account_id for one in found.left_out] == [STRANGER]
    assert found.through == today


def test_the_overview_compares_only_days_that_were_delivered(cast: Cast, payer: Connection) -> None:
    both = [
        Item(WEB, month + dt.timedelta(days=day), Decimal(1))
        for month in (MARCH, APRIL)
        for day in range(10)
    ]
    deliver(payer, MARCH, [item for item in both if item.day < APRIL])
    deliver(payer, APRIL, [item for item in both if item.day >= APRIL])
    found = overview(cast.acme, dt.date(2026, 4, 25))
    assert found.through == dt.date(2026, 4, 10)
    assert found.total.month_to_date == found.total.same_days_last_month == Decimal(10)
    early = overview(cast.acme, dt.date(2026, 5, 2))
    assert not early.has_data_this_month
    assert early.total.month_to_date == early.total.same_days_last_month == 0
    assert early.total.last_month == Decimal(10)


def test_the_overview_of_an_organization_without_connections_is_empty(cast: Cast) -> None:
    found = overview(cast.bolt, dt.date(2026, 4, 12))
    assert (found.currency, found.services, found.daily, found.freshness) == (None, [], [], [])
    assert not found.has_data_this_month


def test_freshness_is_told_for_each_payer(cast: Cast, items: list[Item]) -> None:
    (one,) = overview(cast.acme, dt.date(2026, 4, 12)).freshness
    assert one.account_id == PAYER
    assert one.data_through == max(item.day for item in items)
    assert one.final_through == MARCH


def test_the_number_of_queries_does_not_grow_with_the_data(
    cast: Cast, items: list[Item], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for account in (DATA, "444455556666", "555566667777"):
        with django_assert_num_queries(6):
            ask(cast.acme, group_by=("account", "service"))
        with django_assert_num_queries(21):
            overview(cast.acme, dt.date(2026, 4, 12))
        with django_assert_num_queries(4):
            unconnected_accounts(cast.acme)
        with django_assert_num_queries(4):
            resource_costs(cast.acme, start=dt.date(2026, 2, 1), end=dt.date(2026, 6, 1))
        other = connect(cast.acme, account, ConnectionKind.ROOT)
        items = [Item(account, dt.date(2026, 4, 9), Decimal(1), payer=account)]
        deliver(other, APRIL, items)


def test_too_many_rows_are_refused_with_the_way_out(
    cast: Cast, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.reports.MAX_ROWS", 3)
    with pytest.raises(CostQueryError) as caught:
        ask(cast.acme, group_by=("service", "region"))
    assert "limit" in caught.value.errors
    assert len(ask(cast.acme, group_by=("service", "region"), limit=5).rows) == 5
