"""GET /api/v1/focus/: every charge of a range as FOCUS 1.2, and the same bill read back."""

import csv
import datetime as dt
import gzip
import io
import json
import uuid
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pyarrow.parquet as pq
import pytest

from billing.allocation import services as allocation
from billing.allocation.conditions import Condition
from billing.allocation.models import CostCenter
from billing.focus.columns import COLUMNS, Kind
from billing.models import ServiceName
from connections.models import Account, Connection, ConnectionKind, ExportSchema
from demo.bills.delivery import Delivery, put
from organizations.access import Role
from organizations.models import AuditEvent
from organizations.runs import RunState
from tests.billing import bills
from tests.billing.cost_facts import Item, connect, deliver, sums
from tests.billing.cost_items import APRIL, MARCH, MAY, PAYER, STRANGER, WEB, counts, some_items
from tests.billing.test_import_exact import rich_bill
from tests.cast import Cast

pytestmark = pytest.mark.django_db

RANGE = "from=2026-03-01&to=2026-05-01"
# Column of the dataset -> the measure of /costs/ that it adds up to.
MEASURE_OF = {
    "BilledCost": "net_unblended_cost",
    "EffectiveCost": "net_amortized_cost",
    "ListCost": "list_cost",
    "x_UnblendedCost": "unblended_cost",
    "x_AmortizedCost": "amortized_cost",
}
TYPES = {Kind.TEXT: "string", Kind.AMOUNT: "double", Kind.TIME: "timestamp", Kind.MAP: "map"}
MANDATORY = {
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass"),
    *("ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost"),
    *("EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit"),
    *("ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
}

Rows = list[dict[str, Any]]


def download(cast: Cast, query: str) -> bytes:
    answer = cast.api(Role.VIEWER).get(f"/api/v1/focus/?{query}")
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def csv_rows(cast: Cast, query: str = RANGE) -> Rows:
    body = download(cast, query)
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def parquet_rows(cast: Cast, query: str = RANGE) -> Rows:
    table = pq.read_table(io.BytesIO(download(cast, f"{query}&format=parquet")))
    return list(table.to_pylist(maps_as_pydicts="strict"))


def total(rows: Rows, column: str) -> Decimal:
    with localcontext() as context:
        context.prec = 100
        return sum((Decimal(row[column]) for row in rows), Decimal(0))


def costs_total(cast: Cast, query: str, metric: str) -> Decimal:
    answer = cast.api(Role.VIEWER).get(f"/api/v1/costs/?{query}&metric={metric}&granularity=total")
    assert answer.status_code == 200, answer.content
    return Decimal(answer.json()["total"])


@pytest.fixture
def neat_items(payer: Connection) -> list[Item]:
    """Costs whose quantities have twelve decimals, as the importer keeps them."""
    made = [
        replace(item, cost=round(item.cost, 12))
        for item in some_items(APRIL, seed=3, accounts=(PAYER, WEB, STRANGER))
    ]
    deliver(payer, APRIL, made)
    return made


@pytest.mark.parametrize("column", MEASURE_OF)
def test_each_cost_in_parquet_is_exact_too(cast: Cast, neat_items: list[Item], column: str) -> None:
    wanted = [item for item in neat_items if counts(item, MARCH, MAY)]
    rows = parquet_rows(cast)
    assert total(rows, column) == sums(wanted, MEASURE_OF[column])["", ()]
    assert {row["BillingPeriodStart"] for row in rows} == {dt.datetime(2026, 4, 1, tzinfo=dt.UTC)}
    assert {"team": "web"} in [row["Tags"] for row in rows]


@pytest.mark.parametrize("column", MEASURE_OF)
def test_each_cost_adds_up_to_what_independent_sums_and_costs_say(
    cast: Cast, items: list[Item], column: str
) -> None:
    wanted = [item for item in items if counts(item, MARCH, MAY)]
    expected = sums(wanted, MEASURE_OF[column])["", ()]
    assert total(csv_rows(cast), column) == expected == costs_total(cast, RANGE, MEASURE_OF[column])


@pytest.mark.parametrize(
    "filters",
    [
        f"account={WEB}",
        "service!=AmazonEC2&charge_type=Usage",
        "region=&tag:team~=we",
        "resource=i-1",
        "cost_category:Unit!=Ünit 1",
        "organizational_unit=Head",
        "usage_type=%25s",
    ],
)
def test_filters_are_those_of_costs(cast: Cast, items: list[Item], filters: str) -> None:
    Account.objects.create(organization=cast.acme, account_id=WEB, organizational_unit="Head")
    asked = f"{RANGE}&{filters}"
    found = csv_rows(cast, asked)
    assert found
    assert len(found) < len(csv_rows(cast))
    assert total(found, "BilledCost") == costs_total(cast, asked, "net_unblended_cost")


def test_only_connected_accounts_are_in_it(cast: Cast, items: list[Item]) -> None:
    assert {row["SubAccountId"] for row in csv_rows(cast)} == {PAYER, WEB}
    assert STRANGER not in download(cast, RANGE).decode()


def test_a_bill_that_two_connections_hold_is_counted_once(cast: Cast, payer: Connection) -> None:
    item = Item(WEB, APRIL, Decimal(7))
    deliver(payer, APRIL, [item])
    web = Connection.objects.get(organization=cast.acme, account_id=WEB)
    deliver(web, APRIL, [item])
    assert [row["x_UnblendedCost"] for row in csv_rows(cast)] == ["7"]


def test_every_mandatory_column_is_there_and_what_no_bill_says_is_empty(
    cast: Cast, items: list[Item]
) -> None:
    rows = csv_rows(cast)
    assert set(rows[0]) >= MANDATORY
    empty = {name for name in rows[0] if not any(row[name] for row in rows)}
    assert empty >= {"ContractedCost", "ServiceCategory", "InvoiceIssuerName", "ChargeClass"}


def test_a_row_says_what_the_bill_says(cast: Cast, payer: Connection) -> None:
    ServiceName.objects.create(organization=cast.acme, code="AmazonEC2", name="Elastic Compute")
    Account.objects.create(organization=cast.acme, account_id=WEB, name="Web, the site")
    item = Item(
        WEB,
        dt.date(2026, 4, 30),
        Decimal("0.00000000000000000008"),
        resource="i-1",
        tags={"team": 'we "b"'},
        cost_categories={"Unit": "Ünit"},
        billing_entity="AWS Marketplace",
    )
    deliver(payer, APRIL, [item])
    (row,) = csv_rows(cast)
    assert {name: text for name, text in row.items() if text} == {
        "BilledCost": "0.00000000000000000016",
        "BillingAccountId": PAYER,
        "BillingCurrency": "USD",
        "BillingPeriodEnd": "2026-05-01T00:00:00Z",
        "BillingPeriodStart": "2026-04-01T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": "2026-05-01T00:00:00Z",
        "ChargePeriodStart": "2026-04-30T00:00:00Z",
        "ConsumedQuantity": "0.00000000000000000048",
        "EffectiveCost": "0.00000000000000000032",
        "ListCost": "0.0000000000000000004",
        "PricingCategory": "Standard",
        "ProviderName": "AWS Marketplace",
        "RegionId": "eu-west-1",
        "ResourceId": "i-1",
        "ServiceName": "Elastic Compute",
        "SkuMeter": "BoxUsage",
        "SubAccountId": WEB,
        "SubAccountName": "Web, the site",
        "Tags": '{"team": "we \\"b\\""}',
        "x_AmortizedCost": "0.00000000000000000024",
        "x_CostCategories": '{"Unit": "Ünit"}',
        "x_LineItemType": "Usage",
        "x_Operation": "RunInstances",
        "x_PricingTerm": "OnDemand",
        "x_ServiceCode": "AmazonEC2",
        "x_UnblendedCost": "0.00000000000000000008",
        "x_UsageType": "BoxUsage",
    }


@pytest.mark.parametrize(
    ("charge_type", "category", "pricing"),
    [
        ("DiscountedUsage", "Usage", "Committed"),
        ("SavingsPlanCoveredUsage", "Usage", "Committed"),
        ("SavingsPlanNegation", "Usage", "Committed"),
        ("RIFee", "Purchase", "Standard"),
        ("SavingsPlanUpfrontFee", "Purchase", "Standard"),
        ("Tax", "Tax", ""),
        ("Credit", "Credit", "Standard"),
        ("Refund", "Adjustment", "Standard"),
        ("Nobody knows", "Adjustment", "Standard"),
        ("Purchase", "Purchase", "Standard"),
    ],
)
def test_line_item_types_become_charge_categories(
    cast: Cast, payer: Connection, charge_type: str, category: str, pricing: str
) -> None:
    deliver(payer, APRIL, [Item(WEB, APRIL, Decimal(1), charge_type=charge_type)])
    (row,) = csv_rows(cast)
    assert (row["ChargeCategory"], row["PricingCategory"]) == (category, pricing)
    assert row["x_LineItemType"] == charge_type


def test_currencies_come_in_rows_of_their_own(cast: Cast, payer: Connection) -> None:
    other = connect(cast.acme, "444455556666", ConnectionKind.ROOT)
    deliver(payer, APRIL, [Item(WEB, APRIL, Decimal(1))])
    foreign = Item("444455556666", APRIL, Decimal(3), currency="CNY", payer="444455556666")
    deliver(other, APRIL, [foreign])
    assert {(row["BillingCurrency"], row["x_UnblendedCost"]) for row in csv_rows(cast)} == {
        ("USD", "1"),
        ("CNY", "3"),
    }
    (row,) = csv_rows(cast, f"{RANGE}&currency=CNY")
    assert row["x_UnblendedCost"] == "3"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("from=2026-04-01&to=2026-03-01", "to"),
        ("from=x", "from"),
        ("format=json", "format"),
        ("format=csv&format=parquet", "format"),
        ("account=999900001111", "account"),
        ("tag:=x", "tag:"),
        ("service=%00", "service"),
        ("currency=dollars", "currency"),
        ("metric=list_cost", "metric"),
        ("group_by=service", "group_by"),
        ("limit=3", "limit"),
        ("colour=red", "colour"),
    ],
)
def test_bad_parameters_are_answered_with_400(cast: Cast, query: str, parameter: str) -> None:
    answer = cast.api(Role.VIEWER).get(f"/api/v1/focus/?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][parameter]


def center(cast: Cast, code: str, split: str = "none", shares: Any = ()) -> CostCenter:
    return allocation.create_center(
        cast.acme, code=code, name=code.title(), split=split, shares=shares
    )


def rule(cast: Cast, target: CostCenter, service: str) -> None:
    allocation.add_rule(
        cast.acme, center=target, conditions=[Condition("service", "is", (service,))]
    )


@pytest.mark.parametrize("split", ["fixed", "proportional"])
def test_a_filter_on_cost_centers_between_which_costs_are_split_is_refused(
    cast: Cast, items: list[Item], split: str
) -> None:
    web, pool = center(cast, "WEB"), center(cast, "POOL")
    rule(cast, web, "AmazonEC2")
    rule(cast, pool, "AmazonS3")
    for name in ("cost_center=WEB", "cost_center!=POOL", "cost_center=", "cost_center~=oo"):
        kept = csv_rows(cast, f"{RANGE}&{name}")
        assert total(kept, "x_UnblendedCost") == costs_total(
            cast, f"{RANGE}&{name}", "unblended_cost"
        )
    shares = [(web, Decimal(100))] if split == "fixed" else ()
    allocation.change_center(pool, name="Pool", split=split, shares=shares)
    for name in ("cost_center=WEB", "cost_center=POOL", "cost_center!=POOL", "cost_center~=oo"):
        for form in ("csv", "parquet"):
            answer = cast.api(Role.VIEWER).get(f"/api/v1/focus/?{RANGE}&{name}&format={form}")
            assert answer.status_code == 400
            (sentences,) = answer.json()["errors"].values()
            assert "a part of a charge is no charge" in sentences[0]
    assert not AuditEvent.objects.filter(action="costs.exported", changes__format="focus-parquet")
    whole = total(csv_rows(cast), "x_UnblendedCost")
    assert whole == costs_total(cast, RANGE, "unblended_cost")


def test_a_split_in_one_currency_refuses_only_what_that_currency_is_in(
    cast: Cast, payer: Connection
) -> None:
    other = connect(cast.acme, "444455556666", ConnectionKind.ROOT)
    deliver(payer, APRIL, [Item(WEB, APRIL, Decimal(1), service="AmazonEC2")])
    euro = {"currency": "EUR", "payer": "444455556666"}
    deliver(
        other,
        APRIL,
        [
            Item("444455556666", APRIL, Decimal(3), service="AmazonS3", **euro),
            Item("444455556666", APRIL, Decimal(5), service="AmazonRDS", **euro),
        ],
    )
    web, pool = center(cast, "WEB"), center(cast, "POOL", "proportional")
    rule(cast, web, "AmazonRDS")
    rule(cast, pool, "AmazonS3")
    refused = cast.api(Role.VIEWER).get(f"/api/v1/focus/?{RANGE}&cost_center=WEB")
    assert "Costs are split" in refused.json()["errors"]["cost_center"][0]
    (row,) = csv_rows(cast, f"{RANGE}&cost_center=&currency=USD")
    assert (row["BillingCurrency"], row["x_UnblendedCost"]) == ("USD", "1")


@pytest.mark.parametrize("organization", ["acme", "bolt"])
def test_a_range_without_costs_is_a_file_without_rows(
    cast: Cast, items: list[Item], organization: str
) -> None:
    api = cast.api(Role.VIEWER, getattr(cast, organization))
    for form in ("csv", "parquet"):
        answer = api.get(f"/api/v1/focus/?from=2020-01-01&to=2020-02-01&format={form}")
        body = b"".join(answer.streaming_content)
        if form == "csv":
            assert len(body.decode().splitlines()) == 1
        else:
            assert pq.read_table(io.BytesIO(body)).num_rows == 0


def test_who_took_the_dataset_is_noted(cast: Cast, neat_items: list[Item]) -> None:
    download(cast, f"{RANGE}&service~=ec2&format=parquet")
    event = AuditEvent.objects.of(cast.acme).get(action="costs.exported")
    assert event.changes == {"format": "focus-parquet", "query": f"?{RANGE}&service~=ec2"}


def focus_delivery(body: bytes, suffix: str, name: str) -> Delivery:
    """One file, where and as AWS delivers a FOCUS 1.2 export."""
    data = f"cur/{name}/data/BILLING_PERIOD=2026-04/{name}-00001.{suffix}"
    manifest = f"cur/{name}/metadata/BILLING_PERIOD=2026-04/{name}-Manifest.json"
    execution = str(uuid.uuid4())
    told = {
        "executionId": execution,
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{bills.PAYER}:export/{name}",
        "columns": [{"name": one.name, "type": TYPES[one.kind]} for one in COLUMNS],
        "dataFiles": [f"s3://{bills.BUCKET}/{data}"],
    }
    files = {data: body, manifest: json.dumps(told).encode()}
    return Delivery(bills.BUCKET, execution, files, manifest)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_importer_reads_the_dataset_back_to_the_same_costs(
    cast: Cast, aws: str, form: str
) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    for account in (bills.WEB, bills.DATA):
        connect(cast.acme, account)
    bills.put_bill(bills.bill(rich_bill()))
    assert bills.run_import(connection).state == RunState.SUCCEEDED
    body = download(cast, f"from=2000-01-01&to=2100-01-01&format={form}")

    again = bills.connect(cast.bolt, schema=ExportSchema.FOCUS_1_2, name="focus")
    if form == "csv":
        put(focus_delivery(gzip.compress(body), "csv.gz", "focus"), bills.s3())
    else:
        put(focus_delivery(body, "snappy.parquet", "focus"), bills.s3())
    run = bills.run_import(again)
    assert run.state == RunState.SUCCEEDED, run.error
    for read, original in (
        ("unblended_cost", "net_unblended_cost"),
        ("net_unblended_cost", "net_unblended_cost"),
        ("amortized_cost", "net_amortized_cost"),
        ("list_cost", "list_cost"),
        ("usage_quantity", "usage_quantity"),
    ):
        for by in (
            ("account", "day"),
            ("service", "region", "operation", "usage_type"),
            ("resource",),
            ("tag:CostCenter", "tag:aws:createdBy", "cost_category:team"),
            ("billing_entity", "invoice_id"),
        ):
            assert known(bills.facts(again, read, *by)) == known(
                bills.facts(connection, original, *by)
            )


def known(found: dict[tuple[str, ...], Decimal]) -> dict[tuple[str, ...], Decimal]:
    """The amounts that are not nothing."""
    kept: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for group, amount in found.items():
        if amount:
            kept[group] = amount
    return dict(kept)
