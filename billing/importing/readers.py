"""The files of a delivery as relations that DuckDB reads: Parquet by itself, CSV as Arrow batches.

Reading also feeds the control total (`control.ControlTotal`), straight from the file's own rows.
"""

import csv
import gzip
import io
import threading
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from billing.importing.amounts import COST_SCALE
from billing.importing.columns import Column, Fields, Kind, literal
from billing.importing.control import ControlTotal
from billing.importing.formats.base import BillFormat
from connections.models import FileFormat
from organizations.runs import ErrorClass, RunFailure

# Arrow's own allocator keeps tens of megabytes more than its reading needs.
pa.set_memory_pool(pa.system_memory_pool())
# Arrow reads many blocks ahead; no line that AWS writes is nearly as long as one.
_CSV_BLOCK = 1 << 20
_HEADER_LIMIT = 4 << 20
_BATCH_ROWS = 1 << 15
# Billing lines shrink to a twentieth; what grows more than this was made to fill a machine.
_GROWTH_LIMIT = 250
_GROWTH_FREE = 64 << 20
_MAP_KEY = ".key_value.key"
_MAP_KINDS = (Kind.MAP, Kind.TEXT, Kind.EMPTY)
# Categories of legacy columns whose names are people's own.
_SPELLED = ("resourceTags", "costCategory")
_NEXT_DELIVERY = (
    "The month stays as it was. AWS writes the file anew with its next delivery; if this one stays"
    " bad, delete and re-create the export or ask AWS Support."
)


def unreadable(label: str, why: str) -> RunFailure:
    """Return the failure of a file that is not what it should be."""
    return RunFailure(ErrorClass.DATA, f"{label} cannot be read: {why}.", _NEXT_DELIVERY)


@dataclass
class Reading:
    """What one pass over a file found: how many line items."""

    rows: int = 0


class BillFile(ABC):
    """One data file. `label` is its address in sentences; `columns` by normalised name."""

    def __init__(self, path: Path, label: str) -> None:
        self.path = path
        self.label = label
        self.columns: Mapping[str, Column] = {}

    @abstractmethod
    @contextmanager
    def relation(
        self, db: duckdb.DuckDBPyConnection, fields: Fields, control: ControlTotal | None = None
    ) -> Iterator[tuple[str, Reading]]:
        """Give the SQL of a relation to read once; a control total is fed meanwhile."""

    def require(self, bill_format: BillFormat) -> None:
        """Raise RunFailure when a column is missing without which nothing exact can be said.

        Or when one that must be a map is of a type from which no keys can be read.
        """
        missing = [name for name in bill_format.required if name not in self.columns]
        if missing:
            raise RunFailure(
                ErrorClass.DATA,
                f"{self.label} lacks what every {bill_format.name} export needs:"
                f" {', '.join(missing)}.",
                "Add these columns to the export's query; check too that the export's type is what"
                " the connection says.",
            )
        for name in bill_format.maps:
            column = self.columns.get(name)
            if column and column.kind not in _MAP_KINDS:
                raise unreadable(
                    self.label, f"the column {column.spelling} is neither a map nor JSON text"
                )


class ParquetFile(BillFile):
    """A Parquet file, read by DuckDB; pyarrow reads the columns of the control total.

    Questions may be asked of it besides. `nulls` says how many rows lack a column's value, as far
    as the file says so.
    """

    def __init__(self, path: Path, label: str) -> None:
        super().__init__(path, label)
        try:
            with pq.ParquetFile(path) as file:
                self._metadata = file.metadata
                self.rows: int = file.metadata.num_rows
                self.nulls = _nulls(file.metadata)
                schema = file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise unreadable(label, f"it is no whole Parquet file ({_short(error)})") from None
        if wide := [one.name for one in schema if pa.types.is_decimal256(one.type)]:
            raise unreadable(label, f"the column {wide[0]} has numbers of more than 38 digits")
        self.columns = _without_doubles(
            label,
            [
                Column(one.name, self._kind_of(one), one.name, self.nulls.get(one.name))
                for one in schema
            ],
        )

    def _kind_of(self, field: pa.Field) -> Kind:
        # AWS writes every column, also those in which nothing ever stands.
        return Kind.EMPTY if self.nulls.get(field.name) == self.rows else _kind_of(field.type)

    @property
    def source(self) -> str:
        """Return the SQL of the file's relation."""
        # Old writers do not say which of their bytes are text.
        return f"read_parquet({literal(str(self.path))}, binary_as_string = true)"

    @contextmanager
    def relation(
        self, db: duckdb.DuckDBPyConnection, fields: Fields, control: ControlTotal | None = None
    ) -> Iterator[tuple[str, Reading]]:
        with _beside(partial(self._feed, control)) if control else nullcontext():
            yield self.source, Reading(self.rows)

    def _feed(self, control: ControlTotal) -> None:
        try:
            deltas = _delta_coded(self._metadata, control.columns)
            texts = [one for one in control.columns if self.columns[one].kind is Kind.TEXT]
            with pq.ParquetFile(
                self.path,
                metadata=self._metadata,
                read_dictionary=[one for one in texts if one not in deltas],
                pre_buffer=False,
            ) as file:
                columns = list(control.columns)
                # This is one thread beside DuckDB's already.
                for batch in file.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False):
                    control.add(batch, self.label)
        except (pa.ArrowException, OSError) as error:
            raise unreadable(self.label, _short(error)) from None


