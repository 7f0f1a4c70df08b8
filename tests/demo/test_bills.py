"""The bill writer writes what AWS writes: read back by pyarrow and the standard library."""

import csv
import datetime as dt
import gzip
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.bills import big, expected, focus, legacy
from demo.bills.columns import CUR2_ALL, CUR2_BASE, FOCUS_1_0, FOCUS_1_2, cur2_columns
from demo.bills.delivery import CONFIGURATION, DataExport, Delivery, deliver, put, write_to
from demo.bills.encoding import java_double
from demo.bills.line_items import Bill, LineItem, utc
from tests.demo.calling import client

PAYER, MEMBER = "000000000042", "222233334444"
OCTOBER = dt.date(2026, 10, 1)
AWKWARD = {"user:CostCenter": 'a,"b"\n=ü', "aws:createdBy": "IAMUser:AIDA:me"}
PLAN = {"savings_plan_savings_plan_a_r_n": "arn:aws:savingsplans::1:savingsplan/1"}
RI = {"reservation_reservation_a_r_n": "arn:aws:ec2:eu-west-1:1:reserved-instances/1"}


def item(cost: str, kind: str = "Usage", day: int = 2, **given: Any) -> LineItem:
    return LineItem(MEMBER, utc(2026, 10, day), Decimal(cost), kind, **given)


def every_kind() -> list[LineItem]:
    """One item of each type, with small round costs that a reader can add up."""
    return [
        item("10", list_cost=Decimal(11), net_unblended_cost=Decimal(9), tags=AWKWARD),
        item(
            "20",
            "SavingsPlanCoveredUsage",
            list_cost=Decimal(20),
            columns=PLAN
            | {
                "savings_plan_savings_plan_effective_cost": Decimal(14),
                "savings_plan_net_savings_plan_effective_cost": Decimal(13),
            },
        ),
        item("-20", "SavingsPlanNegation", list_cost=Decimal(-20), columns=PLAN),
        item(
            "16",
            "SavingsPlanRecurringFee",
            columns=PLAN
            | {
                "savings_plan_total_commitment_to_date": Decimal(16),
                "savings_plan_used_commitment": Decimal(14),
            },
        ),
        item(
            "0",
            "DiscountedUsage",
            list_cost=Decimal(8),
            columns=RI | {"reservation_effective_cost": Decimal(5)},
        ),
        item(
            "6",
            "RIFee",
            day=1,
            interval="2026-10-01T00:00:00Z/2026-10-31T23:59:59Z",
            columns=RI
            | {
                "reservation_unused_amortized_upfront_fee_for_billing_period": Decimal("0.5"),
                "reservation_unused_recurring_fee": Decimal("1.5"),
            },
        ),
        item("700", "Fee", columns=RI, product_code="AmazonRDS"),
        item("3", "Fee", product_code="AWSSupportBusiness"),
        item("4.5", "Tax"),
        item("-1.25", "Credit"),
        item("-2", "Refund"),
        item("-7", "Refund", product_code="ComputeSavingsPlans", description=expected.SP_REFUND),
        item("0.0000000089", "SomethingNew"),
        item("99", operation="EKSPod-EC2"),
    ]


def bill(items: list[LineItem] | None = None) -> Bill:
    return Bill(OCTOBER, every_kind() if items is None else items, PAYER, "Larkspur", "X1")


def export(**given: Any) -> DataExport:
    return DataExport(bucket="bills-of-larkspur", name="daily", account_id=PAYER, **given)


def parquet_of(delivery: Delivery) -> pa.Table:
    parts = [pq.read_table(io.BytesIO(delivery.files[key])) for key in delivery.data_keys]
    return pa.concat_tables(parts)


def csv_of(delivery: Delivery) -> list[dict[str, str]]:
    text = gzip.decompress(delivery.files[delivery.data_keys[0]]).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("measure", "total"),
    [
        # Each sum by hand, in the order of every_kind().
        ("unblended", "729.2500000089"),  # 10+20-20+16+0+6+700+3+4.5-1.25-2-7+new
        ("net_unblended", "728.2500000089"),  # the same with 9 for 10
        ("amortized", "37.2500000089"),  # 10+14+0+2+5+2+0+3+4.5-1.25-2+0+new
        ("net_amortized", "35.2500000089"),  # 9+13+0+2+5+2+0+3+4.5-1.25-2+0+new
        ("list", "39.0000000089"),  # 11+20+8+new
    ],
)
def test_the_expected_totals_are_those_of_a_sum_by_hand(measure: str, total: str) -> None:
    assert expected.total(every_kind(), measure) == Decimal(total)


def test_expected_totals_split_by_any_dimensions() -> None:
    found = expected.totals(every_kind(), "unblended", "service", "tag:CostCenter")
    assert found["AmazonRDS", ""] == 700
    assert found["AmazonEC2", 'a,"b"\n=ü'] == 10
    assert sum(found.values()) == expected.total(every_kind())
    days = expected.totals(every_kind(), "unblended", "day")
    assert days["2026-10-01",] == 6


