"""Files of other writers: every type and encoding comes to the same amounts, or is refused."""

import csv
import datetime as dt
import gzip
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from billing.importing import load, numbering
from billing.importing.aggregate import Reader
from billing.importing.formats import format_of
from billing.importing.readers import open_file
from billing.importing.warehouse import Warehouse, warehouse
from connections.models import FileFormat
from organizations.runs import ErrorClass, RunFailure

D = Decimal
MAP = pa.map_(pa.string(), pa.string())
PAIRS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))
LINE = {
    "identity_time_interval": "2026-10-01T00:00:00Z/2026-10-01T01:00:00Z",
    "line_item_currency_code": "USD",
    "line_item_line_item_type": "Usage",
    "line_item_operation": "RunInstances",
    "line_item_product_code": "Größe",
    "line_item_unblended_cost": "1.25",
    "line_item_usage_account_id": "111122223333",
}
TEXTS = [name for name in LINE if name != "line_item_unblended_cost"]


def table(costs: pa.Array, **more: Any) -> pa.Table:
    """Lines with these costs, and with other columns or types."""
    columns = {name: pa.array([value] * len(costs)) for name, value in LINE.items()}
    return pa.table({**columns, "line_item_unblended_cost": costs, **more})


def of_parquet(made: pa.Table, **options: Any) -> tuple[bytes, FileFormat]:
    out = io.BytesIO()
    pq.write_table(made, out, **options)
    return out.getvalue(), FileFormat.PARQUET


def of_csv(*lines: dict[str, str]) -> tuple[bytes, FileFormat]:
    out = io.StringIO()
    writer = csv.DictWriter(out, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return gzip.compress(out.getvalue().encode()), FileFormat.CSV_GZIP


def read(house: Warehouse, folder: Path, *files: tuple[bytes, FileFormat]) -> None:
    reader = Reader(house)
    for number, (body, file_format) in enumerate(files):
        path = folder / str(number)
        path.write_bytes(body)
        reader.add(open_file(path, f"part {number}", file_format))
    reader.finish()
    numbering.number(house)


def sums(
    folder: Path, *files: tuple[bytes, FileFormat], by: str, schema: str = "cur2"
) -> dict[str, Decimal]:
    """Read files; return the costs by one column, which are in all what the files come to."""
    with warehouse(format_of(schema), folder) as house:
        read(house, folder, *files)
        query = f"SELECT {by}, sum(unblended_cost) FROM items GROUP BY 1"  # noqa: S608 - our own
        found = dict(house.rows(query))
        assert house.control.totals["USD"] == sum(found.values())
    return found


def refused(folder: Path, body: bytes, file_format: FileFormat) -> str:
    with (
        warehouse(format_of("cur2"), folder) as house,
        pytest.raises(RunFailure) as caught,
    ):
        read(house, folder, (body, file_format))
    assert caught.value.error_class == ErrorClass.DATA
    return caught.value.message


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_texts_that_are_written_as_deltas_are_read(tmp_path: Path, encoding: str) -> None:
    made = table(pa.array([1.5, 2.5]))
    file = of_parquet(made, use_dictionary=False, column_encoding=dict.fromkeys(TEXTS, encoding))
    assert sums(tmp_path, file, by="service") == {"Größe": D(4)}


@pytest.mark.parametrize(
    "text",
    [
        *(pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())),
        *(pa.binary(), pa.large_binary(), pa.binary_view()),
    ],
    ids=str,
)
def test_texts_of_any_type_are_read(tmp_path: Path, text: pa.DataType) -> None:
    split = pa.array(["EKSPod-EC2", "RunInstances", "RunInstances"])
    tags = pa.array(['{"resourceTags/user:Team":"red"}', "{}", None])
    made = table(pa.array([8.0, 1.5, 2.5]), line_item_operation=split, tags=tags)
    for index, name in enumerate(made.column_names):
        if name in (*TEXTS, "tags"):
            made = made.set_column(index, name, made.column(name).cast(text))
    assert sums(tmp_path, of_parquet(made), by="service") == {"Größe": D(4)}


THIRDS = [D("0.123456789012345678905")] * 3


@pytest.mark.parametrize(
    ("costs", "total"),
    [
        (pa.array(THIRDS, pa.decimal128(38, 21)), "0.37037036703703703673"),
        (pa.array([D(90)] * 3, pa.decimal128(38, 36)), "270"),
        (pa.array([0.1, 65536.0078125, 0.75], pa.float32()), "65536.86"),
    ],
)
def test_numbers_of_any_width_count_one_by_one(tmp_path: Path, costs: pa.Array, total: str) -> None:
    assert sums(tmp_path, of_parquet(table(costs)), by="currency") == {"USD": D(total)}


