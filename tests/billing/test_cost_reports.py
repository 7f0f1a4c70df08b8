"""What costs come to, against sums in plain Python."""

import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from billing.cost_query import CostFilter, CostQuery, CostQueryError, Granularity
from billing.measures import Measure
from billing.models import ServiceName
from billing.overview import overview
from billing.reports import CostReport, cost_report
from billing.unconnected import unconnected_accounts
from connections.models import Account, Connection, ConnectionKind
from connections.resource_costs import (
    ResourceKey,
    exact_sum,
    resource_cost_lines,
    resource_costs,
)
from organizations.models import Organization
from tests.billing.cost_facts import Item, connect, deliver, sums
from tests.cast import Cast

pytestmark = pytest.mark.django_db

PAYER, WEB, DATA, STRANGER = "111122223333", "222233334444", "333344445555", "999900001111"
MARCH, APRIL, MAY = dt.date(2026, 3, 1), dt.date(2026, 4, 1), dt.date(2026, 5, 1)
DIMENSIONS = (
    "account",
    "service",
    "region",
    "charge_type",
    "usage_type",
    "operation",
    "resource",
    "pricing_term",
    "billing_entity",
    "tag:team",
    "tag:Größe \"x'; --%s",
    "cost_category:Unit",
)
ARN = "arn:aws:ec2:eu-west-1:222233334444:instance/i-1"


def some_items(month: dt.date, seed: int, accounts: tuple[str, ...] = (PAYER, WEB)) -> list[Item]:
    """Costs all over a month, with a day before it and one after it."""
    chance = random.Random(seed)
    pick = chance.choice
    return [
        Item(
            account=pick(accounts),
            day=month + dt.timedelta(days=chance.randrange(-1, 32)),
            cost=Decimal(chance.randrange(-(10**15), 10**18)).scaleb(-17),
            service=pick(("AmazonEC2", "AmazonS3", "AWSSupport")),
            region=pick(("eu-west-1", "us-east-1", "")),
            charge_type=pick(("Usage", "Tax", "Credit")),
            usage_type=pick(("BoxUsage", "Requests", "%s")),
            operation=pick(("RunInstances", "")),
            pricing_term=pick(("OnDemand", "Reserved")),
            billing_entity=pick(("AWS", "AWS Marketplace")),
            resource=pick(("", "i-1", ARN, "arn:aws:s3:::bucket", "vol-2")),
            tags=pick(({}, {"team": "web"}, {"team": "Web", DIMENSIONS[10][4:]: "ja, 'so'"})),
            cost_categories=pick(({}, {"Unit": "Ünit 1"})),
        )
        for _ in range(120)
    ]


@pytest.fixture
def payer(cast: Cast) -> Connection:
    connect(cast.acme, WEB)
    return connect(cast.acme, PAYER, ConnectionKind.ROOT)


@pytest.fixture
def items(payer: Connection) -> list[Item]:
    """April and March of Acme; an account that nobody connected stands in the bill too."""
    march = some_items(MARCH, seed=1, accounts=(PAYER, WEB, STRANGER))
    april = some_items(APRIL, seed=2, accounts=(PAYER, WEB, STRANGER))
    deliver(payer, MARCH, march, is_final=True)
    deliver(payer, APRIL, april)
    return march + april


def counts(item: Item, start: dt.date, end: dt.date) -> bool:
    return item.account != STRANGER and start <= item.day < end


def ask(organization: Organization, **given: Any) -> CostReport:
    given.setdefault("start", dt.date(2026, 2, 1))
    given.setdefault("end", dt.date(2026, 6, 1))
    return cost_report(organization, CostQuery(**given))


def as_sums(report: CostReport) -> dict[tuple[str, tuple[str, ...]], Decimal]:
    found = {(row.period, row.group): row.amount for row in report.rows}
    assert len(found) == len(report.rows) == report.row_count
    return found


RANGES = {
    "everything": (dt.date(2026, 2, 1), dt.date(2026, 6, 1)),
    "a month": (APRIL, MAY),
    "some days": (dt.date(2026, 3, 20), dt.date(2026, 4, 11)),
}