def test_cur2_parquet_has_every_column_with_awss_type() -> None:
    schema = parquet_of(deliver(export(), bill())).schema
    assert schema.names == list(cur2_columns(CONFIGURATION))
    assert schema.field("line_item_usage_start_date").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("line_item_unblended_cost").type == pa.float64()
    assert schema.field("line_item_unblended_rate").type == pa.string()
    assert schema.field("resource_tags").type == pa.map_(pa.string(), pa.string())
    assert schema.field("discount").type == pa.map_(pa.string(), pa.float64())


def test_cur2_has_as_many_columns_as_a_real_export() -> None:
    assert len(CUR2_BASE) == 127
    assert len(CUR2_ALL) == 131
    assert (len(FOCUS_1_0), len(FOCUS_1_2)) == (48, 60)


def test_cur2_parquet_gives_back_ids_tags_and_costs() -> None:
    rows = parquet_of(deliver(export(), bill(), chunks=3)).to_pylist()
    assert len(rows) == len(every_kind())
    assert {row["bill_payer_account_id"] for row in rows} == {PAYER}
    assert dict(rows[0]["tags"])["resourceTags/user:CostCenter"] == 'a,"b"\n=ü'
    assert dict(rows[0]["resource_tags"])["user_cost_center"] == 'a,"b"\n=ü'
    assert [Decimal(repr(row["line_item_unblended_cost"])) for row in rows] == [
        i.unblended_cost for i in every_kind()
    ]


def test_cur2_csv_spells_numbers_times_and_maps_like_aws() -> None:
    rows = csv_of(deliver(export(file_format="TEXT_OR_CSV"), bill()))
    assert rows[12]["line_item_unblended_cost"] == "8.9E-9"
    assert rows[0]["line_item_usage_start_date"] == "2026-10-02T00:00:00.000Z"
    assert rows[0]["identity_time_interval"] == "2026-10-02T00:00:00Z/2026-10-03T00:00:00Z"
    assert json.loads(rows[0]["tags"])["resourceTags/aws:createdBy"] == "IAMUser:AIDA:me"
    assert rows[1]["tags"] == "{}"
    assert rows[0]["line_item_net_unblended_cost"] == "9.0"
    assert rows[2]["line_item_net_unblended_cost"] == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.0"),
        ("24", "24.0"),
        ("0.0000000089", "8.9E-9"),
        ("-0.0000013333", "-1.3333E-6"),
        ("0.0000000007", "7.0E-10"),
        ("0.001", "0.001"),
        ("12345678", "1.2345678E7"),
    ],
)
def test_doubles_are_spelled_as_java_spells_them(value: str, text: str) -> None:
    assert java_double(Decimal(value)) == text


def test_an_overwrite_manifest_has_four_fields_and_names_its_files() -> None:
    delivery = deliver(export(), bill(), execution_id="e1", chunks=2)
    root = "exports/daily"
    assert list(delivery.files) == [
        f"{root}/data/BILLING_PERIOD=2026-10/daily-00001.snappy.parquet",
        f"{root}/data/BILLING_PERIOD=2026-10/daily-00002.snappy.parquet",
        f"{root}/metadata/BILLING_PERIOD=2026-10/daily-Manifest.json",
    ]
    manifest = json.loads(delivery.files[delivery.manifest_key])
    assert set(manifest) == {"executionId", "exportArn", "columns", "dataFiles"}
    assert manifest["dataFiles"] == [f"s3://bills-of-larkspur/{k}" for k in delivery.data_keys]
    assert {"name": "line_item_unblended_cost", "type": "double"} in manifest["columns"]


def test_create_new_keeps_every_run_in_a_folder_with_colons() -> None:
    at = dt.datetime(2026, 10, 16, 15, 24, 15, 653000, tzinfo=dt.UTC)
    delivery = deliver(export(overwrite=False), bill(), execution_id="e1", at=at)
    run = "BILLING_PERIOD=2026-10/2026-10-16T15:24:15.653Z-e1"
    assert list(delivery.files) == [
        f"exports/daily/data/{run}/daily-00001.snappy.parquet",
        f"exports/daily/metadata/{run}/daily-Manifest.json",
        "exports/daily/metadata/BILLING_PERIOD=2026-10/daily-Manifest.json",
    ]


@pytest.mark.parametrize("schema", ["focus_1_0", "focus_1_2"])
def test_focus_bills_the_same_money_without_negations(
    schema: Literal["focus_1_0", "focus_1_2"],
) -> None:
    columns = FOCUS_1_0 if schema == "focus_1_0" else FOCUS_1_2
    table = parquet_of(deliver(export(schema=schema), bill()))
    assert table.schema.names == list(columns)
    billed = [Decimal(repr(cost)) for cost in table["BilledCost"].to_pylist()]
    assert sum(billed) == expected.total(every_kind(), "net_unblended")
    effective = [Decimal(repr(cost)) for cost in table["EffectiveCost"].to_pylist()]
    assert sum(effective) == expected.total(every_kind(), "net_amortized")
    assert len(table) == len(focus.kept(every_kind())) == len(every_kind()) - 2
    assert dict(table["Tags"].to_pylist()[0])["CostCenter"] == 'a,"b"\n=ü'


