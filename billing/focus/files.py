"""The dataset as a file: CSV line by line, or Parquet row group by row group."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from billing.focus.charges import Charge, Charges
from billing.focus.columns import COLUMNS, FocusColumn, Kind, Value
from billing.reports import Names
from organizations.sheets import Column, Sheet

_ROW_GROUP = 20_000
_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.AMOUNT: pa.decimal128(38, 20),  # as costs are kept
    Kind.TIME: pa.timestamp("ms", tz="UTC"),
    Kind.MAP: pa.map_(pa.string(), pa.string()),
}
# A quantity may be larger than a cost, and is kept with twelve decimals.
_QUANTITY = pa.decimal128(38, 12)
_SCHEMA = pa.schema(
    [
        (one.name, _QUANTITY if one.name.endswith("Quantity") else _TYPES[one.kind])
        for one in COLUMNS
    ],
    metadata={"FOCUS": "1.2"},
)


def focus_sheet(found: Charges) -> Sheet:
    """Return the dataset as a table for a CSV file: exact amounts, times in UTC, maps as JSON."""
    return Sheet(
        name="FOCUS",
        columns=[Column(one.name) for one in COLUMNS],
        rows=([_cell(column.value(one, found.names)) for column in COLUMNS] for one in found.rows),
        about={},
    )


def write_parquet(found: Charges, file: IO[bytes]) -> None:
    """Write the dataset as Parquet, a row group at a time."""
    with pq.ParquetWriter(file, _SCHEMA, compression="zstd") as writer:
        for batch in _batches(found.rows):
            writer.write_batch(_record_batch(batch, found.names))


def _batches(rows: Iterable[Charge]) -> Iterator[list[Charge]]:
    rows = iter(rows)
    while batch := list(islice(rows, _ROW_GROUP)):
        yield batch


def _record_batch(batch: list[Charge], names: Names) -> Any:
    arrays = [
        pa.array([_stored(column, one, names) for one in batch], _SCHEMA.field(column.name).type)
        for column in COLUMNS
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)


def _stored(column: FocusColumn, charge: Charge, names: Names) -> Any:
    value = column.value(charge, names)
    return _pairs(value) if column.kind is Kind.MAP and isinstance(value, str) else value


@lru_cache(maxsize=1024)
def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(json.loads(text).items())


def _cell(value: Value) -> str | Decimal | None:
    return _instant(value) if isinstance(value, datetime) else value


@lru_cache(maxsize=4096)
def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