@pytest.mark.parametrize("dates", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize(
    "by", [(), *((one,) for one in DIMENSIONS), ("account", "service"), DIMENSIONS[3:9]]
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
        whole = ask(cast.acme, granularity=Granularity.TOTAL, **asked)
        assert as_sums(whole) == sums(mine, metric, by, lambda item: f"{start}/{end}")
        assert daily.total == whole.total == total


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
    for granularity in ("total", "daily"):
        params = QueryDict(
            f"from={start}&to={end}&granularity={granularity}&group_by=region&{text}"
        )
        found = cost_report(cast.acme, CostQuery.from_params(params, today=APRIL))
        period: Callable[[Item], str] = (
            (lambda item: f"{start}/{end}")
            if granularity == "total"
            else (lambda item: item.day.isoformat())
        )
        assert as_sums(found) == sums(mine, "unblended_cost", ("region",), period)


def test_a_delivery_whose_days_are_unknown_counts_the_same(cast: Cast, payer: Connection) -> None:
    items = some_items(APRIL, seed=5)
    deliver(payer, APRIL, items, days_known=False)
    start, end = dt.date(2026, 4, 3), dt.date(2026, 4, 9)
    mine = [item for item in items if counts(item, start, end)]
    found = ask(cast.acme, start=start, end=end, granularity=Granularity.TOTAL)
    assert found.total == sums(mine, "unblended_cost")["", ()]


def test_rows_come_by_period_and_then_the_highest_amount(cast: Cast, items: list[Item]) -> None:
    rows = ask(cast.acme, group_by=("service", "region")).rows
    assert rows == sorted(rows, key=lambda row: (row.period, -row.amount, row.group))


def test_the_limit_cuts_rows_and_not_the_total(cast: Cast, items: list[Item]) -> None:
    whole = ask(cast.acme, group_by=("service",))
    cut = ask(cast.acme, group_by=("service",), limit=3)
    assert cut.rows == whole.rows[:3]
    assert (cut.total, cut.row_count) == (whole.total, len(whole.rows))


def test_two_organizations_never_mix(cast: Cast, items: list[Item]) -> None:
    bolt = connect(cast.bolt, PAYER, ConnectionKind.ROOT)
    connect(cast.bolt, WEB)
    theirs = some_items(APRIL, seed=9)
    deliver(bolt, APRIL, theirs)
    ServiceName.objects.create(organization=cast.bolt, code="AmazonEC2", name="Bolt's")
    Account.objects.create(organization=cast.bolt, account_id=WEB, name="Bolt's web")
    for organization, mine in (
        (cast.acme, [item for item in items if item.account != STRANGER]),
        (cast.bolt, theirs),
    ):
        found = ask(organization, granularity="total", group_by=("account", "service"))
        assert found.total == sums(mine, "unblended_cost")["", ()]
    report = ask(cast.acme, group_by=("account", "service"))
    assert report.names.of("account", WEB) == report.names.of("service", "AmazonEC2") == ""
    assert [one.account_id for one in unconnected_accounts(cast.bolt)] == []
    assert {key.account_id for key in _resources(cast.bolt)} == {PAYER, WEB}
    lone = Organization.objects.create(slug="lone", name="Lone")
    assert ask(lone).rows == []
    assert _resources(lone) == {}


def _resources(organization: Organization) -> Any:
    return resource_costs(organization, start=dt.date(2026, 2, 1), end=dt.date(2026, 6, 1))


def test_connecting_a_member_brings_its_past_at_once(cast: Cast, payer: Connection) -> None:
    april = some_items(APRIL, seed=6, accounts=(PAYER, WEB, DATA))
    deliver(payer, APRIL, april)
    without = [item for item in april if item.account != DATA]
    assert ask(cast.acme).total == sums(without, "unblended_cost")["", ()]
    data = connect(cast.acme, DATA)
    assert ask(cast.acme).total == sums(april, "unblended_cost")["", ()]
    data.disconnected_at = timezone.now()
    data.save()
    assert ask(cast.acme).total == sums(without, "unblended_cost")["", ()]


def test_an_account_in_two_deliveries_counts_once_from_its_payers_bill(
    cast: Cast, payer: Connection
) -> None:
    own = [Item(WEB, dt.date(2026, 4, 2), Decimal("5"), resource="i-1")]
    in_payers = [*own, Item(PAYER, dt.date(2026, 4, 2), Decimal("7"))]
    deliver(Connection.objects.get(account_id=WEB), APRIL, own)
    deliver(payer, APRIL, in_payers)
    for by in ((), ("account",), ("region",), ("resource",)):
        for granularity in Granularity:
            found = ask(cast.acme, group_by=by, granularity=granularity)
            assert found.total == Decimal("12"), (by, granularity)
    # Days that only the loser has are no reason to count it.
    later = Item(WEB, dt.date(2026, 4, 20), Decimal("100"))
    deliver(Connection.objects.get(account_id=WEB), APRIL, [*own, later])
    assert ask(cast.acme).total == Decimal("12")
    assert ask(cast.acme, start=dt.date(2026, 4, 15)).total == 0


def test_an_account_that_moved_to_another_payer_counts_from_both_bills(
    cast: Cast, payer: Connection
) -> None:
    other = connect(cast.acme, DATA, ConnectionKind.ROOT)
    deliver(payer, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("5"))])
    deliver(other, APRIL, [Item(WEB, dt.date(2026, 4, 20), Decimal("3"), payer=DATA)])
    assert ask(cast.acme).total == Decimal("8")


