"""Columns of values as AWS writes them: Parquet with native maps, gzip CSV with JSON maps."""

import csv
import datetime as dt
import gzip
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from demo.bills.columns import DOUBLE, MAP, MAP_DOUBLE, STRING, TIMESTAMP, Columns

# Column by column, all of one length.
Rows = dict[str, list[Any]]
ARROW_TYPES = {
    STRING: pa.string(),
    DOUBLE: pa.float64(),
    TIMESTAMP: pa.timestamp("ms", tz="UTC"),
    MAP: pa.map_(pa.string(), pa.string()),
    MAP_DOUBLE: pa.map_(pa.string(), pa.float64()),
}


def schema_of(columns: Columns) -> pa.Schema:
    return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in columns.items()])


def _arrow_value(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == DOUBLE:
        return float(value)
    if kind in (MAP, MAP_DOUBLE):
        return list(value.items())
    return value


def table(rows: Rows, columns: Columns) -> pa.Table:
    arrays = []
    for name, kind in columns.items():
        values = rows[name]
        if all(value is None for value in values):
            arrays.append(pa.nulls(len(values), ARROW_TYPES[kind]))
            continue
        converted = values if kind == STRING else [_arrow_value(kind, value) for value in values]
        arrays.append(pa.array(converted, ARROW_TYPES[kind]))
    return pa.Table.from_arrays(arrays, schema=schema_of(columns))


def parquet(rows: Rows, columns: Columns) -> bytes:
    out = io.BytesIO()
    pq.write_table(table(rows, columns), out, compression="snappy", version="1.0")
    return out.getvalue()


def java_double(value: Decimal | float) -> str:
    """A double as AWS's CSV spells it: 24.0, 0.0, 8.9E-9."""
    text = repr(float(value))
    if value == 0:
        return "0.0"
    if 1e-3 <= abs(float(value)) < 1e7:
        return text
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    if not isinstance(exponent, int):
        return text
    mantissa = "".join(map(str, digits))
    power = exponent + len(digits) - 1
    return f"{'-' if sign else ''}{mantissa[0]}.{mantissa[1:] or '0'}E{power}"


def csv_cell(kind: str, value: Any) -> str:
    if kind in (MAP, MAP_DOUBLE):
        plain = {key: float(v) if kind == MAP_DOUBLE else v for key, v in (value or {}).items()}
        return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
    if value is None:
        return ""
    if kind == DOUBLE:
        return java_double(value)
    if kind == TIMESTAMP:
        moment: dt.datetime = value
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return str(value)


def gzip_csv(rows: Rows, columns: Columns) -> bytes:
    cells = [[csv_cell(kind, value) for value in rows[name]] for name, kind in columns.items()]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*cells, strict=True))
    return gzip.compress(out.getvalue().encode(), compresslevel=6, mtime=0)
