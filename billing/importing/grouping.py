"""Line items to groups of line items that no rule tells apart: a Parquet file's quick pass.

Every rule of a format reads texts, and adds amounts up. So it says the same of the sum of line
items as of each of them, where they have the same texts and lack the same amounts. The quick pass
groups by just that, with amounts as whole numbers of 10^-10; then the rules are applied to groups.

Of a line item's texts only its day and its resource are compared. The others, and its maps, are
told apart by a hash of theirs, and read of one line item for each hash: comparing maps takes longer
than everything else together, and groups as narrow as that stay in the processor's cache. In files
that are `like` each other the same has the same hash, so their groups are worked on together. A
hash has 64 bits: that two combinations of texts seem to be the same happens once in some 10^9 files
with 100,000 of them. One would then be named as the other; no cost would be lost.

An amount that is not exactly such a number (more decimals, too large, no number at all) sends its
line item the long way, by which every line item of a CSV file goes.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

from billing.importing import amounts
from billing.importing.columns import Column, Fields, Kind, microseconds, quoted
from billing.importing.formats.base import Selection
from billing.importing.readers import ParquetFile

LINE_ITEMS = "line_items"
TAGS, COST_CATEGORIES = "tag_map", "category_map"
# Tables of the quick pass. A hash bears the name of the table in which stands what is behind it.
LINE_GROUPS, TEXTS, MAPS, LABELS = "line_groups", "group_texts", "group_maps", "group_labels"
# DuckDB's own column of a Parquet file: which row it is.
_ROW = "file_row_number"
_DECIMALS = 10
# Two doubles below it lie nearer than 10^-10: at most one such decimal means a double.
_BOUND = "5e5"
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Grouping:
    """The quick pass over one file, or over files like it: its SQL.

    What line items are told apart by stands in four {name in SQL: SQL}: `days`, times of which the
    day counts; `resources`; `texts`, the other columns; `maps`, TAGS and COST_CATEGORIES.
    `columns`: those of the groups, for `Fields`.
    """

    days: Mapping[str, str]
    resources: Mapping[str, str]
    texts: Mapping[str, str]
    maps: Mapping[str, str]
    amounts: Mapping[str, "_Amount"]
    columns: Mapping[str, Column]
    counts: str

    @property
    def like(self) -> Hashable:
        """Return what is equal for files whose groups the same rules say the same of."""
        return (self.line_groups(""), *self.texts, *self.columns.items())

    @property
    def scale(self) -> int:
        """Return how many decimals the groups' amounts have."""
        is_double = all(one.is_double for one in self.amounts.values())
        return _DECIMALS if is_double else amounts.COST_SCALE

    @property
    def is_quick(self) -> str:
        """Return the condition that all amounts of a line item are numbers of units."""
        doubles = {name: one for name, one in self.amounts.items() if one.is_double}
        if not doubles:
            return "true"
        largest = f"greatest({', '.join(f'abs({name})' for name in doubles)})"
        are_whole = " AND ".join(one.is_whole for one in doubles.values())
        return f"coalesce({largest} < {_BOUND}, true) AND {are_whole}"

    @property
    def is_slow(self) -> str:
        """Return the condition of the line items that are left out."""
        return f"({self.is_quick}) IS NOT TRUE"

    def line_groups(self, source: str) -> str:
        """Group a file's line items, quick ones and others apart; say of one where it stands."""
        lacking = [f"{name} IS NULL" for name, one in self.amounts.items() if one.is_sparse]
        return _select(
            [
                *(f"{key} AS {name}" for name, key in {**self.days, **self.resources}.items()),
                f"hash({', '.join([*self.texts.values(), *lacking]) or 'NULL'}) AS {TEXTS}",
                # Each by itself: two maps have the hash of one that has the entries of both.
                f"hash({', '.join(f'hash({one})' for one in self.maps.values())}) AS {MAPS}",
                f"{self.is_quick} AS is_quick",
                *(f"{one.sum} AS {name}" for name, one in self.amounts.items()),
                f"count(*) AS {LINE_ITEMS}",
                f"any_value({_ROW}) AS {_ROW}",
            ],
            f"{source} WHERE {self.counts} GROUP BY ALL",
        )

    def behind(self, hashed: str, line_groups: str, source: str) -> str:
        """Find what stands in a file behind each hash, TEXTS or MAPS, of its line groups."""
        columns = self.texts if hashed == TEXTS else self.maps
        one_each = _select(
            [hashed, f"any_value({_ROW}) AS {_ROW}"],
            f"{line_groups} WHERE is_quick GROUP BY {hashed}",
        )
        return _select(
            [hashed, *(f"{one} AS {name}" for name, one in columns.items())],
            f"{source} JOIN ({one_each}) USING ({_ROW})",
        )

    @property
    def distinct_labels(self) -> str:
        """Find what LINE_GROUPS are told apart by but the day: LABELS."""
        return _select(
            ["DISTINCT " + ", ".join((TEXTS, MAPS, *self.resources))],
            f"{LINE_GROUPS} WHERE is_quick",
        )

    @property
    def labels(self) -> str:
        """Join LABELS to what stands behind their hashes. They have a number, from 0 on."""
        return _select(
            [f"{LABELS}.rowid AS number", *self.resources, *self.texts, *self.maps],
            f"{LABELS} JOIN {TEXTS} USING ({TEXTS}) JOIN {MAPS} USING ({MAPS})",
        )

    @property
    def groups(self) -> str:
        """Join LINE_GROUPS to their labels' number and texts, with their sums as amounts."""
        labelled = " AND ".join(
            # A line item without a resource may have null there.
            f"{LINE_GROUPS}.{name} IS NOT DISTINCT FROM {LABELS}.{name}"
            for name in (TEXTS, MAPS, *self.resources)
        )
        return _select(
            [
                f"{LABELS}.rowid AS number",
                *self.days,
                *(f"{LABELS}.{name}" for name in self.resources),
                *self.texts,
                *(f"{one.amount(self.scale)} AS {name}" for name, one in self.amounts.items()),
                LINE_ITEMS,
            ],
            f"{LINE_GROUPS} JOIN {LABELS} ON {labelled}"
            f" JOIN {TEXTS} ON {TEXTS}.{TEXTS} = {LINE_GROUPS}.{TEXTS} WHERE is_quick",
        )

    def proof(self, line_groups: str, day: str) -> str:
        """Fail over a file's groups where making their `day` or their amounts will fail."""
        # A sum of doubles that are quick has room everywhere.
        numbers = [one for one in self.amounts.values() if not one.is_double]
        made = [day, *(one.amount(self.scale) for one in numbers)]
        return _select([f"max({one})" for one in made], f"{line_groups} WHERE is_quick")