class CsvFile(BillFile):
    """A compressed CSV file: every cell is text."""

    def __init__(self, path: Path, label: str, file_format: FileFormat) -> None:
        super().__init__(path, label)
        self._open = _open_zip if file_format == FileFormat.CSV_ZIP else _open_gzip
        self._spellings = self._header()
        self.columns = _without_doubles(
            label,
            [
                Column(_csv_name(number, one), Kind.TEXT, one)
                for number, one in enumerate(self._spellings)
            ],
            merges=True,
        )

    def _open_for_arrow(self) -> Any:
        if self._open is _open_gzip:
            return pa.CompressedInputStream(pa.OSFile(str(self.path)), "gzip")
        return pa.PythonFile(self._open(self.path, self.label), mode="r")

    def _header(self) -> list[str]:
        try:
            with self._open(self.path, self.label) as stream:
                text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
                # A tag's key may have line breaks.
                lines = iter(partial(text.readline, _HEADER_LIMIT), "")
                found, self._has_lines = next(csv.reader(lines), []), bool(text.read(1))
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, UnicodeDecodeError) as error:
            raise unreadable(self.label, _short(error)) from None
        except csv.Error as error:
            raise unreadable(self.label, f"it does not begin with a header ({error})") from None
        if not found:
            raise unreadable(self.label, "it is empty, without even a header")
        return found

    @contextmanager
    def relation(
        self, db: duckdb.DuckDBPyConnection, fields: Fields, control: ControlTotal | None = None
    ) -> Iterator[tuple[str, Reading]]:
        reading = Reading()
        failed: list[BaseException] = []
        used = {column.name for column in fields.used.values()}
        used |= set(control.columns) if control else set()
        schema = pa.schema([(name, pa.string()) for name in sorted(used)])
        batches = self._batches(schema, reading, control, failed)
        db.register("csv_lines", pa.RecordBatchReader.from_batches(schema, batches))
        try:
            yield "csv_lines", reading
        except duckdb.Error:
            # DuckDB tells of a reader's exception by its text alone.
            if failed:
                raise failed[0] from None
            raise
        finally:
            db.unregister("csv_lines")

    def _batches(
        self,
        schema: pa.Schema,
        reading: Reading,
        control: ControlTotal | None,
        failed: list[BaseException],
    ) -> Iterator[pa.RecordBatch]:
        unpacked = 0
        try:
            for batch in self._read(schema):
                reading.rows += batch.num_rows
                unpacked += batch.nbytes
                _refuse_bomb(self.label, unpacked, self.path)
                if control:
                    control.add(batch.select(list(control.columns)), self.label)
                yield batch
        except (pa.ArrowException, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            failed.append(unreadable(self.label, _csv_fault(error)))
            raise failed[0] from None
        except RunFailure as failure:
            failed.append(failure)
            raise

    def _read(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        if not self._has_lines:
            return  # Arrow misses the line's end
        names = [f"{number}:{one}" for number, one in enumerate(self._spellings)]
        wanted = [names[self._spellings.index(self.columns[one].spelling)] for one in schema.names]
        with self._open_for_arrow() as stream:
            lines = arrow_csv.open_csv(
                stream,
                read_options=arrow_csv.ReadOptions(
                    block_size=_CSV_BLOCK, column_names=names, skip_rows_after_names=1
                ),
                parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.string()),
                    strings_can_be_null=False,
                ),
            )
            for batch in lines:
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)


def open_file(path: Path, label: str, file_format: FileFormat) -> BillFile:
    """Open a fetched file. Raises RunFailure, class DATA, when it is not what its name says."""
    if file_format == FileFormat.PARQUET:
        return ParquetFile(path, label)
    return CsvFile(path, label, file_format)


