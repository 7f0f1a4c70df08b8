"""Deliveries over time: unchanged, replaced, stale, missing, and what is kept of old ones."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection as database
from django.db.models import F
from django.utils import timezone

from billing import services
from billing.facts import FACT_TABLES
from billing.importing import cleanup
from billing.models import BillingMonth, Delivery, DeliveryState, ImportRun
from connections.models import ConnectionStatus, Export
from organizations.runs import ErrorClass, RunState, Trigger
from tests.billing import bills
from tests.billing.bills import DATA, WEB, usage
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


def partitions() -> set[int]:
    return cleanup.partitions_of(FACT_TABLES)


def test_an_unchanged_manifest_costs_one_cheap_look(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill([usage("1.5")]))
    bills.run_import(connection)
    bills.forget_requests(aws)

    again = bills.run_import(connection)

    assert again.state == RunState.UNCHANGED
    assert bills.asked_of_aws(aws) == {"s3:ListObjectsV2": 1}
    assert not again.months.exists()


def test_force_imports_an_unchanged_month_again(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill([usage("1.5")]))
    bills.run_import(connection)

    again = bills.run_import(connection, force=True)

    assert again.state == RunState.SUCCEEDED
    assert bills.facts(connection, "unblended_cost") == {(): D("1.5")}


def test_only_the_months_asked_for_are_imported(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    for month in (3, 4, 5):
        bills.put_bill(bills.bill([usage("1")], dt.date(2026, month, 1)))

    bills.run_import(connection, first_period=dt.date(2026, 4, 1), last_period=dt.date(2026, 4, 1))

    months = BillingMonth.objects.filter(connection=connection)
    assert [one.billing_period.month for one in months] == [4]


def test_a_replaced_delivery_takes_the_months_place_and_vanished_rows_vanish(
    cast: Cast, aws: str
) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill([usage("1"), usage("2", account=DATA), usage("3")]), chunks=3)
    bills.run_import(connection)

    # The smaller delivery leaves two files of the first one in the folder.
    bills.put_bill(bills.bill([usage("10")]))
    look = bills.run_import(connection)

    assert look.portal_total == D(10)
    assert bills.facts(connection, "unblended_cost", "account") == {(WEB,): D(10)}


def test_the_delivery_before_is_kept_for_comparison_and_older_ones_are_dropped(
    cast: Cast, aws: str
) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    for cost in ("1", "2", "3"):
        bills.put_bill(bills.bill([usage(cost)]))
        bills.run_import(connection)

    first, second, third = Delivery.objects.order_by("pk")
    # Somebody may have found the first one current a moment ago.
    assert first.state == DeliveryState.LOADED
    Delivery.objects.update(loaded_at=F("loaded_at") - dt.timedelta(hours=1))
    services.clean_up()
    first.refresh_from_db()
    assert [one.state for one in (first, second, third)] == [
        DeliveryState.DROPPED,
        DeliveryState.LOADED,
        DeliveryState.LOADED,
    ]
    assert first.pk not in partitions()
    assert {second.pk, third.pk} <= partitions()
    assert BillingMonth.objects.get(connection=connection).delivery == third


def test_an_export_without_a_first_delivery_is_waited_for(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)

    look = bills.run_import(connection)

    assert look.state == RunState.UNCHANGED
    assert "s3://acme-bills/cur/daily/" in look.warnings[0]
    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.WAITING


def test_a_first_delivery_that_is_overdue_is_a_failure(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    Export.objects.update(created_at=timezone.now() - dt.timedelta(hours=49))

    look = bills.run_import(connection)

    assert look.state == RunState.FAILED
    assert look.error_class == ErrorClass.CONFIG
    assert "Nothing was ever delivered" in look.error_message


def test_a_vanished_export_fails_and_recovers_by_itself_when_it_is_back(
    cast: Cast, aws: str
) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    delivery = bills.put_bill(bills.bill([usage("4")]))
    bills.run_import(connection)
    for key in delivery.files:
        bills.s3().delete_object(Bucket=bills.BUCKET, Key=key)

    look = bills.run_import(connection)

    assert look.state == RunState.FAILED
    connection.refresh_from_db()
    assert "manifest has gone" in connection.status_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}

    bills.put_bill(bills.bill([usage("5")]))
    assert bills.run_import(connection).state == RunState.SUCCEEDED
    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.HEALTHY


def test_a_missing_bucket_is_said_on_the_connection(cast: Cast, aws: str) -> None:
    connection = bills.connect(cast.acme)

    look = bills.run_import(connection)

    assert look.state == RunState.FAILED
    connection.refresh_from_db()
    assert connection.status == ConnectionStatus.FAILING
    assert "no bucket" in connection.status_message


def test_accounts_that_are_not_connected_are_named_with_their_money(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(
        bills.bill(
            [
                usage("2", account_name="Web"),
                usage("7", account=DATA),
                usage("1", account=bills.PAYER),
            ]
        )
    )

    look = bills.run_import(connection)

    assert [
        (one["account_id"], one["name"], D(one["amount"])) for one in look.skipped_accounts
    ] == [
        (DATA, "", D(7)),
        (WEB, "Web", D(2)),
    ]


def test_currencies_are_kept_apart(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill([usage("2"), usage("7", currency="CNY")]))

    bills.run_import(connection)

    (month,) = ImportRun.objects.filter(billing_period=bills.APRIL)
    assert month.state == RunState.SUCCEEDED
    assert month.export_total is None
    assert "several currencies" in month.warnings[0]
    held = BillingMonth.objects.get(connection=connection).delivery
    assert {name: D(one["unblended_cost"]) for name, one in held.totals.items()} == {
        "USD": D(2),
        "CNY": D(7),
    }


def test_a_second_request_returns_the_import_under_way(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)

    first = services.request_import(connection, Trigger.MANUAL, sender=None)
    second = services.request_import(connection, Trigger.SCHEDULE, sender=None)

    assert first == second


def test_a_task_delivered_twice_imports_once(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill([usage("4")]))
    sent: list[ImportRun] = []
    look = services.request_import(connection, Trigger.SCHEDULE, sender=None)
    services.run_look(look, sender=lambda run, seconds: sent.append(run))
    (month,) = sent

    services.run_month(ImportRun.objects.get(pk=month.pk), sender=None)
    services.run_month(ImportRun.objects.get(pk=month.pk), sender=None)
    services.run_look(ImportRun.objects.get(pk=look.pk), sender=None)

    assert Delivery.objects.count() == 1
    assert ImportRun.objects.get(pk=look.pk).state == RunState.SUCCEEDED


def test_a_look_goes_on_until_its_last_month_has_ended(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    for month in (4, 5):
        bills.put_bill(bills.bill([usage("4")], dt.date(2026, month, 1)))
    sent: list[ImportRun] = []
    look = services.request_import(connection, Trigger.SCHEDULE, sender=None)
    services.run_look(look, sender=lambda run, seconds: sent.append(run))

    services.run_month(sent[0])
    look.refresh_from_db()
    assert look.state == RunState.RUNNING

    services.run_month(sent[1])
    look.refresh_from_db()
    assert look.state == RunState.SUCCEEDED
    assert look.portal_total == D(8)


def test_partitions_of_no_delivery_are_removed(cast: Cast) -> None:
    with database.cursor() as cursor:
        for table in FACT_TABLES:
            cursor.execute(f"CREATE TABLE {table.partition(987654321)} (LIKE {table.name})")

    cleanup.remove_strays()

    assert 987654321 not in partitions()


def test_postgresql_knows_that_a_partition_is_of_one_delivery(cast: Cast, aws: str) -> None:
    """Else it expects few rows of each, and joins a bill to its resources row by row."""
    connection = bills.connect(cast.acme)
    bills.make_bucket()
    bills.put_bill(bills.bill([usage("1", resource_id=f"i-{number}") for number in range(50)]))
    bills.run_import(connection)
    delivery = BillingMonth.objects.get(connection=connection).delivery_id

    with database.cursor() as cursor:
        cursor.execute(
            "SELECT tablename, n_distinct FROM pg_stats"
            " WHERE attname = 'delivery_id' AND tablename LIKE %s",
            [f"billing%\\_{delivery}"],
        )
        known = dict(cursor.fetchall())

    for table in ("billing_daily_cost", "billing_resource"):
        assert known[f"{table}_{delivery}"] == 1
