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
from billing.importing.readers import Reading
from billing.measures import Measure

MEMORY_LIMIT = "400MB"
THREADS = 2
MEASURES = (*Measure.values, "usage_quantity")
SUMS = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
KEYS = ("day", *DIMENSIONS, "resource_id", "tags", "cost_categories")
# Planning a query over more tables than this takes longer than joining them takes.
_MOST_PARTS = 32


@dataclass
class Warehouse:
    """The cost items of a delivery so far, in a DuckDB of their own.

    `items` is a view of what was added: DuckDB fills a new table faster than it adds to one.
    """

    db: duckdb.DuckDBPyConnection
    folder: Path
    bill_format: BillFormat
    control: ControlTotal
    rollup_rows: dict[str, dict[str, int]] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    lacking: dict[str, str] = field(default_factory=dict)
    account_names: dict[str, str] = field(default_factory=dict)
    service_names: dict[str, str] = field(default_factory=dict)
    _parts: dict[str, int] = field(default_factory=dict)  # their scales
    _added: int = 0

    def __post_init__(self) -> None:
        """Begin with a part that is empty."""
        nothing = ", ".join("NULL" for _ in _item(0))
        self.add(f"SELECT {nothing} LIMIT 0", 0)

    def add(self, query: str, scale: int = amounts.COST_SCALE) -> int:
        """Add cost items: their columns in order, whose amounts have at most `scale` decimals.

        Returns of how many line items they are.
        """
        if len(self._parts) == _MOST_PARTS:
            self._join_parts()
        part = self._keep(f"({query}) AS given({', '.join(_item(scale))})", scale)
        self._show()
        return int(self.value(f"SELECT coalesce(sum(line_items), 0) FROM {part}"))

    def _join_parts(self) -> None:
        before, widest = list(self._parts), max(self._parts.values())
        self._parts.clear()
        self._keep("items", widest)
        self._show()
        for one in before:
            self.db.execute(f"DROP TABLE {one}")

    def _keep(self, relation: str, scale: int) -> str:
        self._added += 1
        part = f"items_{self._added}"
        self.db.execute(f"CREATE TABLE {part} AS SELECT {_cast(scale)} FROM {relation}")
        self._parts[part] = scale
        return part

    def _show(self) -> None:
        # DuckDB's own common type of two such decimals has fewer decimals than one of them.
        columns = _cast(max(self._parts.values()))
        view = " UNION ALL ".join(f"SELECT {columns} FROM {one}" for one in self._parts)
        self.db.execute(f"CREATE OR REPLACE VIEW items AS {view}")

    @property
    def rows_read(self) -> int:
        """Return how many line items were read so far."""
        return sum(one.rows for one in self.readings)

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
        yield Warehouse(db, folder, bill_format, ControlTotal(bill_format))


def _cast(scale: int) -> str:
    return ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in _item(scale).items())


def _item(scale: int) -> dict[str, str]:
    """Return the columns of a cost item and their types."""
    return {
        "day": "DATE",
        **dict.fromkeys(KEYS[1:], "VARCHAR"),
        **dict.fromkeys(Measure.values, amounts.decimal_type(scale)),
        "usage_quantity": amounts.decimal_type(min(scale, amounts.QUANTITY_SCALE)),
        "line_items": "BIGINT",
        "account_name": "VARCHAR",
        "service_name": "VARCHAR",
    }
