"""Files that are odd and right: other types, other days; and those that only look right."""

import csv
import datetime as dt
import gzip
import io
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from billing.counted import current_deliveries
from billing.models import ServiceName
from connections.models import Account
from organizations.runs import ErrorClass, RunState
from tests.billing import bills
from tests.billing.bills import PAYER, WEB, usage
from tests.billing.breaking import NEXT, imported, is_clean, replace_data
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
ITEMS = [usage("5.25"), usage("6.000000000000001", day=2)]


def retyped(**types: pa.DataType) -> Callable[[bytes], bytes]:
    """A Parquet file whose columns are of other types, with the values that they had."""

    def spoil(body: bytes) -> bytes:
        table = pq.read_table(io.BytesIO(body))
        for name, wanted in types.items():
            index = table.schema.get_field_index(name)
            table = table.set_column(index, name, _values(table.column(name), wanted))
        out = io.BytesIO()
        pq.write_table(table, out)
        return out.getvalue()

    return spoil


def _values(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.Array:
    texts = [None if one is None else str(one) for one in column.to_pylist()]
    if pa.types.is_decimal(wanted):
        return pa.array([None if one is None else D(one) for one in texts], wanted)
    if pa.types.is_timestamp(wanted):
        first = [one.partition("/")[0] for one in texts if one]
        return pa.array([dt.datetime.fromisoformat(one) for one in first], wanted)
    return pa.array(texts, pa.string()).cast(wanted)


OTHER_TYPES = {
    "costs as decimals": {"line_item_unblended_cost": pa.decimal128(38, 18)},
    "costs as text": {"line_item_unblended_cost": pa.string()},
    "accounts as integers": {"line_item_usage_account_id": pa.int64()},
    "days as timestamps": {"identity_time_interval": pa.timestamp("us", tz="UTC")},
    "texts as large texts": {"line_item_product_code": pa.large_string()},
}


@pytest.mark.parametrize("case", OTHER_TYPES)
def test_parquet_of_other_types_counts_as_exactly(cast: Cast, aws: str, case: str) -> None:
    connection = imported(cast)
    replace_data(bills.put_bill(bills.bill(ITEMS)), retyped(**OTHER_TYPES[case]))

    look = bills.run_import(connection)

    assert look.error is None, look.error["message"]
    assert look.portal_total == D("11.250000000000001")
    assert bills.facts(connection, "unblended_cost", "account", "day") == {
        (WEB, "2026-04-01"): D("5.25"),
        (WEB, "2026-04-02"): D("6.000000000000001"),
    }


def test_an_account_of_which_an_integer_has_lost_the_zeros_is_refused_or_whole(
    cast: Cast, aws: str
) -> None:
    connection = imported(cast)
    items = [usage("5", account="001122223333")]
    body = retyped(line_item_usage_account_id=pa.int64())
    replace_data(bills.put_bill(bills.bill(items)), body)

    look = bills.run_import(connection)

    assert look.error_class == ErrorClass.DATA, look.error_message
    assert "1122223333" in look.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}


@pytest.mark.parametrize("file_format", ["PARQUET", "TEXT_OR_CSV"])
def test_a_day_outside_the_period_counts_on_its_day_in_the_month_of_its_bill(
    cast: Cast, aws: str, file_format: str
) -> None:
    connection = imported(cast, file_format=file_format)
    intervals = ("2026-03-31", "2026-04-30", "2026-05-01", "2027-01-01", "2020-02-29")
    items = [
        usage("1", account=PAYER, interval=f"{day}T00:00:00Z/{day}T01:00:00Z") for day in intervals
    ]
    bills.put_bill(bills.bill(items), file_format=file_format)

    look = bills.run_import(connection)

    assert look.portal_total == D(5)
    assert bills.facts(connection, "unblended_cost", "day") == {(day,): D(1) for day in intervals}


def without_rows(body: bytes) -> bytes:
    out = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(body)).slice(0, 0), out)
    return out.getvalue()


EMPTY: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "Parquet": ("PARQUET", without_rows),
    "CSV": (
        "TEXT_OR_CSV",
        lambda body: gzip.compress(gzip.decompress(body).split(b"\n")[0] + b"\n"),
    ),
    "CSV whose only line does not end": (
        "TEXT_OR_CSV",
        lambda body: gzip.compress(gzip.decompress(body).split(b"\n")[0]),
    ),
}


