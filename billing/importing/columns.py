"""The columns of one file, and the SQL that reads them whatever type they have there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from billing.importing import amounts


class Kind(Enum):
    """How a column's values are stored."""

    TEXT = "text"
    DOUBLE = "double"
    NUMBER = "number"
    TIMESTAMP = "timestamp"
    NANOSECONDS = "timestamp in nanoseconds"
    MAP = "map"
    EMPTY = "empty"
    OTHER = "other"


@dataclass(frozen=True)
class Column:
    """A column of a file: its name in SQL, its kind, and how the file itself spells it.

    `lacking` says in how many rows nothing stands there, None where the file does not say it.
    """

    name: str
    kind: Kind
    spelling: str
    lacking: int | None = None


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def microseconds(column: Column) -> str | None:
    """Return SQL for the microseconds since 1970 of a column of times, None for another column."""
    if column.kind is Kind.NANOSECONDS:  # of which with a time zone DuckDB has no microseconds
        return f"(epoch_ns({quoted(column.name)}) // 1000)"
    return f"epoch_us({quoted(column.name)})" if column.kind is Kind.TIMESTAMP else None


def literal(text: str) -> str:
    """Return a text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


class Fields:
    """SQL expressions over a file's columns. A column that is absent reads as empty.

    Amounts have `scale` decimals: the fewer will do, the quicker is everything that adds them up.
    `used` collects what was asked for, so that nothing else needs to be read; `amounts_used` and
    `days_used`, what it was asked for as.
    """

    def __init__(self, columns: Mapping[str, Column], scale: int = amounts.COST_SCALE) -> None:
        self._columns = columns
        self.scale = scale
        self.used: dict[str, Column] = {}
        self.amounts_used: dict[str, Column] = {}
        self.days_used: set[str] = set()

    @property
    def columns(self) -> Mapping[str, Column]:
        """Return every column there is, read or not."""
        return self._columns

    def has(self, *names: str) -> bool:
        """Whether the file has all of these columns."""
        return all(name in self._columns for name in names)

    def suppose(self, names: Iterable[str]) -> None:
        """Take columns that are absent for present and empty."""
        empty = {name: Column(name, Kind.EMPTY, name) for name in names}
        self._columns = {**empty, **self._columns}

    def starting_with(self, prefix: str) -> list[Column]:
        """Return the columns whose names start so, in the file's order."""
        return [one for name, one in self._columns.items() if name.startswith(prefix)]

    def raw(self, name: str) -> str | None:
        """Return the column itself, None when it is absent or holds nothing at all."""
        column = self._columns.get(name)
        if column is None or column.kind is Kind.EMPTY:
            return None
        self.used[name] = column
        return quoted(name)

    def kind(self, name: str) -> Kind:
        """Return how a column is stored; EMPTY when it is absent."""
        column = self._columns.get(name)
        return column.kind if column else Kind.EMPTY

    def lacking(self, name: str) -> int | None:
        """Return how many rows lack a column that there is, None where the file does not say it."""
        return self._columns[name].lacking

    def lacks_more(self, name: str, other: str) -> bool:
        """Whether more rows may lack the one column than the other, of those that there are."""
        one, two = self.lacking(name), self.lacking(other)
        return one is None or two is None or one > two

    def text(self, name: str) -> str:
        """Return SQL for text that is never null."""
        column = self.raw(name)
        if column is None:
            return "''"
        if self.kind(name) is not Kind.TEXT:
            column = f"CAST({column} AS VARCHAR)"
        return f"coalesce({column}, '')"

    def first_text(self, names: Iterable[str]) -> str:
        """Return SQL for the first of these columns that is not empty, else ''."""
        found = [self.text(name) for name in names if self.raw(name) is not None]
        if len(found) < 2:
            return found[0] if found else "''"
        return f"coalesce({', '.join(f'nullif({one}, {chr(39) * 2})' for one in found)}, '')"

    def amount(self, name: str, scale: int | None = None) -> str:
        """Return SQL for exact amounts, null where the row has none."""
        column = self.raw(name)
        scale = self.scale if scale is None else scale
        if column is None:
            return amounts.nothing(scale)
        self.amounts_used[name] = self._columns[name]
        if self.kind(name) is Kind.DOUBLE:
            return amounts.from_double(column, scale)
        if self.kind(name) is Kind.NUMBER:
            return amounts.from_number(column, scale)
        if self.kind(name) is not Kind.TEXT:
            column = f"CAST({column} AS VARCHAR)"
        return amounts.from_text(column, scale)

    def day(self, name: str) -> str:
        """Return SQL for the UTC day with which a time or an interval of times begins."""
        column = self.raw(name)
        if column is None:
            return "CAST(NULL AS DATE)"
        self.days_used.add(name)
        if since := microseconds(self._columns[name]):
            # Without a time zone's rules: these times are UTC.
            return f"CAST(make_timestamp({since}) AS DATE)"
        # What is no day fails, and so does none.
        return f"CAST(substr(coalesce(CAST({column} AS VARCHAR), ''), 1, 10) AS DATE)"

    def quantity(self, name: str) -> str:
        """Return SQL for quantities, null where the row has none."""
        return self.amount(name, min(self.scale, amounts.QUANTITY_SCALE))

    @property
    def no_amount(self) -> str:
        """Return the SQL of `amount` for a column that is absent."""
        return amounts.nothing(self.scale)

    def map_value(self, name: str, key: str) -> str:
        """Return SQL for one value of a map (native, or a JSON object as text), '' without it."""
        column = self.raw(name)
        if column is None:
            return "''"
        if self.kind(name) not in (Kind.MAP, Kind.TEXT):
            return "''"
        if self.kind(name) is Kind.MAP:
            return f"coalesce({column}[{literal(key)}], '')"
        path = literal(f'$."{key}"')
        return f"coalesce(json_extract_string(nullif({column}, ''), {path}), '')"

    def as_json(self, name: str, expression: str) -> str:
        """Return SQL that turns a map column's values into JSON text."""
        if self.kind(name) is Kind.MAP:
            return f"coalesce(CAST(to_json({expression}) AS VARCHAR), '')"
        return f"coalesce(CAST({expression} AS VARCHAR), '')"
