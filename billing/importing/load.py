"""COPY into a delivery's own tables, which become partitions: invisible until a month points there.

The tables stand alone while they are filled; their CHECK lets PostgreSQL attach them unscanned.
While PostgreSQL takes one table, DuckDB makes the next in a thread.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from billing.facts import DAILY_COST, DIMENSIONS, FACT_TABLES, FactTable
from billing.importing import numbering
from billing.importing.columns import literal
from billing.importing.faults import room_faults
from billing.importing.warehouse import MEASURES, Warehouse

_CHUNK = 1 << 20
_TEXT_COLUMNS = {*DIMENSIONS, "resource_id", "cost_id", "tags", "cost_categories"}


@dataclass(frozen=True)
class Prepared:
    """A fact table's rows as a CSV file."""

    table: FactTable
    path: Path


@contextmanager
def prepared(house: Warehouse, folder: Path) -> Iterator[Iterable[Prepared]]:
    """Give the numbered tables one by one as they become ready; nobody else asks the house then."""
    with ThreadPoolExecutor(1, thread_name_prefix="prepare") as pool:
        waiting = [pool.submit(_prepare, house, folder, table) for table in FACT_TABLES]
        try:
            yield (future.result() for future in waiting)
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare(house: Warehouse, folder: Path, table: FactTable) -> Prepared:
    name = table.name.removeprefix("billing_")
    path = folder / f"{name}.csv"
    columns = ", ".join(table.column_names)
    with room_faults(house):
        numbering.make(house, name)
        house.db.execute(
            f"COPY (SELECT {columns} FROM {name}) TO {literal(str(path))}"
            " (FORMAT csv, HEADER false)"
        )
    return Prepared(table, path)


def load(delivery_id: int, tables: Iterable[Prepared]) -> None:
    """Create, fill and index the delivery's tables, then attach them: all of them or none.

    Where this fails, a table may stay that is attached to nothing; `cleanup.remove_dead` drops it.
    """
    # The daily costs and their rollup take about as long as everything else: side by side, unless
    # a transaction is open already, whose locks another connection would wait for.
    is_alone = not connection.in_atomic_block
    with ThreadPoolExecutor(1, thread_name_prefix="load") as pool, transaction.atomic():
        beside = []
        for one in tables:
            if one.table is DAILY_COST and is_alone:
                beside.append(pool.submit(_fill_beside, one, delivery_id))
            else:
                _fill(one, delivery_id)
        for future in beside:
            future.result()
        for table in FACT_TABLES:
            _attach(table, delivery_id)


def _fill_beside(one: Prepared, delivery_id: int) -> None:
    """Fill a table in a transaction of this thread's own connection."""
    try:
        with transaction.atomic():
            _fill(one, delivery_id)
    finally:
        connection.close()


def _fill(one: Prepared, delivery_id: int) -> None:
    _create(one.table, delivery_id)
    _copy(one, delivery_id)
    one.path.unlink()
    _index(one.table, delivery_id)


def _create(table: FactTable, delivery_id: int) -> None:
    name = table.partition(delivery_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {name} (LIKE {table.name} INCLUDING DEFAULTS,"
            f" CONSTRAINT {name}_delivery CHECK (delivery_id = {delivery_id}))"
        )
        cursor.execute(f"ALTER TABLE {name} ALTER delivery_id SET DEFAULT {delivery_id}")


def _copy(one: Prepared, delivery_id: int) -> None:
    columns = one.table.column_names
    texts = [name for name in columns if name in _TEXT_COLUMNS]
    options = ["FORMAT csv", "FREEZE"]
    if texts:
        options.append(f"FORCE_NOT_NULL ({', '.join(texts)})")
    statement = (
        f"COPY {one.table.partition(delivery_id)} ({', '.join(columns)})"
        f" FROM STDIN ({', '.join(options)})"
    )
    with (
        connection.cursor() as cursor,
        one.path.open("rb") as file,
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
        keys = [one for one in table.column_names if one not in MEASURES]
        cursor.execute(f"ANALYZE {name} ({', '.join(keys)})")


def _attach(table: FactTable, delivery_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"ALTER TABLE {table.name} ATTACH PARTITION {table.partition(delivery_id)}"
            f" FOR VALUES IN ({delivery_id})"
        )
