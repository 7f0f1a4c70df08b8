"""Line items to groups of line items that no rule tells apart: a Parquet file's quick pass.

Every rule of a format reads texts, and adds amounts up. So it says the same of the sum of line
items as of each of them, where they have the same texts and lack the same amounts. The quick pass
groups by just that, with amounts as whole numbers of 10^-10; then the rules are applied to groups.

Of a line item's texts only its day and its resource are compared. The others, and its maps, are
told apart by a hash of theirs, and read of one line item for each hash: comparing maps takes longer
than everything else together, and groups as narrow as that stay in the processor's cache. A hash
has 64 bits: that two combinations of texts seem to be the same happens once in some 10^9 files with
100,000 of them. One would then be named as the other; no cost would be lost.

An amount that is not exactly such a number (more decimals, too large, no number at all) sends its
line item the long way, by which every line item of a CSV file goes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from billing.importing import amounts
from billing.importing.columns import Column, Fields, Kind, quoted
from billing.importing.formats.base import Selection
from billing.importing.readers import ParquetFile

LINE_ITEMS = "line_items"
TAGS, COST_CATEGORIES = "tag_map", "category_map"
# Tables of the quick pass. A hash bears the name of the table in which stands what is behind it.
_GROUPS, _TEXTS, _MAPS, _LABELS = "line_groups", "group_texts", "group_maps", "group_labels"
# DuckDB's own column of a Parquet file: which row it is.
_ROW = "file_row_number"
_DECIMALS = 10
# Two doubles below it lie nearer than 10^-10: at most one such decimal means a double.
_BOUND = "5e5"
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Grouping:
    """The quick pass over one file.

    tables   {name: query}: what the other queries read, to be made in this order
    labels   the query of what groups are told apart by but the day: a number from 0 on, the file's
             texts by name, TAGS and COST_CATEGORIES
    groups   the query of the groups: the number of their labels, the file's texts and amounts by
             name, LINE_ITEMS
    columns  the columns of both, for `Fields`
    scale    how many decimals their amounts have
    is_slow  the condition of the line items that it leaves out
    """

    tables: Mapping[str, str]
    labels: str
    groups: str
    columns: Mapping[str, Column]
    scale: int
    is_slow: str


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
    made = _Queries(file, fields, selection, only_where, summed)
    return Grouping(
        {
            _GROUPS: made.line_groups,
            _TEXTS: made.of_one_line_item(_TEXTS, made.texts),
            _MAPS: made.of_one_line_item(_MAPS, made.maps),
            _LABELS: made.group_labels,
        },
        made.labels,
        made.groups,
        {name: _grouped(column, fields) for name, column in fields.columns.items()},
        made.scale,
        f"({made.is_quick}) IS NOT TRUE",
    )


class _Queries:
    """The queries of a quick pass.

    What line items are told apart by stands in four {name in SQL: SQL}: `days`, times of which the
    day counts; `resources`; `texts`, the other columns; `maps`.
    """

    def __init__(
        self,
        file: ParquetFile,
        fields: Fields,
        selection: Selection,
        only_where: Mapping[str, str],
        summed: Mapping[str, "_Amount"],
    ) -> None:
        self._source, self._counts = file.source, selection.counts
        self._amounts = {quoted(name): one for name, one in summed.items()}
        self.maps = {TAGS: selection.tags.group, COST_CATEGORIES: selection.cost_categories.group}
        in_maps = {*selection.tags.columns, *selection.cost_categories.columns}
        self._days: dict[str, str] = {}
        self._resources: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        for name, column in fields.used.items():
            if name in summed or name in in_maps:
                continue
            keys = self.texts
            if name in fields.days_used:
                keys = self._days
            elif quoted(name) in selection.resource_id:
                keys = self._resources
            keys[quoted(name)] = _key(column, fields, only_where.get(name))

    @property
    def scale(self) -> int:
        """Return how many decimals the groups' amounts have."""
        is_double = all(one.is_double for one in self._amounts.values())
        return _DECIMALS if is_double else amounts.COST_SCALE

    @property
    def is_quick(self) -> str:
        """Return the condition that all amounts of a line item are numbers of units."""
        return " AND ".join(one.is_quick for one in self._amounts.values()) or "true"

    @property
    def line_groups(self) -> str:
        """Group the line items, quick ones and others apart; say of one where it stands."""
        lacking = [f"{name} IS NULL" for name, one in self._amounts.items() if one.is_sparse]
        return _select(
            [
                *(f"{key} AS {name}" for name, key in (self._days | self._resources).items()),
                f"hash({', '.join([*self.texts.values(), *lacking]) or 'NULL'}) AS {_TEXTS}",
                f"hash({', '.join(self.maps.values())}) AS {_MAPS}",
                f"{self.is_quick} AS is_quick",
                *(f"{one.sum} AS {name}" for name, one in self._amounts.items()),
                f"count(*) AS {LINE_ITEMS}",
                f"any_value({_ROW}) AS {_ROW}",
            ],
            f"{self._source} WHERE {self._counts} GROUP BY ALL",
        )

    def of_one_line_item(self, hashed: str, columns: Mapping[str, str]) -> str:
        """Find what stands behind each hash."""
        one_each = _select(
            [hashed, f"any_value({_ROW}) AS {_ROW}"],
            f"{_GROUPS} WHERE is_quick GROUP BY {hashed}",
        )
        return _select(
            [hashed, *(f"{one} AS {name}" for name, one in columns.items())],
            f"{self._source} JOIN ({one_each}) USING ({_ROW})",
        )

    @property
    def group_labels(self) -> str:
        """Find what groups are told apart by but the day."""
        return _select(
            ["DISTINCT " + ", ".join((_TEXTS, _MAPS, *self._resources))],
            f"{_GROUPS} WHERE is_quick",
        )

    @property
    def labels(self) -> str:
        """Join the labels to what stands behind their hashes."""
        return _select(
            [f"{_LABELS}.rowid AS number", *self._resources, *self.texts, *self.maps],
            f"{_LABELS} JOIN {_TEXTS} USING ({_TEXTS}) JOIN {_MAPS} USING ({_MAPS})",
        )

    @property
    def groups(self) -> str:
        """Join the groups to their labels and texts, with their sums as amounts."""
        labelled = " AND ".join(
            # A line item without a resource may have null there.
            f"{_GROUPS}.{name} IS NOT DISTINCT FROM {_LABELS}.{name}"
            for name in (_TEXTS, _MAPS, *self._resources)
        )
        return _select(
            [
                f"{_LABELS}.rowid AS number",
                *self._days,
                *(f"{_LABELS}.{name}" for name in self._resources),
                *self.texts,
                *(f"{one.amount(self.scale)} AS {name}" for name, one in self._amounts.items()),
                LINE_ITEMS,
            ],
            f"{_GROUPS} JOIN {_LABELS} ON {labelled}"
            f" JOIN {_TEXTS} ON {_TEXTS}.{_TEXTS} = {_GROUPS}.{_TEXTS} WHERE is_quick",
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
        """Return the sum over a group, in units of the quick pass; null without any amount."""
        return f"sum({self._whole if self.is_double else self._name})"

    def amount(self, scale: int) -> str:
        """Return the sum as an exact amount with so many decimals."""
        wide = amounts.decimal_type(scale)
        if not self.is_double:
            return f"CAST({self._name} AS {wide})"
        unit = f"CAST('0.{'1'.zfill(_DECIMALS)}' AS DECIMAL({_DECIMALS}, {_DECIMALS}))"
        return f"CAST(CAST({self._name} AS DECIMAL(28, 0)) * {unit} AS {wide})"

    @property
    def is_quick(self) -> str:
        """Return the condition that a line item's amount is exactly a number of units, or null."""
        if not self.is_double:
            return "true"
        whole = f"abs({self._name}) < {_BOUND} AND {self._whole} / 1e{_DECIMALS} = {self._name}"
        return f"coalesce({whole}, true)" if self.is_sparse else whole


def _key(column: Column, fields: Fields, only_where: str | None) -> str:
    name = quoted(column.name)
    if column.name in fields.days_used:
        if column.kind is Kind.TIMESTAMP:
            since = f"epoch_us({name})"
            return f"make_timestamp({since} - {since} % {_DAY_US})"
        return f"substr(CAST({name} AS VARCHAR), 1, 10)"
    return f"CASE WHEN {only_where} THEN {name} END" if only_where else name


def _grouped(column: Column, fields: Fields) -> Column:
    """Return a column as the groups have it: amounts are decimals, what nobody reads is empty."""
    if column.name in fields.amounts_used:
        return replace(column, kind=Kind.NUMBER)
    return column if column.name in fields.used else replace(column, kind=Kind.EMPTY)
