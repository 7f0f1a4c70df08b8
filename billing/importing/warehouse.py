"""The DuckDB in which one delivery is worked on: bounded memory, spilling to the spool."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from billing.facts import DIMENSIONS
from billing.importing import amounts
from billing.importing.control import ControlTotal
from billing.importing.formats.base import BillFormat
from billing.importing.readers import Reading
from billing.measures import Measure

# What most deliveries have room in, and then what was read of them; what those have that need more.
_MEMORY, _MEMORY_AFTERWARDS, MEMORY_LIMIT = "160MB", "120MB", "400MB"
THREADS = 2
MEASURES = (*Measure.values, "usage_quantity")
LABELS = (
    *DIMENSIONS,
    *("resource_id", "tags", "cost_categories", "account_name", "service_name"),
)
COSTS = ("day", *MEASURES, "line_items")
_NUMBERED_LABELS, _NUMBERED_COSTS = ("number", *LABELS), ("number", *COSTS)
# Planning a query over more tables than this takes longer than joining them takes.
_MOST_PARTS = 32
_UNKNOWN: Mapping[str, float] = {}


@dataclass(frozen=True)
class _Part:
    """Some of the cost items: relations of their labels and of their costs, in these tables.

    Both have a `number`; labels have it from 0 on, and `first` is added to it. Amounts have `scale`
    decimals; `most` says how large those of each measure are at the most, where that is known.
    """

    labels: str
    costs: str
    tables: tuple[str, ...]
    scale: int
    first: int
    most: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Warehouse:
    """The cost items of a delivery so far, in a DuckDB of their own.

    labels  the texts by which cost items are told apart, and a number, `label`
    costs   day x label -> what it costs, and how many line items that is
    items   both together

    All three are views of what was added: DuckDB fills a new table faster than it adds to one.
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
    _parts: list[_Part] = field(default_factory=list)
    _made: int = 0
    _labels: int = 0
    _has_all_memory: bool = False

    def __post_init__(self) -> None:
        """Begin with a part that is empty."""
        self.add_labelled(_nothing(_NUMBERED_LABELS), _nothing(_NUMBERED_COSTS), 0)

    def execute(self, statement: str) -> duckdb.DuckDBPyConnection:
        """Run a statement; once more, with all the memory there is, where it lacks some."""
        try:
            return self.db.execute(statement)
        except duckdb.OutOfMemoryException:
            if self._has_all_memory:
                raise
            self.take_all_memory()
            return self.db.execute(statement)

    def take_all_memory(self) -> None:
        """Let DuckDB have all the memory there is, for what cannot be done again."""
        self._has_all_memory = True
        self.db.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")

    def take_less_memory(self) -> None:
        """Let DuckDB have no more than what was read needs, unless that is more."""
        if self._has_all_memory:
            return
        with suppress(duckdb.OutOfMemoryException):  # so much is in use: the limit stays
            self.db.execute(f"SET memory_limit = '{_MEMORY_AFTERWARDS}'")

    def add(self, query: str, scale: int = amounts.COST_SCALE) -> None:
        """Add cost items, each with labels of its own: rows of LABELS and COSTS, in their order.

        Their amounts have at most `scale` decimals.
        """
        table = self._keep(query, (*LABELS, *COSTS), scale)
        numbered = f"(SELECT rowid AS number, * FROM {table})"
        self._add_part(_Part(numbered, numbered, (table,), scale, self._labels))

    def add_labelled(self, labels: str, costs: str, scale: int) -> None:
        """Add cost items that share labels: rows of a number and LABELS, of a number and COSTS.

        The numbers of labels go from 0 on, without a gap. For the rest see `add`.
        """
        labels = self._keep(labels, _NUMBERED_LABELS, scale)
        wide = self._keep(costs, _NUMBERED_COSTS, scale)
        most = self._sizes("max", wide)
        costs = self._keep(f"FROM {wide}", _NUMBERED_COSTS, scale, most)
        self.drop([wide])
        self._add_part(_Part(labels, costs, (labels, costs), scale, self._labels, most))

    def _add_part(self, part: _Part) -> None:
        if len(self._parts) == _MOST_PARTS:
            self._join_parts()
        self._parts.append(part)
        self._labels += int(self.value(f"SELECT count(*) FROM {part.labels}"))
        self._show()

    def _join_parts(self) -> None:
        before, (scale, most) = list(self._parts), self._shown_as
        labels = self._keep(
            f"SELECT label, {', '.join(LABELS)} FROM labels", _NUMBERED_LABELS, scale
        )
        given = f"SELECT label, {', '.join(COSTS)} FROM costs"
        costs = self._keep(given, _NUMBERED_COSTS, scale, most)
        self._parts[:] = [_Part(labels, costs, (labels, costs), scale, 0, most)]
        self._show()
        self.drop(table for one in before for table in one.tables)

    def _keep(
        self,
        query: str,
        columns: Sequence[str],
        scale: int,
        most: Mapping[str, float] = _UNKNOWN,
    ) -> str:
        given = f"({query}) AS given({', '.join(columns)})"
        return self.keep("items", f"SELECT {_cast(columns, scale, most)} FROM {given}")

    def keep(self, name: str, query: str) -> str:
        """Keep a query's rows in a new table; return the table's name, which begins with `name`."""
        self._made += 1
        table = f"{name}_{self._made}"
        self.execute(f"CREATE TABLE {table} AS {query}")
        return table

    def drop(self, tables: Iterable[str]) -> None:
        """Drop tables."""
        for table in tables:
            self.execute(f"DROP TABLE {table}")

    def clear(self) -> None:
        """Forget the cost items, which nobody asks for any more."""
        self.drop(table for one in self._parts for table in one.tables)
        for view in ("items", "costs", "labels"):
            self.execute(f"DROP VIEW {view}")

    @property
    def _shown_as(self) -> tuple[int, Mapping[str, float]]:
        """Return the decimals of all amounts, and how large those of a measure are at the most."""
        known = set.intersection(*(set(one.most) for one in self._parts))
        most = {name: max(one.most[name] for one in self._parts) for name in known}
        return max(one.scale for one in self._parts), most

    def _sizes(self, aggregate: str, costs: str) -> dict[str, float]:
        """Return how large the amounts of each measure are: the largest (max), or all (sum)."""
        sizes = (f"coalesce({aggregate}(abs(CAST({one} AS DOUBLE))), 0)" for one in MEASURES)
        found = self.rows(f"SELECT {', '.join(sizes)} FROM {costs}")[0]
        return dict(zip(MEASURES, found, strict=True))

    def _show(self) -> None:
        # DuckDB's own common type of two such decimals has fewer decimals than one of them.
        shown_as = self._shown_as
        for name, columns in (("labels", LABELS), ("costs", COSTS)):
            parts = " UNION ALL ".join(
                f"SELECT number + {one.first} AS label, {_cast(columns, *shown_as)}"
                f" FROM {getattr(one, name)}"
                for one in self._parts
            )
            self.execute(f"CREATE OR REPLACE VIEW {name} AS {parts}")
        self.execute(
            "CREATE OR REPLACE VIEW items AS SELECT * FROM costs JOIN labels USING (label)"
        )

    @cached_property
    def sums(self) -> str:
        """Return the SQL of every measure summed up, once all cost items were added."""
        (scale, _), most = self._shown_as, self._sizes("sum", "costs")
        types = {one: amounts.decimal_type(_scale(one, scale), most[one]) for one in MEASURES}
        return ", ".join(f"CAST(sum({name}) AS {kind}) AS {name}" for name, kind in types.items())

    @property
    def rows_read(self) -> int:
        """Return how many line items were read so far."""
        return sum(one.rows for one in self.readings)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.execute(query).fetchall()

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
        "memory_limit": _MEMORY,
        "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        # The files lie on this machine's disk: reading ahead only takes memory.
        "disable_parquet_prefetching": True,
        # A file is asked several questions, and its footer is long.
        "parquet_metadata_cache": True,
    }
    with duckdb.connect(":memory:", config=settings) as db:
        # No thread of DuckDB's may write to the terminal of an import command.
        db.execute("SET enable_progress_bar = false")
        yield Warehouse(db, folder, bill_format, ControlTotal(bill_format))


def _nothing(columns: Sequence[str]) -> str:
    return f"SELECT {', '.join('NULL' for _ in columns)} LIMIT 0"


def _cast(columns: Iterable[str], scale: int, most: Mapping[str, float] = _UNKNOWN) -> str:
    """Return SQL that gives columns of a cost item their types."""
    types = {
        "number": "BIGINT",
        "day": "DATE",
        **dict.fromkeys(LABELS, "VARCHAR"),
        **{one: amounts.decimal_type(_scale(one, scale), most.get(one)) for one in MEASURES},
        "line_items": "BIGINT",
    }
    return ", ".join(f"CAST({name} AS {types[name]}) AS {name}" for name in columns)


def _scale(measure: str, scale: int) -> int:
    return min(scale, amounts.QUANTITY_SCALE) if measure == "usage_quantity" else scale