def grouping(
    file: ParquetFile,
    fields: Fields,
    selection: Selection,
    only_where: Mapping[str, str],
) -> Grouping | None:
    """Return the quick pass for what `fields` were asked for, None where there is none.

    `only_where`: {column: the condition of the line items to which it matters}.
    """
    summed = {name: _Amount(column, file) for name, column in fields.amounts_used.items()}
    if any(one.is_text for one in summed.values()) or _ROW in map(str.lower, file.columns):
        return None
    in_maps = {*selection.tags.columns, *selection.cost_categories.columns}
    days: dict[str, str] = {}
    resources: dict[str, str] = {}
    texts: dict[str, str] = {}
    for name, column in fields.used.items():
        if name in summed or name in in_maps:
            continue
        keys = texts
        if name in fields.days_used:
            keys = days
        elif quoted(name) in selection.resource_id:
            keys = resources
        keys[quoted(name)] = _key(column, fields, only_where.get(name))
    return Grouping(
        days,
        resources,
        texts,
        {TAGS: selection.tags.group, COST_CATEGORIES: selection.cost_categories.group},
        {quoted(name): one for name, one in summed.items()},
        {name: _grouped(column, fields) for name, column in fields.columns.items()},
        selection.counts,
    )


def _select(columns: Iterable[str], source: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {source}"


class _Amount:
    """An amount column of the file: how it is summed up, and for which line items.

    `is_sparse`: some line items may lack it.
    """

    def __init__(self, column: Column, file: ParquetFile) -> None:
        self._name = quoted(column.name)
        self.is_sparse = file.nulls.get(column.name) != 0
        self.is_double = column.kind is Kind.DOUBLE
        self.is_text = not self.is_double and column.kind is not Kind.NUMBER

    @property
    def _whole(self) -> str:
        return f"TRY_CAST({self._name} * 1e{_DECIMALS} AS BIGINT)"

    @property
    def sum(self) -> str:
        """Return the sum over a group, null without any amount: of doubles, in units of the quick
        pass.
        """
        if self.is_double:
            return f"sum({self._whole})"
        # Of one type in every file: two decimals of other scales have but a double in common.
        return f"CAST(sum({self._name}) AS {amounts.decimal_type(amounts.COST_SCALE)})"

    def amount(self, scale: int) -> str:
        """Return the sum as an exact amount with so many decimals."""
        wide = amounts.decimal_type(scale)
        if not self.is_double:
            return f"CAST({self._name} AS {wide})"
        unit = f"CAST('0.{'1'.zfill(_DECIMALS)}' AS DECIMAL({_DECIMALS}, {_DECIMALS}))"
        return f"CAST(CAST({self._name} AS DECIMAL(28, 0)) * {unit} AS {wide})"

    @property
    def is_whole(self) -> str:
        """Return the condition that a line item's double is exactly a number of units, or null."""
        same = f"{self._whole} / 1e{_DECIMALS} = {self._name}"
        return f"coalesce({same}, true)" if self.is_sparse else same


def _key(column: Column, fields: Fields, only_where: str | None) -> str:
    name = quoted(column.name)
    if column.name in fields.days_used:
        if since := microseconds(column):
            return f"make_timestamp({since} - {since} % {_DAY_US})"
        return f"substr(CAST({name} AS VARCHAR), 1, 10)"
    return f"CASE WHEN {only_where} THEN {name} END" if only_where else name


def _grouped(column: Column, fields: Fields) -> Column:
    """Return a column as the groups have it: amounts are decimals, what nobody reads is empty."""
    kind = column.kind if column.name in fields.used else Kind.EMPTY
    if column.name in fields.amounts_used:
        kind = Kind.NUMBER
    return replace(column, kind=kind, lacking=None)
