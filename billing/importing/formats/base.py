"""The shape of a column map."""

from collections.abc import Callable
from dataclasses import dataclass, field

from billing.importing.columns import Fields


@dataclass(frozen=True)
class MapColumn:
    """A map column to group by: the SQL to group on, and the SQL that makes JSON text of it."""

    group: str
    as_json: Callable[[str], str]


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
    account_name  of the linked account, '' where unknown
    service_name  AWS's readable name of the service, '' where unknown
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
    account_name: str
    service_name: str
    lacking: dict[str, str] = field(default_factory=dict)


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
    select         makes the SQL for a file that has these columns
    control        what the export's own total is the sum of
    known_types    charge types with a rule of their own; others count at unblended cost
    usage_types    charge types that are usage: they say how far the data reaches
    not_money      operations whose rows repeat what other rows say
    has_normalised_tags  whether tags may be spelled `user_cost_center`
    has_invoice    whether line items name their invoice once they are final
    rarely_needed  for wide columns that few files need: SQL (None: always needed) that finds a
                   line item that does; a file without one is read without the column
    """

    name: str
    required: tuple[str, ...]
    select: Callable[[Fields], Selection]
    control: ControlColumns
    known_types: frozenset[str]
    usage_types: frozenset[str]
    not_money: tuple[str, ...] = ()
    has_invoice: bool = True
    has_normalised_tags: bool = True
    rarely_needed: dict[str, Callable[[Fields], str | None]] = field(default_factory=dict)
