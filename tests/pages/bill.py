"""A small bill for the pages' tests: two months of one payer with three accounts."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from billing.facts import DIMENSIONS, FACT_TABLES, SERVICE_DIMENSIONS
from billing.models import BillingMonth, Delivery, DeliveryAccount, ServiceName
from connections.models import Account, AuthMethod, Connection, ConnectionKind, Export
from organizations.models import Organization

PAYER, MEMBER, LEFT_OUT = "111122223333", "444455556666", "777788889999"
_MEASURES = (
    *("unblended_cost", "net_unblended_cost", "amortized_cost", "net_amortized_cost"),
    *("list_cost", "usage_quantity"),
)
_SUMS = ", ".join(f"sum({name})" for name in _MEASURES)
# Account, service and what it costs a day; the member's name tries to be markup.
LINES = (
    (PAYER, "AmazonEC2", Decimal("10.50")),
    (PAYER, "AmazonS3", Decimal("0.001")),
    (MEMBER, "AmazonEC2", Decimal("4.25")),
    (LEFT_OUT, "AmazonRDS", Decimal("99")),
)
NAMES = {PAYER: "Head office", MEMBER: "<b>Lab</b> & friends", LEFT_OUT: "Skunkworks"}


@dataclass(frozen=True)
class Bill:
    """What was loaded. `through` is its last day."""

    payer: Connection
    through: date


def load_bill(organization: Organization, *, today: date) -> Bill:
    """Load last month whole and this month up to yesterday (today on the first)."""
    payer = _connect(organization, PAYER, ConnectionKind.ROOT)
    _connect(organization, MEMBER, ConnectionKind.LINKED)
    for account_id, name in NAMES.items():
        Account.objects.create(organization=organization, account_id=account_id, name=name)
    ServiceName.objects.create(
        organization=organization, code="AmazonEC2", name="Amazon Elastic Compute Cloud"
    )
    export = Export.objects.create(
        connection=payer, schema="cur2", name="bill", bucket="bills", region="eu-west-1"
    )
    month = today.replace(day=1)
    through = max(month, today - timedelta(days=1))
    last_month = (month - timedelta(days=1)).replace(day=1)
    _deliver(export, last_month, month - timedelta(days=1), is_final=True)
    _deliver(export, month, through, is_final=False)
    return Bill(payer, through)


def _connect(organization: Organization, account_id: str, kind: ConnectionKind) -> Connection:
    return Connection.objects.create(
        organization=organization,
        name=NAMES[account_id],
        kind=kind,
        account_id=account_id,
        auth_method=AuthMethod.AMBIENT,
        status="healthy",
    )


def _deliver(export: Export, month: date, last: date, *, is_final: bool) -> None:
    delivery = Delivery.objects.create(
        export=export,
        billing_period=month,
        execution_id=f"{month}",
        manifest_key="manifest",
        manifest_etag="tag",
        state="loaded",
        first_day=month,
        last_day=last,
        data_through=last,
        is_final=is_final,
        loaded_at=timezone.now(),
    )
    days = [month + timedelta(days=n) for n in range((last - month).days + 1)]
    with connection.cursor() as cursor:
        for table in FACT_TABLES:
            partition = f"{table.partition(delivery.pk)} PARTITION OF {table.name}"
            cursor.execute(f"CREATE TABLE {partition} FOR VALUES IN ({delivery.pk})")
        cursor.execute(
            "INSERT INTO billing_tag_set VALUES (%s, 0, '{\"team\": \"<i>web</i>\"}', '{}')",
            [delivery.pk],
        )
        cursor.execute("INSERT INTO billing_resource VALUES (%s, 0, '', '')", [delivery.pk])
        for key, (account, service, amount) in enumerate(LINES):
            _insert_line(cursor, delivery.pk, key, account, service, amount, days)
        _sum_up(cursor, delivery.pk)
    for account in NAMES:
        DeliveryAccount.objects.create(
            delivery=delivery,
            account_id=account,
            payer_account_id=PAYER,
            currency="USD",
            unblended_cost=sum(line[2] for line in LINES if line[0] == account) * len(days),
            line_items=len(days),
        )
    BillingMonth.objects.create(
        connection=export.connection, billing_period=month, delivery=delivery
    )


def _insert_line(cursor, delivery, key, account, service, amount, days) -> None:  # type: ignore[no-untyped-def]
    values = {
        "payer_account_id": PAYER,
        "account_id": account,
        "service": service,
        "region": "eu-west-1",
        "charge_type": "Usage",
        "usage_type": f"{service}-Hours",
        "currency": "USD",
    }
    row = [delivery, key, *(values.get(name, "") for name in DIMENSIONS), 0]
    cursor.execute(f"INSERT INTO billing_cost_key VALUES ({_marks(row)})", row)
    for day in days:
        cost = [delivery, day, key, *[amount] * 5, 1]
        cursor.execute(f"INSERT INTO billing_rollup_cost VALUES ({_marks(cost)})", cost)
        cost = [delivery, day, key, 0, *[amount] * 5, 1]
        cursor.execute(f"INSERT INTO billing_daily_cost VALUES ({_marks(cost)})", cost)


def _marks(row: list[object]) -> str:
    return ", ".join(["%s"] * len(row))


def _sum_up(cursor, delivery: int) -> None:  # type: ignore[no-untyped-def]
    keyed = (
        "FROM billing_rollup_cost JOIN billing_cost_key USING (delivery_id, cost_key) "
        f"WHERE delivery_id = {delivery} GROUP BY delivery_id"
    )
    by_service, by_all = ", ".join(SERVICE_DIMENSIONS), f"{', '.join(DIMENSIONS)}, tag_set"
    cursor.execute(
        f"INSERT INTO billing_service_cost SELECT delivery_id, day, {by_service}, {_SUMS} "
        f"{keyed}, day, {by_service}"
    )
    cursor.execute(
        f"INSERT INTO billing_month_cost SELECT delivery_id, {by_all}, {_SUMS} {keyed}, {by_all}"
    )
    cursor.execute(
        f"INSERT INTO billing_resource_cost SELECT delivery_id, cost_key, resource, {_SUMS} "
        f"FROM billing_daily_cost WHERE delivery_id = {delivery} GROUP BY 1, 2, 3"
    )
