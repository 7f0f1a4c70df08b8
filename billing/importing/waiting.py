"""Groups of line items that wait for the rules, which take little longer over many than over few.

Files that are read alike wait together.
"""

from dataclasses import dataclass, field
from functools import cached_property

from billing.importing.columns import Fields
from billing.importing.cost_items import of_groups
from billing.importing.faults import rule_faults
from billing.importing.formats.base import Selection
from billing.importing.grouping import (
    COST_CATEGORIES,
    LABELS,
    LINE_GROUPS,
    LINE_ITEMS,
    MAPS,
    TAGS,
    TEXTS,
    Grouping,
)
from billing.importing.readers import ParquetFile
from billing.importing.warehouse import Warehouse


@dataclass
class Waiting:
    """The groups of files like the one of which `quick` and `selection` are: how many, and a table
    of their texts.
    """

    house: Warehouse
    quick: Grouping
    selection: Selection
    groups: int = 0
    texts: str = ""
    _maps: str = ""
    _line_groups: list[str] = field(default_factory=list)
    _files: list[str] = field(default_factory=list)

    @cached_property
    def rules(self) -> Selection:
        """Return the rules for groups: over `texts` and what else `quick` gives."""
        select = self.house.bill_format.select
        return select(Fields(self.quick.columns, self.quick.scale)).with_maps(
            self.selection.tags.of_groups(TAGS),
            self.selection.cost_categories.of_groups(COST_CATEGORIES),
        )

    def add(self, file: ParquetFile) -> int:
        """Group a file's line items; return of how many of them these are.

        Fails, as DuckDB does, where the rules will over what stands in the file.
        """
        house, quick = self.house, self.quick
        line_groups = house.keep("groups", quick.line_groups(file.source))
        house.rows(quick.proof(line_groups, self.rules.day))
        self.texts = self._learn(self.texts, TEXTS, line_groups, file)
        self._maps = self._learn(self._maps, MAPS, line_groups, file)
        self._line_groups.append(line_groups)
        self._files.append(file.label)
        groups, line_items = house.rows(
            f"SELECT count(*), coalesce(sum({LINE_ITEMS}) FILTER (is_quick), 0) FROM {line_groups}"
        )[0]
        self.groups += groups
        return int(line_items)

    def _learn(self, known: str, hashed: str, line_groups: str, file: ParquetFile) -> str:
        """Find what stands behind hashes that are not known yet; return the table of all."""
        if not known:
            return self.house.keep(hashed, self.quick.behind(hashed, line_groups, file.source))
        new = f"(FROM {line_groups} ANTI JOIN {known} USING ({hashed}))"
        if self.house.value(f"SELECT count(*) FROM {new} WHERE is_quick"):
            self.house.execute(f"INSERT INTO {known} {self.quick.behind(hashed, new, file.source)}")
        return known

    def apply(self) -> None:
        """Apply the rules to the groups, which then are cost items of the warehouse."""
        if not self._line_groups:
            return
        house, quick = self.house, self.quick
        with rule_faults(house, self._files):
            self._name_tables()
            house.add_labelled(*of_groups(self.rules, quick), quick.scale)
        house.drop((LABELS, self.texts, self._maps, *self._line_groups))
        self.texts = self._maps = ""
        self._line_groups, self._files, self.groups = [], [], 0

    def _name_tables(self) -> None:
        """Give the tables the names that `quick` calls them by."""
        every = " UNION ALL ".join(f"FROM {one}" for one in self._line_groups)
        for name, query in (
            (LINE_GROUPS, every),
            (TEXTS, f"FROM {self.texts}"),
            (MAPS, f"FROM {self._maps}"),
        ):
            self.house.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")
        self.house.execute(f"CREATE TABLE {LABELS} AS {self.quick.distinct_labels}")
