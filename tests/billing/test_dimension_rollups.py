"""Figures by day come from the smallest table that has them, and are the same from each."""

import datetime as dt
import random
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from billing.cost_query import CostFilter, CostQuery, Granularity
from billing.facts import (
    DIMENSION_COST,
    MONTH_TAG_COST,
    MONTH_WHOLE_COST,
    ROLLUP_COST,
    WHOLE_COST,
)
from billing.importing import dimension_rollups
from billing.models import BillingMonth
from billing.reports import cost_report
from connections.models import Connection
from demo.bills import expected
from demo.bills.line_items import LineItem
from tests.billing import bills
from tests.billing.bills import PAYER, usage
from tests.cast import Cast

KEY = 'team "A" $.x/é'
DAYS = 3


def many_resources(*, keys_each: int = 1, count: int = 120) -> list[LineItem]:
    """Two regions, tags and charge types on three days, and many resources of `keys_each` uses."""
    return [
        usage(
            f"{number}.{day}7",
            account=PAYER,
            day=day,
            region="eu-west-1" if number % 2 else "",
            resource_id=f"i-{number % (count // 2)}",
            usage_type=f"Use{number % keys_each}",
            type="Usage" if number % 5 else "Tax",
            tags={f"user:{KEY}": f"t{number % 2}", "user:account_id": "7"} if number % 4 else {},
        )
        for number in range(count)
        for day in range(1, DAYS + 1)
    ]


def imported(cast: Cast, items: list[LineItem]) -> Connection:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill(items))
    look = bills.run_import(connection)
    assert look.error is None, look.error
    return connection


def by_day(cast: Cast, *filters: CostFilter, group: str) -> dict[tuple[str, ...], Decimal]:
    query = CostQuery(
        dt.date(2026, 4, 1),
        dt.date(2026, 5, 1),
        Granularity.DAILY,
        group_by=(group,),
        filters=filters,
    )
    return {(row.period, *row.group): row.amount for row in cost_report(cast.acme, query).rows}


@pytest.mark.parametrize(
    ("group", "breakdown"),
    [
        ("region", "region"),
        ("operation", "operation"),
        (f"tag:{KEY}", f"tag:{KEY}"),
        ("tag:account_id", "tag:account_id"),
    ],
)
def test_a_dimension_with_few_values_has_days_of_its_own(
    cast: Cast, aws: str, monkeypatch: pytest.MonkeyPatch, group: str, breakdown: str
) -> None:
    monkeypatch.setattr(dimension_rollups, "_LARGE", 0)
    items = many_resources(keys_each=60)
    connection = imported(cast, items)
    delivery = BillingMonth.objects.get(connection=connection).delivery
    assert group in delivery.rollup_rows[DIMENSION_COST.name]
    assert "usage_type" not in delivery.rollup_rows[DIMENSION_COST.name]

    assert by_day(cast, group=group) == expected.totals(items, "unblended", "day", breakdown)
    without_tax = by_day(cast, CostFilter("charge_type", True, ("Tax",)), group=group)
    rest = [item for item in items if item.type != "Tax"]
    assert without_tax == expected.totals(rest, "unblended", "day", breakdown)


def test_values_longer_than_an_index_takes_are_read_from_elsewhere(
    cast: Cast, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dimension_rollups, "_LARGE", 0)
    # Not compressible, as PostgreSQL's index would do before it is too long.
    long = random.Random(5).randbytes(1_400).hex()
    items = [
        replace(item, tags={"user:story": long if item.tags else "short"})
        for item in many_resources(keys_each=60)
    ]
    connection = imported(cast, items)
    delivery = BillingMonth.objects.get(connection=connection).delivery
    assert "region" in delivery.rollup_rows[DIMENSION_COST.name]
    assert "tag:story" not in delivery.rollup_rows[DIMENSION_COST.name]
    found = by_day(cast, group="tag:story")
    assert found == expected.totals(items, "unblended", "day", "tag:story")


def test_a_rollup_that_would_not_shrink_is_left_out(cast: Cast, aws: str) -> None:
    items = many_resources(keys_each=120)
    connection = imported(cast, items)
    delivery = BillingMonth.objects.get(connection=connection).delivery
    assert ROLLUP_COST.name not in delivery.rollup_rows
    found = by_day(cast, group="usage_type")
    assert found == expected.totals(items, "unblended", "day", "usage_type")


def test_a_rollup_that_shrinks_is_read(cast: Cast, aws: str) -> None:
    items = many_resources()
    connection = imported(cast, items)
    delivery = BillingMonth.objects.get(connection=connection).delivery
    assert ROLLUP_COST.name in delivery.rollup_rows
    found = by_day(cast, CostFilter("usage_type", False, ("Use0",)), group="region")
    assert found == expected.totals(items, "unblended", "day", "region")


def test_days_by_account_alone_are_always_stored(cast: Cast, aws: str) -> None:
    items = many_resources(keys_each=120)
    connection = imported(cast, items)
    delivery = BillingMonth.objects.get(connection=connection).delivery
    assert "" in delivery.rollup_rows[DIMENSION_COST.name]
    rest = [item for item in items if item.type != "Tax"]
    found = by_day(cast, CostFilter("charge_type", True, ("Tax",)), group="account")
    assert found == expected.totals(rest, "unblended", "day", "account")


