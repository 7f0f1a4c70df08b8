"""Line items to cost items, inside DuckDB: one pass over each file, then the rules on its groups.

A Parquet file is grouped before the rules are applied (`grouping`, `waiting`); a CSV file, and what
the quick pass leaves out, is grouped while they are.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

import duckdb

from billing.importing.columns import Fields, literal
from billing.importing.cost_items import NO_NAMES, of_line_items
from billing.importing.faults import data_faults, first_line
from billing.importing.formats.base import Selection
from billing.importing.grouping import Grouping, grouping
from billing.importing.readers import BillFile, ParquetFile, unreadable
from billing.importing.waiting import Waiting
from billing.importing.warehouse import Warehouse

_FIRST_ROWS = 20_000
_MANY = 150_000  # groups, of some 300 bytes each


@dataclass
class Reader:
    """Reads files into a warehouse, which has all of them once `finish` was called.

    Services in `known_services` have a readable name already.
    """

    house: Warehouse
    known_services: frozenset[str] = frozenset()
    _waiting: dict[Hashable, Waiting] = field(default_factory=dict)

    def add(self, file: BillFile) -> None:
        """Read one file. Raises RunFailure, class DATA, naming file and column."""
        file.require(self.house.bill_format)
        if isinstance(file, ParquetFile):
            self._add_parquet(file)
        else:
            _add_stream(self.house, file)

    def finish(self) -> None:
        """Add what still waits for the rules. Raises RunFailure, class DATA."""
        for waiting in self._waiting.values():
            waiting.apply()

    def _add_parquet(self, file: ParquetFile) -> None:
        house, only_where = self.house, _conditions(self.house, file)
        needed = {name: one for name, one in file.columns.items() if only_where.get(name, "1")}
        fields = Fields(needed)
        selection = house.bill_format.select(fields)
        quick = grouping(file, fields, selection, only_where)
        with data_faults(house, file, fields, selection):
            with file.relation(house.db, fields, house.control) as (relation, reading):
                rest, services = self._quick_pass(file, quick, selection)
                if rest:
                    house.add(of_line_items(selection, relation, rest, NO_NAMES))
                    services |= _services(house, selection, f"{file.source} WHERE {rest}")
            _name_accounts(house, file)
            _name_services(house, file, services - self.known_services)
        house.readings.append(reading)
        house.lacking.update(selection.lacking)

    def _quick_pass(
        self, file: ParquetFile, quick: Grouping | None, selection: Selection
    ) -> tuple[str, set[str]]:
        """Return the condition of what it leaves out, '' for nothing, and the services it found."""
        if quick is None:
            return "true", set()
        waiting = self._waiting.setdefault(quick.like, Waiting(self.house, quick, selection))
        found = waiting.add(file)
        services = _services(self.house, waiting.rules, waiting.texts)
        if sum(one.groups for one in self._waiting.values()) >= _MANY:
            self.finish()
        return _left_out(self.house, file, quick, found), services


def _add_stream(house: Warehouse, file: BillFile) -> None:
    fields = Fields(file.columns)
    selection = house.bill_format.select(fields)
    names = house.bill_format.names(fields)
    house.take_all_memory()  # a stream is read once
    with (
        data_faults(house, file, fields, selection),
        file.relation(house.db, fields, house.control) as (relation, reading),
    ):
        house.readings.append(reading)
        house.add(of_line_items(selection, relation, "true", names))
    house.lacking.update(selection.lacking)


def _conditions(house: Warehouse, file: ParquetFile) -> dict[str, str]:
    """Return {column: the condition of the line items that need it}, '' where none does."""
    conditions = {}
    for name, needs in house.bill_format.rarely_needed.items():
        condition = needs(Fields(file.columns)) if name in file.columns else None
        if condition is None:
            continue
        try:
            needed = house.rows(f"SELECT 1 FROM {file.source} WHERE {condition} LIMIT 1")
        except duckdb.Error as error:
            raise unreadable(file.label, first_line(error)) from None
        conditions[name] = condition if needed else ""
    return conditions


def _left_out(house: Warehouse, file: ParquetFile, quick: Grouping, found: int) -> str:
    if found == file.rows:
        return ""
    # Some line items are no money, or need the long way.
    left = house.rows(f"SELECT 1 FROM {file.source} WHERE {quick.is_slow} LIMIT 1")
    return quick.is_slow if left else ""


def _services(house: Warehouse, rules: Selection, source: str) -> set[str]:
    found = house.rows(f"SELECT DISTINCT {rules.dimensions['service']} FROM {source}")
    return {code for (code,) in found} - {""}


def _name_accounts(house: Warehouse, file: ParquetFile) -> None:
    """Find the names of accounts: columns of their own, which no group needs."""
    fields = Fields(file.columns)
    name, _ = house.bill_format.names(fields)
    if name != "''":
        account = house.bill_format.select(fields).dimensions["account_id"]
        house.account_names |= house.rows(
            f"SELECT {account}, max({name}) FROM {file.source} GROUP BY 1"
        )


def _name_services(house: Warehouse, file: ParquetFile, new: set[str]) -> None:
    """Find the readable names of new services: the column is wide, few of its rows are read."""
    fields = Fields(file.columns)
    _, name = house.bill_format.names(fields)
    if name == "''":
        return
    service = house.bill_format.select(fields).dimensions["service"]
    if new - house.service_names.keys():
        first = f"SELECT * FROM {file.source} LIMIT {_FIRST_ROWS}"
        house.note_services(f"SELECT {service}, max({name}) FROM ({first}) GROUP BY 1")
    for code in sorted(new - house.service_names.keys()):
        house.note_services(
            f"SELECT {service}, {name} FROM {file.source} WHERE {service} = {literal(code)} LIMIT 1"
        )
