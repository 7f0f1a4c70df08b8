"""The shape of a column map."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from billing.importing.columns import Fields


@dataclass(frozen=True)
class MapColumn:
    """A map to group by: the SQL to group on, and the SQL that makes JSON text of it.

    columns  the file's columns that it is made of
    """

    group: str
    as_json: Callable[[str], str]
    columns: tuple[str, ...] = ()

    def of_groups(self, column: str) -> "MapColumn":
        """Return the same for groups that hold it in this column."""
        return replace(self, group=column, columns=(column,))


NO_MAP = MapColumn("''", lambda expression: expression)


@dataclass(frozen=True)
class Selection:
    """SQL over one file's columns that makes cost items of its line items.

    counts        whether a line item is money
    day           the day it counts on
    dimensions    one text for each of `facts.DIMENSIONS`
    resource_id   as billed, '' without one
    tags          see `tags.py` for what their JSON is made into
    sums          what is summed of the line items of a group, by name
    measures      the five costs in `Measure`'s names and usage_quantity, over a group's sums and
                  dimensions; never null. What depends on the charge type alone is decided here,
                  once for a group instead of for each line item
    lacking       {charge type: what readers should know of its line items in this file}
    """

    counts: str
    day: str
    dimensions: dict[str, str]
    resource_id: str
    tags: MapColumn
    cost_categories: MapColumn
    sums: dict[str, str]
    measures: dict[str, str]
    lacking: dict[str, str] = field(default_factory=dict)

    def with_maps(self, tags: MapColumn, cost_categories: MapColumn) -> "Selection":
        """Return the same with other maps."""
        return replace(self, tags=tags, cost_categories=cost_categories)


@dataclass(frozen=True)
class ControlColumns:
    """The raw columns from which the export's own total is computed."""

    amount: str
    currency: str
    operation: str = ""


@dataclass(frozen=True)
class BillFormat:
    """How one billing format is read.

    required       columns without which nothing exact can be said
    select         makes the SQL for a file that has these columns. It adds amounts up and reads
                   everything else as text, so it is right for groups of line items too
    names          SQL of the linked account's name and of the service's, '' where unknown
    control        what the export's own total is the sum of
    known_types    charge types with a rule of their own; others count at unblended cost
    usage_types    charge types that are usage: they say how far the data reaches
    maps           columns that are maps from text to text
    not_money      operations whose rows repeat what other rows say
    has_normalised_tags  whether tags may be spelled `user_cost_center`
    has_invoice    whether line items name their invoice once they are final
    rarely_needed  for columns that matter to few line items: SQL (None: always needed) that finds
                   them; a Parquet file without one is read without the column
    """

    name: str
    required: tuple[str, ...]
    select: Callable[[Fields], Selection]
    names: Callable[[Fields], tuple[str, str]]
    control: ControlColumns
    known_types: frozenset[str]
    usage_types: frozenset[str]
    maps: tuple[str, ...] = ()
    not_money: tuple[str, ...] = ()
    has_invoice: bool = True
    has_normalised_tags: bool = True
    rarely_needed: dict[str, Callable[[Fields], str | None]] = field(default_factory=dict)