def test_a_payer_connected_again_counts_once(cast: Cast, payer: Connection) -> None:
    deliver(payer, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("5"))])
    payer.disconnected_at = timezone.now()
    payer.save()
    assert ask(cast.acme).total == Decimal("5")
    again = connect(cast.acme, PAYER, ConnectionKind.ROOT)
    deliver(again, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("6"))])
    assert ask(cast.acme).total == Decimal("6")


def test_a_new_delivery_takes_the_place_of_the_old_one(cast: Cast, payer: Connection) -> None:
    deliver(payer, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("5"))])
    deliver(payer, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("4.5"))])
    assert ask(cast.acme).total == Decimal("4.5")


def test_two_currencies_are_never_added(cast: Cast, payer: Connection) -> None:
    day = dt.date(2026, 4, 2)
    deliver(
        payer,
        APRIL,
        [Item(WEB, day, Decimal("5")), Item(PAYER, day, Decimal("9"), currency="CNY")],
    )
    with pytest.raises(CostQueryError) as caught:
        ask(cast.acme)
    assert "CNY and USD" in caught.value.errors["currency"][0]
    assert ask(cast.acme, currency="CNY").total == Decimal("9")
    assert ask(cast.acme, currency="USD").total == Decimal("5")
    assert ask(cast.acme, currency="EUR").total == 0
    found = overview(cast.acme, dt.date(2026, 4, 10))
    assert (found.currency, found.currencies) == ("USD", ("CNY", "USD"))
    assert found.total.month_to_date == Decimal("5")


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


def test_a_range_says_how_far_it_reaches_and_whether_it_is_final(
    cast: Cast, payer: Connection
) -> None:
    nothing = ask(cast.acme)
    assert (nothing.data_through, nothing.is_final, nothing.currency) == (None, False, None)
    march, april = dt.date(2026, 3, 31), dt.date(2026, 4, 16)
    deliver(payer, MARCH, [Item(WEB, march, Decimal(1))], is_final=True)
    deliver(payer, APRIL, [Item(WEB, april, Decimal(1))])
    for start, end, through, final in (
        (MARCH, APRIL, march, True),
        (dt.date(2025, 12, 1), APRIL, march, True),
        (MARCH, MAY, april, False),
        (APRIL, MAY, april, False),
    ):
        found = ask(cast.acme, start=start, end=end)
        assert (found.data_through, found.is_final) == (through, final)
    assert ask(cast.acme, start=MAY, end=dt.date(2026, 6, 1)).is_final is False
    other = connect(cast.acme, DATA, ConnectionKind.ROOT)
    deliver(other, APRIL, [Item(DATA, dt.date(2026, 4, 9), Decimal(1), payer=DATA)])
    assert ask(cast.acme, start=APRIL, end=MAY).data_through == dt.date(2026, 4, 9)


def test_accounts_left_out_are_named_with_their_last_month(cast: Cast, payer: Connection) -> None:
    day = dt.timedelta(days=3)
    deliver(
        payer,
        MARCH,
        [
            Item(STRANGER, MARCH + day, Decimal("90")),
            Item(DATA, MARCH + day, Decimal("1.5")),
            Item(WEB, MARCH + day, Decimal("1")),
        ],
    )
    deliver(
        payer,
        APRIL,
        [
            Item(STRANGER, APRIL + day, Decimal("0.10")),
            Item(STRANGER, APRIL + day, Decimal("0.25"), currency="CNY"),
        ],
    )
    Account.objects.create(organization=cast.acme, account_id=STRANGER, name="sandbox")
    found = unconnected_accounts(cast.acme)
    assert [
        (one.account_id, one.name, one.last_month, one.amount, one.currency) for one in found
    ] == [
        (STRANGER, "sandbox", APRIL, Decimal("0.25"), "CNY"),
        (STRANGER, "sandbox", APRIL, Decimal("0.10"), "USD"),
        (DATA, "", MARCH, Decimal("1.5"), "USD"),
    ]


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
            _resources(cast.acme)
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