def test_files_with_decimals_of_other_scales_add_up(tmp_path: Path) -> None:
    costs = [
        pa.array([D("99999.00000000000000000001")], pa.decimal128(38, 20)),
        pa.array([D("0.0000000001")], pa.decimal128(28, 10)),
        pa.array([D("1.25")], pa.decimal128(9, 2)),
        pa.array([1], pa.int64()),
    ]
    files = [of_parquet(table(one)) for one in costs]
    assert sums(tmp_path, *files, by="currency") == {"USD": D("100001.25000000010000000001")}


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_any_precision_and_zone_are_days_in_utc(
    tmp_path: Path, unit: str, zone: str | None
) -> None:
    utc = [dt.datetime(2026, 3, 31, 23, 30), dt.datetime(2026, 4, 1)]
    given = [one if zone is None else one.replace(tzinfo=dt.UTC) for one in utc]
    # The quick pass takes the one amount, the long way the other.
    made = table(
        pa.array([1.5, 1e-19]), identity_time_interval=pa.array(given, pa.timestamp(unit, zone))
    )
    assert sums(tmp_path, of_parquet(made), by="day") == {
        dt.date(2026, 3, 31): D("1.5"),
        dt.date(2026, 4, 1): D("1e-19"),
    }


def test_line_items_from_before_tags_had_their_spelling_keep_their_tags(tmp_path: Path) -> None:
    spelled = pa.array([[("resourceTags/user:Team", "red")], [], None], MAP)
    normalised = pa.array([[("user_team", "red")], [("user_team", "blue")], []], MAP)
    made = table(pa.array([1.0, 2.0, 4.0]), tags=spelled, resource_tags=normalised)
    assert sums(tmp_path, of_parquet(made), by="tags") == {
        '{"resourceTags/user:Team":"red"}': D(1),
        '{"user_team":"blue"}': D(2),
        "{}": D(4),
    }


def test_the_key_of_a_tag_may_have_a_line_break(tmp_path: Path) -> None:
    names = {
        **{name: f"lineItem/{_camel(name, 'line_item_')}" for name in LINE},
        "identity_time_interval": "identity/TimeInterval",
    }
    line = {names[name]: value for name, value in LINE.items()}
    file = of_csv({**line, "resourceTags/user:a\nb": "x"}, {**line, "resourceTags/user:a\nb": "y"})
    assert sums(tmp_path, file, by="tags", schema="legacy_cur") == {
        '{"user:a\\nb":"x"}': D("1.25"),
        '{"user:a\\nb":"y"}': D("1.25"),
    }


def _camel(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).title().replace("_", "")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            table(pa.array([1.0]), product=pa.array([[("region", "x")]], PAIRS)),
            "product is neither",
        ),
        (table(pa.array([1.0]), tags=pa.array([{"a": "b"}])), "tags is neither a map nor JSON"),
        (table(pa.array([D(1)], pa.decimal256(60, 25))), "numbers of more than 38 digits"),
        (table(pa.array([1.0]), Line_Item_Operation=pa.array(["x"])), "has two columns"),
    ],
)
def test_columns_of_which_nothing_exact_can_be_read_are_refused(
    tmp_path: Path, made: pa.Table, said: str
) -> None:
    assert said in refused(tmp_path, *of_parquet(made))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("identity_time_interval", "infinity", "infinity"),
        ("identity_time_interval", "epoch", "1970-01-01"),
        ("identity_time_interval", "0026-04-01", "0026-04-01"),
        ("identity_time_interval", "2100-01-01T00:00:00Z", "2100-01-01"),
        ("line_item_currency_code", "US\0", "no ISO 4217 code"),
        ("tags", "[" * 100_000, "no JSON object"),
        (
            "product",
            "{'region':'x'}",
            "the column product holds “{'region':'x'}”, which is no JSON",
        ),
    ],
)
def test_values_that_no_bill_has_are_refused(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    assert said in refused(tmp_path, *of_csv({**LINE, name: value}))


def test_a_line_item_without_a_day_is_named_with_its_file_and_column(tmp_path: Path) -> None:
    intervals = pa.array([LINE["identity_time_interval"], None])
    made = table(pa.array([1.0, 2.0]), identity_time_interval=intervals)
    said = refused(tmp_path, *of_parquet(made))
    assert said == (
        "part 0 cannot be read: the column identity_time_interval holds “”, which is no day."
    )


def test_a_file_that_does_not_begin_with_a_header_is_refused(tmp_path: Path) -> None:
    body = gzip.compress(b"x" * 200_000)
    assert "does not begin with a header" in refused(tmp_path, body, FileFormat.CSV_GZIP)


def test_amounts_too_large_to_be_added_up_are_refused(tmp_path: Path) -> None:
    accounts = pa.array(["111122223333", "222233334444"])
    file = of_parquet(table(pa.array([9e17, 9e17]), line_item_usage_account_id=accounts))
    with warehouse(format_of("cur2"), tmp_path) as house:
        read(house, tmp_path, file)
        with load.prepared(house, tmp_path) as (tables, _), pytest.raises(RunFailure) as caught:
            for one in tables:
                one.rows.result()
    assert caught.value.error_class == ErrorClass.DATA
    assert "too large to be added up" in caught.value.message
