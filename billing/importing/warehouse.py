"""The DuckDB in which one delivery is worked on: bounded memory, spilling to the spool."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from billing.facts import DIMENSIONS
from billing.importing import amounts
from billing.importing.control import ControlTotal
from billing.importing.formats.base import BillFormat
from billing.measures import Measure

MEMORY_LIMIT = "512MB"
THREADS = 2
MEASURES = (*Measure.values, "usage_quantity")
SUMS = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
KEYS = ("day", *DIMENSIONS, "resource_id", "tags", "cost_categories")


@dataclass
class Warehouse:
    """The cost items of a delivery so far, in a DuckDB of their own."""

    db: duckdb.DuckDBPyConnection
    folder: Path
    bill_format: BillFormat
    control: ControlTotal
    rows_read: int = 0
    day_rollups: list[str] = field(default_factory=list)
    lacking: dict[str, str] = field(default_factory=dict)
    account_names: dict[str, str] = field(default_factory=dict)
    service_names: dict[str, str] = field(default_factory=dict)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.db.execute(query).fetchall()

    def note_services(self, query: str) -> None:
        """Keep the names among (service, readable name or '')."""
        self.service_names |= {code: name for code, name in self.rows(query) if name}

    def value(self, query: str) -> Any:
        """Return the first value of a query's first row."""
        return self.rows(query)[0][0]


@contextmanager
def warehouse(bill_format: BillFormat, folder: Path) -> Iterator[Warehouse]:
    """Open an empty warehouse that spills to `folder`."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=settings) as db:
        # No thread of DuckDB's may write to the terminal of an import command.
        db.execute("SET enable_progress_bar = false")
        db.execute(_create_items())
        yield Warehouse(db, folder, bill_format, ControlTotal(bill_format))


def _create_items() -> str:
    texts = ", ".join(f"{name} VARCHAR" for name in KEYS[1:])
    costs = ", ".join(f"{name} {amounts.decimal_type(amounts.COST_SCALE)}" for name in Measure)
    quantity = amounts.decimal_type(amounts.QUANTITY_SCALE)
    return (
        f"CREATE TABLE items (day DATE, {texts}, {costs}, usage_quantity {quantity},"
        " line_items BIGINT, account_name VARCHAR, service_name VARCHAR)"
    )