AT = dt.datetime(2026, 10, 16, 15, 24, 15, tzinfo=dt.UTC)
PERIOD = "reports/hourly/20261001-20261101"


def report(form: legacy.Form, layout: legacy.Layout, **given: Any) -> legacy.Report:
    return legacy.Report("bills-of-larkspur", "hourly", PAYER, form=form, layout=layout, **given)


@pytest.mark.parametrize(
    ("form", "layout", "key"),
    [
        ("gzip", "create_new", f"{PERIOD}/20261016T152415Z/hourly-00001.csv.gz"),
        ("zip", "overwrite", f"{PERIOD}/hourly-00001.csv.zip"),
        ("parquet", "create_new", f"{PERIOD}/20261016T152415Z/hourly-00001.snappy.parquet"),
        (
            *("parquet", "athena"),
            "reports/hourly/hourly/year=2026/month=10/hourly-00001.snappy.parquet",
        ),
    ],
)
def test_legacy_layouts_are_awss(form: legacy.Form, layout: legacy.Layout, key: str) -> None:
    delivery = legacy.deliver(report(form, layout), bill(), at=AT)
    assert delivery.manifest_key == f"{PERIOD}/hourly-Manifest.json"
    manifest = json.loads(delivery.files[delivery.manifest_key])
    assert manifest["reportKeys"] == [key]
    assert manifest["billingPeriod"]["end"] == "20261101T000000.000Z"
    assert key in delivery.files


def test_old_assembly_ids_are_uuids_with_short_file_numbers() -> None:
    delivery = legacy.deliver(
        report("gzip", "create_new", old_assembly_ids=True), bill(), at=AT, assembly_id="a-1"
    )
    assert f"{PERIOD}/a-1/hourly-1.csv.gz" in delivery.files


def test_a_legacy_csv_has_only_the_columns_that_the_month_uses() -> None:
    delivery = legacy.deliver(report("gzip", "overwrite"), bill(), at=AT)
    rows = csv_of(delivery)
    assert rows[0]["resourceTags/user:CostCenter"] == 'a,"b"\n=ü'
    assert rows[1]["savingsPlan/SavingsPlanARN"] == PLAN["savings_plan_savings_plan_a_r_n"]
    assert rows[4]["reservation/ReservationARN"] == RI["reservation_reservation_a_r_n"]
    assert rows[0]["pricing/publicOnDemandCost"] == "11.0"
    assert rows[0]["lineItem/UsageStartDate"] == "2026-10-02T00:00:00Z"
    assert sum(Decimal(row["lineItem/UnblendedCost"]) for row in rows) == sum(
        i.unblended_cost for i in every_kind()
    )
    plain = csv_of(legacy.deliver(report("gzip", "overwrite"), bill([item("1")]), at=AT))
    missing = set(rows[0]) - set(plain[0])
    assert "lineItem/NetUnblendedCost" in missing
    assert "resourceTags/user:CostCenter" in missing


def test_a_legacy_zip_holds_one_csv() -> None:
    delivery = legacy.deliver(report("zip", "overwrite"), bill(), at=AT)
    with zipfile.ZipFile(io.BytesIO(delivery.files[delivery.data_keys[0]])) as archive:
        assert archive.namelist() == ["hourly-1.csv"]


def test_legacy_parquet_has_athenas_names_and_empty_strings_for_nothing() -> None:
    delivery = legacy.deliver(report("parquet", "create_new"), bill(), at=AT)
    table = pq.read_table(io.BytesIO(delivery.files[delivery.data_keys[0]]))
    assert "resource_tags_user_cost_center" in table.schema.names
    assert "resource_tags_aws_created_by" in table.schema.names
    assert table["reservation_reservation_a_r_n"].to_pylist()[0] == ""
    assert "pricing_public_on_demand_cost" in table.schema.names


def test_a_delivery_goes_to_s3_and_to_a_folder_alike(aws: str, tmp_path: Path) -> None:
    delivery, s3 = deliver(export(), bill()), client("s3")
    s3.create_bucket(Bucket="bills-of-larkspur")
    put(delivery, s3)
    write_to(delivery, tmp_path)
    for key, body in delivery.files.items():
        assert s3.get_object(Bucket="bills-of-larkspur", Key=key)["Body"].read() == body
        assert (tmp_path / "bills-of-larkspur" / key).read_bytes() == body


def test_the_big_bill_has_24_hourly_rows_for_each_daily_one(tmp_path: Path) -> None:
    manifest = json.loads(big.write(744 * 40, tmp_path, OCTOBER).read_text())
    files = [tmp_path / name.removeprefix("s3://") for name in manifest["dataFiles"]]
    table = pa.concat_tables([pq.read_table(path) for path in files])
    assert len(table) == 744 * 40
    assert table.schema.names == [column["name"] for column in manifest["columns"]]
    assert table.schema.field("line_item_usage_start_date").type == pa.timestamp("ms", tz="UTC")
    days = {
        (line_id, interval[:10])
        for line_id, interval in zip(
            table["identity_line_item_id"].to_pylist(),
            table["identity_time_interval"].to_pylist(),
            strict=True,
        )
    }
    assert len(days) * 24 == len(table)
