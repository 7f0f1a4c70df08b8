"""Whatever goes wrong, the month stays as it was, the run says why, and the next run succeeds."""

import csv
import gzip
import io
import json
import time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection as database

from billing import services
from billing.facts import DAILY_COST
from billing.importing import summary, swap
from billing.models import BillingMonth, ImportRun
from demo.bills.columns import CUR2_BASE
from organizations.runs import ErrorClass, RunFailure, RunState
from tests.billing import bills
from tests.billing.bills import usage
from tests.billing.breaking import (
    NEXT,
    Spoil,
    held_up,
    imported,
    is_clean,
    replace_data,
    wait_for,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


def with_cell(column: str, value: str) -> Spoil:
    def spoil(body: bytes) -> bytes:
        rows = list(csv.DictReader(io.StringIO(gzip.decompress(body).decode())))
        rows[-1][column] = value
        out = io.StringIO()
        writer = csv.DictWriter(out, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return gzip.compress(out.getvalue().encode())

    return spoil


def with_double(column: str, value: float) -> Spoil:
    def spoil(body: bytes) -> bytes:
        table = pq.read_table(io.BytesIO(body))
        values = [*table.column(column).to_pylist()[:-1], value]
        index = table.schema.get_field_index(column)
        out = io.BytesIO()
        pq.write_table(table.set_column(index, column, pa.array(values, pa.float64())), out)
        return out.getvalue()

    return spoil


def without_column(column: str) -> Spoil:
    def spoil(body: bytes) -> bytes:
        out = io.BytesIO()
        pq.write_table(pq.read_table(io.BytesIO(body)).drop_columns([column]), out)
        return out.getvalue()

    return spoil


def renamed_twice(body: bytes) -> bytes:
    table = pq.read_table(io.BytesIO(body))
    out = io.BytesIO()
    pq.write_table(table.append_column("line_item_unblended_cost", table.column(0)), out)
    return out.getvalue()


CSV, PARQUET = "TEXT_OR_CSV", "PARQUET"
BAD_FILES = {
    "truncated Parquet": (PARQUET, lambda body: body[: len(body) // 2], "no whole Parquet"),
    "Parquet without its magic": (PARQUET, lambda body: b"x" * 100, "no whole Parquet"),
    "empty Parquet": (PARQUET, lambda body: b"", "no whole Parquet"),
    "broken page": (
        PARQUET,
        lambda body: body[:4] + bytes(200) + body[204:],
        "cannot be read",
    ),
    "missing column": (
        PARQUET,
        without_column("line_item_unblended_cost"),
        "line_item_unblended_cost",
    ),
    "two columns of one name": (PARQUET, renamed_twice, "two columns"),
    "NaN": (PARQUET, with_double("line_item_unblended_cost", float("nan")), "unblended_cost"),
    "infinity in another column": (
        PARQUET,
        with_double("pricing_public_on_demand_cost", float("inf")),
        "pricing_public_on_demand_cost",
    ),
    "truncated gzip": (CSV, lambda body: body[:-20], "cannot be read"),
    "gzip with garbage behind it": (CSV, lambda body: body + b"garbage", "cannot be read"),
    "no gzip at all": (CSV, lambda body: b"a,b\n1,2\n", "cannot be read"),
    "empty file": (CSV, lambda body: b"", "cannot be read"),
    "empty CSV": (CSV, lambda body: gzip.compress(b""), "empty"),
    "short line": (
        CSV,
        lambda body: gzip.compress(gzip.decompress(body) + b"only,three,cells\n"),
        "cannot be read",
    ),
    "garbage amount": (CSV, with_cell("line_item_unblended_cost", "12,50"), "unblended_cost"),
    "garbage in another amount": (
        CSV,
        with_cell("pricing_public_on_demand_cost", "free"),
        "pricing_public_on_demand_cost",
    ),
    "garbage day": (CSV, with_cell("identity_time_interval", "yesterday"), "time_interval"),
    "no day": (CSV, with_cell("identity_time_interval", ""), "identity_time_interval"),
    "garbage tags": (CSV, with_cell("tags", "{nonsense"), "JSON"),
    "strange account": (CSV, with_cell("line_item_usage_account_id", "1234"), "1234"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_fails_with_its_name_and_changes_nothing(
    cast: Cast, aws: str, case: str
) -> None:
    file_format, spoil, said = BAD_FILES[case]
    connection = imported(cast, file_format=file_format)
    replace_data(bills.put_bill(bills.bill(NEXT), file_format=file_format), spoil)

    look = bills.run_import(connection)

    assert look.state == RunState.FAILED
    assert look.error_class == ErrorClass.DATA, look.error_message
    assert said in look.error_message
    assert "Traceback" not in look.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    assert is_clean()

    bills.put_bill(bills.bill(NEXT), file_format=file_format)
    assert bills.run_import(connection).portal_total == D(11)


def test_a_missing_file_is_named(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(NEXT), chunks=2)
    bills.s3().delete_object(Bucket=bills.BUCKET, Key=delivered.data_keys[1])

    look = bills.run_import(connection)

    assert look.error_class == ErrorClass.DATA
    assert delivered.data_keys[1] in look.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    assert is_clean()


def test_a_connection_cut_in_the_middle_of_a_file_is_a_passing_fault(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(NEXT))
    (key,) = delivered.data_keys
    bills.break_aws(aws, action="GetObject", path=f"{bills.BUCKET}/{key}", cut_after=1000)

    look = bills.run_import(connection)

    assert look.error_class == ErrorClass.TRANSIENT, look.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    assert is_clean()


def test_credentials_revoked_half_way_are_a_permission_fault(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill(NEXT), chunks=2)
    bills.break_aws(aws, action="GetObject", path="*-00002*", code="AccessDenied", status=403)

    look = bills.run_import(connection)

    assert look.error_class == ErrorClass.PERMISSION
    assert "s3:GetObject" in look.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    assert is_clean()


def test_a_delivery_that_is_being_written_is_left_for_later_and_tried_again(
    cast: Cast, aws: str
) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(NEXT))
    # One second is what S3 tells times by.
    time.sleep(1.1)
    (key,) = delivered.data_keys
    bills.s3().put_object(Bucket=bills.BUCKET, Key=key, Body=delivered.files[key])
    sent: list[tuple[ImportRun, int]] = []

    look = services.request_import(connection, "schedule", sender=None)
    services.run_look(look, sender=lambda run, seconds: sent.append((run, seconds)))
    services.run_month(sent[0][0], sender=lambda run, seconds: sent.append((run, seconds)))

    (first, _), (again, seconds) = sent
    first.refresh_from_db()
    assert (first.state, first.error_class) == (RunState.FAILED, ErrorClass.TRANSIENT)
    assert (again.attempt, again.billing_period) == (2, first.billing_period)
    assert seconds > 0
    look.refresh_from_db()
    assert look.state == RunState.RUNNING


def test_a_delivery_replaced_while_it_is_read_is_read_anew(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(NEXT))
    (key,) = delivered.data_keys
    place = f"{bills.BUCKET}/{key}"
    bills.forget_requests(aws)
    looks: list[ImportRun] = []

    def work() -> None:
        looks.append(bills.run_import(connection))

    with held_up(work, aws, action="GetObject", path=place):
        wait_for(lambda: bills.asked_of_aws(aws).get("s3:HeadObject", 0) >= 2)
        bills.put_bill(bills.bill([usage("100"), usage("200")]))

    (look,) = looks
    assert look.portal_total == D(300)
    (month,) = look.months.all()
    assert any("began again" in warning for warning in month.warnings)
    assert is_clean()


def test_totals_that_differ_fail_the_import(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    delivery = BillingMonth.objects.get(connection=connection).delivery
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {DAILY_COST.partition(delivery.pk)}"  # noqa: S608 - our own name
            " SET unblended_cost = unblended_cost + 1e-20"
        )
    with pytest.raises(RunFailure, match="billing_service_cost does not come to the same"):
        swap.loaded_totals(delivery)
    with pytest.raises(RunFailure, match=r"difference -0\.00000000000000000001"):
        swap.compare(
            {"USD": D(4)},
            {"USD": D("4.00000000000000000001")},
            summary.Summary(
                totals={},
                accounts=[],
                services={},
                data_through=None,
                days=(None, None),
                is_final=False,
                warnings=[],
            ),
        )


def test_columns_that_are_not_needed_may_be_absent(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    names = (
        *("identity_time_interval", "line_item_currency_code", "line_item_line_item_type"),
        *("line_item_operation", "line_item_product_code", "line_item_unblended_cost"),
        "line_item_usage_account_id",
    )
    columns = {name: CUR2_BASE[name] for name in names}
    covered = usage("3", type="SavingsPlanCoveredUsage")
    bills.put_bill(bills.bill([usage("4"), covered]), columns=columns)

    look = bills.run_import(connection)

    assert look.state == RunState.SUCCEEDED
    assert bills.facts(connection, "amortized_cost") == {(): D(7)}
    (month,) = look.months.all()
    assert any("SavingsPlanCoveredUsage is not amortized" in one for one in month.warnings)


def test_awkward_text_survives(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    awkward = "a \"quote\", a 'tick', \\, a\ttab, a\nnew line, ü, 🧾, ; and \\N"
    item = usage("4", resource_id=awkward, tags={"user:Very odd": awkward})
    for file_format in (PARQUET, CSV):
        bills.put_bill(bills.bill([item]), file_format=file_format)

        assert bills.run_import(connection).state == RunState.SUCCEEDED

        assert bills.facts(connection, "unblended_cost", "resource", "tag:Very odd") == {
            (awkward, awkward): D(4)
        }


def test_a_character_that_postgresql_cannot_hold_is_shown_as_unknown(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    item = usage("4", resource_id="a\0b", tags={"user:k": "c\0d"})
    bills.put_bill(bills.bill([item]))

    bills.run_import(connection)

    assert bills.facts(connection, "unblended_cost", "resource", "tag:k") == {
        ("a\ufffdb", "c\ufffdd"): D(4)
    }


def test_a_nonsense_manifest_is_named(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    delivered = bills.put_bill(bills.bill(NEXT))
    bills.s3().put_object(Bucket=bills.BUCKET, Key=delivered.manifest_key, Body=json.dumps([]))

    look = bills.run_import(connection)

    assert look.error_class == ErrorClass.DATA
    assert delivered.manifest_key in look.error_message