def test_whole_months_by_service_come_to_the_same(cast: Cast, aws: str) -> None:
    items = many_resources()
    imported(cast, items)
    query = CostQuery(
        dt.date(2026, 4, 1),
        dt.date(2026, 5, 1),
        Granularity.MONTHLY,
        group_by=("service", "charge_type"),
        filters=(CostFilter("account", False, (PAYER,)),),
    )
    found = {row.group: row.amount for row in cost_report(cast.acme, query).rows}
    assert found == expected.totals(items, "unblended", "service", "charge_type")


def asked(
    cast: Cast, granularity: Granularity, *groups: str, filters: tuple[CostFilter, ...] = ()
) -> tuple[dict[tuple[str, ...], Decimal], str]:
    """Return {(day or nothing, group…): amount} and the SQL that was asked."""
    april = dt.date(2026, 4, 1), dt.date(2026, 5, 1)
    query = CostQuery(*april, granularity, group_by=groups, filters=filters)
    with CaptureQueriesContext(database) as queries:
        rows = cost_report(cast.acme, query).rows
    day = granularity == Granularity.DAILY
    found = {((row.period,) if day else ()) + row.group: row.amount for row in rows}
    return found, " ".join(one["sql"] for one in queries)


@pytest.mark.parametrize("group", ["region", "operation", f"tag:{KEY}"])
@pytest.mark.parametrize("granularity", [Granularity.DAILY, Granularity.MONTHLY])
def test_a_whole_bill_is_read_by_service_and_one_dimension_at_once(
    cast: Cast, aws: str, monkeypatch: pytest.MonkeyPatch, granularity: Granularity, group: str
) -> None:
    monkeypatch.setattr(dimension_rollups, "_LARGE", 0)
    is_daily = granularity == Granularity.DAILY
    table, period = ("whole_cost", ("day",)) if is_daily else ("month_whole_cost", ())
    items = many_resources(keys_each=24, count=480)
    imported(cast, items)
    found, text = asked(cast, granularity, "service", group)
    assert f'"billing_{table}"' in text
    assert found == expected.totals(items, "unblended", *period, "service", group)

    without_tax = (CostFilter("charge_type", True, ("Tax",)),)
    found, text = asked(cast, granularity, group, "service", filters=without_tax)
    assert f'"billing_{table}"' in text
    rest = [item for item in items if item.type != "Tax"]
    assert found == expected.totals(rest, "unblended", *period, group, "service")


@pytest.mark.parametrize("others", [0, 4])
def test_whole_months_by_regions_and_tags_are_read_where_nothing_else_is_told_apart(
    cast: Cast, aws: str, others: int
) -> None:
    items = many_resources(keys_each=24, count=480)
    strange = [replace(item, account_id="999900001111") for item in items[:others]]
    imported(cast, [*items, *strange])
    groups = "region", f"tag:{KEY}"
    found, text = asked(cast, Granularity.MONTHLY, *groups)
    assert '"billing_month_tag_cost"' in text
    assert found == expected.totals(items, "unblended", *groups)
    found, text = asked(cast, Granularity.DAILY, *groups)
    assert "month_tag_cost" not in text
    assert found == expected.totals(items, "unblended", "day", *groups)
    groups = "usage_type", f"tag:{KEY}"
    found, text = asked(cast, Granularity.MONTHLY, *groups)
    assert "month_tag_cost" not in text
    assert found == expected.totals(items, "unblended", *groups)


def test_months_by_tags_are_left_out_where_they_are_as_many_as_months(cast: Cast, aws: str) -> None:
    items = many_resources()
    connection = imported(cast, items)
    delivery = BillingMonth.objects.get(connection=connection).delivery
    assert MONTH_TAG_COST.name not in delivery.rollup_rows
    with database.cursor() as cursor:
        cursor.execute(f"TABLE {MONTH_TAG_COST.partition(delivery.pk)}")
        assert cursor.fetchall() == []
    groups = "region", f"tag:{KEY}"
    found, text = asked(cast, Granularity.MONTHLY, *groups)
    assert "month_tag_cost" not in text
    assert found == expected.totals(items, "unblended", *groups)


def test_accounts_that_are_not_connected_are_left_out_of_a_whole_bill(
    cast: Cast, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dimension_rollups, "_LARGE", 0)
    mine = many_resources(count=480)
    items = [*mine, *(replace(item, account_id="999900001111") for item in mine[::4])]
    connection = imported(cast, items)
    stored = BillingMonth.objects.get(connection=connection).delivery.rollup_rows
    assert "region" in stored["billing_whole_cost"]
    for granularity, period in ((Granularity.DAILY, ("day",)), (Granularity.MONTHLY, ())):
        found, text = asked(cast, granularity, "service", "region")
        assert "whole_cost" not in text
        assert found == expected.totals(mine, "unblended", *period, "service", "region")


def test_a_bill_that_was_loaded_before_there_were_such_tables_is_read_all_the_same(
    cast: Cast, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dimension_rollups, "_LARGE", 0)
    items = many_resources(count=480)
    connection = imported(cast, items)
    delivery = BillingMonth.objects.get(connection=connection).delivery
    for table in (WHOLE_COST, MONTH_WHOLE_COST):
        with database.cursor() as cursor:
            cursor.execute(f"DROP TABLE {table.partition(delivery.pk)}")
    delivery.rollup_rows = {
        table: rows for table, rows in delivery.rollup_rows.items() if table == ROLLUP_COST.name
    }
    delivery.save()
    for granularity, period in ((Granularity.DAILY, ("day",)), (Granularity.MONTHLY, ())):
        found, _ = asked(cast, granularity, "service", "region")
        assert found == expected.totals(items, "unblended", *period, "service", "region")
        found, _ = asked(cast, granularity, "operation")
        assert found == expected.totals(items, "unblended", *period, "operation")