def normalised(name: str) -> str:
    """Return a column's name as AWS writes it in Parquet and in CUR 2.0.

    >>> normalised("lineItem/UnblendedCost")
    'line_item_unblended_cost'
    >>> normalised("reservation/ReservationARN")
    'reservation_reservation_a_r_n'
    """
    if "/" not in name:
        return name
    spelled = "".join(
        f"_{char.lower()}" if char.isupper() else char if char.isalnum() else "_" for char in name
    )
    return "_".join(filter(None, spelled.split("_")))


def _csv_name(number: int, spelling: str) -> str:
    """Return a column's name; tags differ by case alone, which SQL's names do not: numbered."""
    category = spelling.partition("/")[0]
    return f"{category}/{number}" if category in _SPELLED else normalised(spelling)


def _nulls(metadata: Any) -> dict[str, int]:
    """Return how many rows lack a value of each flat column, where every row group says it.

    Of a map's column: how many rows have a map without a single key, or none.
    """
    named = {}
    for index, column in enumerate(metadata.schema):
        if column.path == column.name:
            named[index] = column.name
        elif column.path.endswith(_MAP_KEY):
            named[index] = column.path.removesuffix(_MAP_KEY)
    found = dict.fromkeys(named.values(), 0)
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for index, name in named.items():
            said = group.column(index).statistics
            if said is None or not said.has_null_count:
                found.pop(name, None)
            elif name in found:
                found[name] += said.null_count
    return found


def _delta_coded(metadata: Any, names: Iterable[str]) -> set[str]:
    """Return which columns Arrow cannot read as dictionaries; AWS writes some texts so."""
    indexes = [index for index, one in enumerate(metadata.schema) if one.path in set(names)]
    return {
        column.path_in_schema
        for group in map(metadata.row_group, range(metadata.num_row_groups))
        for column in map(group.column, indexes)
        if any(one.startswith("DELTA") for one in column.encodings)
    }


def _without_doubles(
    label: str, columns: list[Column], *, merges: bool = False
) -> dict[str, Column]:
    """Return the columns by name. Legacy CUR has names that are equal once normalised: merged.

    Others must differ by more than case, which SQL's names do not tell apart.
    """
    found: dict[str, Column] = {}
    known = set()
    for column in columns:
        spelling = column.spelling if merges else column.spelling.lower()
        if spelling in known:
            raise unreadable(label, f"it has two columns {column.spelling}")
        known.add(spelling)
        found.setdefault(column.name, column)
    return found


def _kind_of(arrow_type: Any) -> Kind:
    types = pa.types
    tests = (
        (Kind.TEXT, (types.is_string, types.is_large_string, types.is_string_view)),
        (Kind.TEXT, (types.is_binary, types.is_large_binary, types.is_binary_view)),
        (Kind.TEXT, (types.is_dictionary,)),
        (Kind.DOUBLE, (types.is_float64,)),
        (Kind.NUMBER, (types.is_integer, _is_exact)),
        (Kind.NANOSECONDS, (_has_nanoseconds,)),
        (Kind.TIMESTAMP, (types.is_timestamp, types.is_date)),
        (Kind.MAP, (types.is_map,)),
        (Kind.EMPTY, (types.is_null,)),
    )
    for kind, checks in tests:
        if any(check(arrow_type) for check in checks):
            return kind
    return Kind.OTHER


def _has_nanoseconds(arrow_type: Any) -> bool:
    return bool(pa.types.is_timestamp(arrow_type) and arrow_type.unit == "ns")


def _is_exact(arrow_type: Any) -> bool:
    """Whether a decimal has no more places than an amount; of others each value is rounded."""
    return bool(pa.types.is_decimal(arrow_type) and arrow_type.scale <= COST_SCALE)


def _open_gzip(path: Path, label: str) -> Any:
    return gzip.open(path, "rb")


def _open_zip(path: Path, label: str) -> Any:
    archive = zipfile.ZipFile(path)
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) != 1:
        raise unreadable(label, f"the ZIP holds {len(members)} files instead of one")
    _refuse_bomb(label, members[0].file_size, path)
    try:
        return archive.open(members[0])
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in another way
        raise unreadable(label, _short(error)) from None


def _refuse_bomb(label: str, size: int, path: Path) -> None:
    if size > _GROWTH_FREE and size > _GROWTH_LIMIT * path.stat().st_size:
        raise unreadable(
            label,
            f"it unpacks to more than {_GROWTH_LIMIT} times its size, which no bill does",
        )


@contextmanager
def _beside(work: Any) -> Iterator[None]:
    """Do some work in a thread while the block runs; its exception comes after the block's."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failed:
        raise failed[0]


def _csv_fault(error: BaseException) -> str:
    if "straddling" in str(error):
        return f"a line is longer than {_CSV_BLOCK >> 20} MiB"
    return _short(error)


def _short(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
