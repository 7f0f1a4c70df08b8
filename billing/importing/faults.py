"""What is wrong with a file's content, told by file and column."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import duckdb

from billing.importing import amounts, spool
from billing.importing.columns import Column, Fields, Kind, quoted
from billing.importing.formats.base import Selection
from billing.importing.readers import BillFile, unreadable
from billing.importing.warehouse import MEMORY_LIMIT, Warehouse
from organizations.runs import ErrorClass, RunFailure

_SPARE = 1 << 30  # a disk with more room than this is not full
_OUR_FAULT = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.InternalException,
    duckdb.ParserException,
)


@contextmanager
def data_faults(
    house: Warehouse, file: BillFile, fields: Fields, selection: Selection
) -> Iterator[None]:
    """Turn DuckDB's errors over a file's content into failures that name file and column."""
    try:
        with room_faults(house), _size_faults(file.label):
            yield
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        named = _wrong_cell(house, file, fields, selection)
        raise unreadable(file.label, named or first_line(error)) from None
    except _OUR_FAULT:
        raise
    except duckdb.Error as error:
        raise unreadable(file.label, first_line(error)) from None


@contextmanager
def rule_faults(house: Warehouse, labels: Sequence[str]) -> Iterator[None]:
    """Turn DuckDB's errors over what the rules make of these files' groups into failures."""
    others = f", or one of the {len(labels) - 1} files after it," if len(labels) > 1 else ""
    with room_faults(house), _size_faults(f"{labels[0]}{others}"):
        yield


@contextmanager
def _size_faults(label: str) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfRangeException as error:
        raise unreadable(label, f"an amount is too large ({first_line(error)})") from None


@contextmanager
def room_faults(house: Warehouse) -> Iterator[None]:
    """Turn a full disk, or too little memory, into a failure that says so."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise _no_room(house) from None
    except (duckdb.IOException, OSError) as error:
        if "no space" in str(error).lower():
            raise spool.disk_full(house.folder) from None
        raise


@contextmanager
def sum_faults(house: Warehouse) -> Iterator[None]:
    """Turn sums for which no decimal has room into a failure that says so, too."""
    try:
        with room_faults(house):
            yield
    except duckdb.OutOfRangeException as error:
        raise RunFailure(
            ErrorClass.DATA,
            f"The amounts of the bill are too large to be added up ({first_line(error)}).",
            "The month stays as it was. Check that the export's files are as AWS wrote them.",
        ) from None


def _no_room(house: Warehouse) -> RunFailure:
    # What has no room in memory goes to the disk: DuckDB lacks memory where that is full, too.
    if shutil.disk_usage(house.folder).free < _SPARE:
        return spool.disk_full(house.folder)
    return RunFailure(
        ErrorClass.BUG,
        f"The delivery does not fit into the {MEMORY_LIMIT} of memory that DuckDB has for an"
        " import.",
        "The month stays as it was. Please report this with the number and size of its files.",
    )


def _wrong_cell(
    house: Warehouse, file: BillFile, fields: Fields, selection: Selection
) -> str | None:
    """Look for the first cell that is no amount, no day or no JSON."""
    tests: list[tuple[Column, Callable[[str], str]]] = [
        (column, _is_no_amount) for column in fields.amounts_used.values()
    ]
    for column, test in tests:
        if (found := _first(house, file, fields, column, test(quoted(column.name)))) is not None:
            return f"the column {column.spelling} holds “{found}”, which is no amount"
    for column in fields.used.values():
        if quoted(column.name) in selection.day:
            is_no_day = f"TRY_CAST(substr(CAST({quoted(column.name)} AS VARCHAR), 1, 10) AS DATE)"
            found = _first(house, file, fields, column, f"{is_no_day} IS NULL")
            if found is not None:
                return f"the column {column.spelling} holds “{found}”, which is no day"
        elif column.name in house.bill_format.maps and column.kind is Kind.TEXT:
            is_no_json = f"NOT json_valid(nullif({quoted(column.name)}, ''))"
            found = _first(house, file, fields, column, is_no_json)
            if found is not None:
                return f"the column {column.spelling} holds “{found}”, which is no JSON"
    return None


def _is_no_amount(column: str) -> str:
    text = f"nullif(trim(CAST({column} AS VARCHAR)), '')"
    wide = amounts.decimal_type(amounts.COST_SCALE)
    return f"{text} IS NOT NULL AND TRY_CAST({text} AS {wide}) IS NULL"


def _first(
    house: Warehouse, file: BillFile, fields: Fields, column: Column, condition: str
) -> str | None:
    try:
        with file.relation(house.db, fields) as (relation, _):
            found = house.rows(
                f"SELECT left(CAST({quoted(column.name)} AS VARCHAR), 60)"
                f" FROM {relation} WHERE {condition} LIMIT 1"
            )
    except RunFailure:
        return None
    return found[0][0] or "" if found else None


def first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".")[:200]
