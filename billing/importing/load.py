"""COPY into a delivery's own tables, which become partitions: invisible until a month points there.

The tables stand alone while they are filled; their CHECK lets PostgreSQL attach them unscanned.
DuckDB writes them in pieces, in a thread: PostgreSQL takes one while the next is made.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.db import connection, transaction

from billing.facts import DAILY_COST, DIMENSIONS, FACT_TABLES, ROLLUP_COST, FactTable
from billing.importing import numbering
from billing.importing.columns import literal
from billing.importing.faults import room_faults, sum_faults
from billing.importing.summary import Summary, summary
from billing.importing.warehouse import MEASURES, Warehouse

_CHUNK = 1 << 20
_PIECE_ROWS = 1 << 15
_FROM_ITEMS = 1 + FACT_TABLES.index(DAILY_COST)  # so many tables are made of cost items
_TEXT_COLUMNS = {
    *DIMENSIONS,
    *("resource_id", "cost_id", "tags", "cost_categories", "dimension", "value"),
}


@dataclass(frozen=True)
class Prepared:
    """A fact table's rows as files of text that are being written, one after the other.

    rows    how many; None where the table is not worth having
    pieces  the files; None in place of those that are not needed
    """

    table: FactTable
    rows: Future[int | None]
    pieces: Sequence[Future[Path | None]]


@contextmanager
def prepared(
    house: Warehouse, folder: Path
) -> Iterator[tuple[Iterable[Prepared], Future[Summary]]]:
    """Give the numbered tables while they become ready, and the summary."""
    most = int(house.value("SELECT count(*) FROM costs"))
    with ThreadPoolExecutor(1, thread_name_prefix="prepare") as pool:

        def prepare(table: FactTable) -> Prepared:
            rows = pool.submit(_make, house, table)
            write = partial(_write, house, folder, table, rows)
            starts = range(0, max(most, 1), _PIECE_ROWS)
            return Prepared(table, rows, [pool.submit(write, first) for first in starts])

        try:
            tables = [prepare(table) for table in FACT_TABLES[:_FROM_ITEMS]]
            summing = pool.submit(_sum_up, house)
            yield tables + [prepare(table) for table in FACT_TABLES[_FROM_ITEMS:]], summing
        finally:
            pool.shutdown(cancel_futures=True)


def _sum_up(house: Warehouse) -> Summary:
    """Sum up the cost items, which no later table is made of."""
    with sum_faults(house):
        found = summary(house)
    house.clear()
    return found


def _make(house: Warehouse, table: FactTable) -> int | None:
    with sum_faults(house):
        numbering.make(house, _name(table))
    rows = _rows(house, table)
    if table is ROLLUP_COST:
        if rows > numbering.ROLLUP_WORTH_IT * _rows(house, DAILY_COST):
            return None
        house.rollup_rows[table.name] = {"": rows}
    return rows


def _rows(house: Warehouse, table: FactTable) -> int:
    return int(house.value(f"SELECT count(*) FROM {_name(table)}"))


def _write(
    house: Warehouse, folder: Path, table: FactTable, rows: "Future[int | None]", first: int
) -> Path | None:
    if first >= (rows.result() or 0):
        return None
    name, columns = _name(table), ", ".join(table.column_names)
    path = folder / f"{name}-{first}.csv"
    with room_faults(house):
        house.execute(
            f"COPY (SELECT {columns} FROM {name}"
            f" WHERE rowid >= {first} AND rowid < {first + _PIECE_ROWS})"
            f" TO {literal(str(path))} (FORMAT csv, HEADER false, DELIMITER '\t')"
        )
    return path


def _name(table: FactTable) -> str:
    return table.name.removeprefix("billing_")


def load(delivery_id: int, tables: Iterable[Prepared]) -> None:
    """Create, fill and index the delivery's tables, then attach them: all of them or none.

    Where this fails, a table may stay that is attached to nothing; `cleanup.remove_dead` drops it.
    """
    # The daily costs take about as long as everything else: side by side, unless a transaction is
    # open already, whose locks another connection would wait for.
    is_alone = not connection.in_atomic_block
    with ThreadPoolExecutor(1, thread_name_prefix="load") as pool, _unhurried():
        beside = []
        filled = []
        for one in tables:
            if one.rows.result() is None:
                continue
            filled.append(one.table)
            if one.table is DAILY_COST and is_alone:
                beside.append(pool.submit(_fill_beside, one, delivery_id))
            else:
                _fill(one, delivery_id)
        for future in beside:
            future.result()
        # In one order everywhere: until it commits, nobody else attaches to the same tables.
        for table in filled:
            _attach(table, delivery_id)


def _fill_beside(one: Prepared, delivery_id: int) -> None:
    """Fill a table in a transaction of this thread's own connection."""
    try:
        with _unhurried():
            _fill(one, delivery_id)
    finally:
        connection.close()


@contextmanager
def _unhurried() -> Iterator[None]:
    """A transaction whose commit waits for no disk: the later one does that points a month here.

    A crash between the two loses tables that nobody could see.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO off")
            # Two sessions are at work already: helpers would only be in their way.
            cursor.execute("SET LOCAL max_parallel_maintenance_workers TO 0")
        yield


def _fill(one: Prepared, delivery_id: int) -> None:
    _create(one.table, delivery_id)
    for piece in one.pieces:
        if path := piece.result():
            _copy(one.table, delivery_id, path)
            path.unlink()
    _index(one.table, delivery_id)


def _create(table: FactTable, delivery_id: int) -> None:
    name = table.partition(delivery_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {name} (LIKE {table.name} INCLUDING DEFAULTS,"
            f" CONSTRAINT {name}_delivery CHECK (delivery_id = {delivery_id}))"
        )
        cursor.execute(f"ALTER TABLE {name} ALTER delivery_id SET DEFAULT {delivery_id}")


def _copy(table: FactTable, delivery_id: int, path: Path) -> None:
    columns = table.column_names
    texts = [name for name in columns if name in _TEXT_COLUMNS]
    # PostgreSQL reads its own format faster; where no text is quoted, both are the same.
    options = ["FORMAT text", "FREEZE"]
    if texts:
        options = ["FORMAT csv", "DELIMITER '\t'", f"FORCE_NOT_NULL ({', '.join(texts)})", "FREEZE"]
    statement = (
        f"COPY {table.partition(delivery_id)} ({', '.join(columns)})"
        f" FROM STDIN ({', '.join(options)})"
    )
    with (
        connection.cursor() as cursor,
        path.open("rb") as file,
        connection.wrap_database_errors,  # Django's cursor knows nothing of COPY
        cursor.cursor.copy(statement) as copy,
    ):
        while block := file.read(_CHUNK):
            copy.write(block)


def _index(table: FactTable, delivery_id: int) -> None:
    name = table.partition(delivery_id)
    with connection.cursor() as cursor:
        for columns in table.indexes:
            cursor.execute(f"CREATE INDEX ON {name} ({columns})")
        # No plan rests on how amounts are spread, and sorting them takes longest.
        # All rows are of one delivery: who does not know it expects a two-hundredth of them.
        keys = ["delivery_id", *(one for one in table.column_names if one not in MEASURES)]
        cursor.execute(f"ANALYZE {name} ({', '.join(keys)})")


def _attach(table: FactTable, delivery_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"ALTER TABLE {table.name} ATTACH PARTITION {table.partition(delivery_id)}"
            f" FOR VALUES IN ({delivery_id})"
        )