@pytest.mark.parametrize("case", EMPTY)
def test_a_file_without_line_items_is_a_bill_of_nothing(cast: Cast, aws: str, case: str) -> None:
    file_format, emptied = EMPTY[case]
    connection = imported(cast, file_format=file_format)
    bills.put_bill(bills.bill([usage("7")], dt.date(2026, 3, 1), invoice_id="1"))
    replace_data(bills.put_bill(bills.bill(ITEMS), file_format=file_format), emptied)

    look = bills.run_import(connection)

    assert look.error is None, look.error["message"]
    assert bills.facts(connection, "unblended_cost") == {(): None}
    # Nothing is said of other months by a month that holds no day at all.
    april, march = current_deliveries(cast.acme)
    assert (april.first_day, april.last_day) == (bills.APRIL, bills.APRIL)
    assert march.is_final
    assert not april.touches(dt.date(2026, 3, 1), bills.APRIL)


def doubled_header(body: bytes) -> bytes:
    rows = list(csv.reader(io.StringIO(gzip.decompress(body).decode())))
    rows[0][rows[0].index("line_item_resource_id")] = "line_item_unblended_cost"
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return gzip.compress(out.getvalue().encode())


def with_last_cell(column: str, value: str) -> Callable[[bytes], bytes]:
    def spoil(body: bytes) -> bytes:
        rows = list(csv.reader(io.StringIO(gzip.decompress(body).decode())))
        rows[-1][rows[0].index(column)] = value
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        return gzip.compress(out.getvalue().encode())

    return spoil


def packed_nothing(body: bytes) -> bytes:
    """The bill, and 200 MB of empty lines in a thousandth of it."""
    return gzip.compress(gzip.decompress(body) + b'"",' * 70_000_000, 9)


BAD = {
    "two columns of one name": (doubled_header, "two columns line_item_unblended_cost"),
    "NaN": (with_last_cell("line_item_unblended_cost", "NaN"), "unblended_cost"),
    "infinity": (with_last_cell("line_item_unblended_cost", "Infinity"), "unblended_cost"),
    "minus infinity elsewhere": (
        with_last_cell("pricing_public_on_demand_cost", "-inf"),
        "pricing_public_on_demand_cost",
    ),
    "more than any decimal": (
        with_last_cell("line_item_unblended_cost", "1E+60"),
        "cannot be read",
    ),
    "a currency that is none": (with_last_cell("line_item_currency_code", "DOLLARS"), "DOLLARS"),
    "a payer that is none": (with_last_cell("bill_payer_account_id", "1234567890123"), "payer"),
    "a gzip bomb": (packed_nothing, "cannot be read"),
    "a second gzip member of garbage": (
        lambda body: body + gzip.compress(b"\x00\xff garbage \n" * 3),
        "cannot be read",
    ),
}


def test_what_postgresql_cannot_hold_is_shown_as_such(cast: Cast, aws: str) -> None:
    connection = imported(cast, file_format="TEXT_OR_CSV")
    tags = '{"resourceTags/user:Team":"a\\ud800","resourceTags/user:B\\u0000":"c","d":null}'
    delivered = bills.put_bill(
        bills.bill([usage("5", product_name="E\x00C2", account_name="W\x00b"), usage("6", day=2)]),
        file_format="TEXT_OR_CSV",
    )
    replace_data(delivered, with_last_cell("tags", tags))

    look = bills.run_import(connection)

    assert look.error is None, look.error["message"]
    assert bills.facts(connection, "unblended_cost", "tag:Team", "tag:B\ufffd", "tag:d") == {
        ("", "", ""): D(5),
        ("a\ufffd", "c", ""): D(6),
    }
    assert ServiceName.objects.of(cast.acme).get(code="AmazonEC2").name == "E\ufffdC2"
    assert Account.objects.of(cast.acme).get(account_id=WEB).name == "W\ufffdb"


@pytest.mark.parametrize("case", BAD)
def test_a_csv_file_that_only_looks_right_changes_nothing(cast: Cast, aws: str, case: str) -> None:
    spoil, said = BAD[case]
    connection = imported(cast, file_format="TEXT_OR_CSV")
    replace_data(bills.put_bill(bills.bill(NEXT), file_format="TEXT_OR_CSV"), spoil)

    look = bills.run_import(connection)

    assert (look.state, look.error_class) == (RunState.FAILED, ErrorClass.DATA), look.error_message
    assert said in look.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    assert is_clean()
    bills.put_bill(bills.bill(NEXT), file_format="TEXT_OR_CSV")
    assert bills.run_import(connection).portal_total == D(11)
