"""The charges of a range: every daily cost that counts, with all that is known of it. Reads only.

A charge is one day of one combination of dimensions, tags and resource: what AWS billed for its
hours is added up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from billing.allocation.codes import check_centers
from billing.cost_query import CostQuery, CostQueryError
from billing.cost_sql import daily_costs
from billing.counted import Counted, counted
from billing.derivation import Derivation
from billing.derived import derivations
from billing.facts import DIMENSIONS
from billing.measures import Measure
from billing.reports import Names, check_accounts, names_for
from billing.statement import Statement
from organizations.models import Organization

_BATCH = 2000
_SPLIT = (
    "Costs are split between these in this range, and a part of a charge is no charge. Ask /costs/ "
    "for split costs, or leave this filter out."
)
_MEASURES = (*(measure.value for measure in Measure), "usage_quantity")
_COLUMNS = (
    "f.day",
    *(f"k.{name}" for name in DIMENSIONS),
    "coalesce(x.resource_id, '')",
    "s.tags::text",
    "s.cost_categories::text",
    *(f"trim_scale(f.{name})" for name in _MEASURES),
)


class Charge(NamedTuple):
    """One charge. Absent text is ''; tags and cost categories are JSON objects of texts.

    Amounts come without zeros at their end.
    """

    billing_period: date
    day: date
    payer_account_id: str
    account_id: str
    service: str
    region: str
    charge_type: str
    usage_type: str
    operation: str
    pricing_term: str
    billing_entity: str
    invoice_id: str
    currency: str
    resource_id: str
    tags: str
    cost_categories: str
    unblended_cost: Decimal
    net_unblended_cost: Decimal
    amortized_cost: Decimal
    net_amortized_cost: Decimal
    list_cost: Decimal
    usage_quantity: Decimal


@dataclass(frozen=True)
class Charges:
    """The charges that a query asks for, to be read once, and the names that belong to them."""

    rows: Iterator[Charge]
    names: Names


def charges(organization: Organization, query: CostQuery) -> Charges:
    """Return every charge of the range that passes the filters, in constant memory.

    Where the query names no currency, the charges of all currencies come, each in its own rows.
    Raises CostQueryError for an account that is not connected, a cost center that does not exist or
    whose costs are split: a part of a charge is no charge.
    """
    what = counted(organization, query.start, query.end)
    check_accounts(query, what)
    check_centers(query, organization)
    derived = _derived(query, what)
    return Charges(_read(query, what, derived), names_for(organization, ("account", "service")))


def _derived(query: CostQuery, what: Counted) -> Mapping[str, Derivation]:
    derived: dict[str, Derivation] = {}
    for currency in (query.currency,) if query.currency else what.currencies:
        derived = derivations(query, what, currency)
        split = {
            one.parameter: [_SPLIT]
            for one in query.filters
            if one.dimension in derived and derived[one.dimension].parts
        }
        if split:
            raise CostQueryError(split)
    return derived


def _read(query: CostQuery, what: Counted, derived: Mapping[str, Derivation]) -> Iterator[Charge]:
    if not what.deliveries or not what.currencies:
        return
    # One statement, so that every delivery is read as of the same moment. Outside a transaction
    # PostgreSQL keeps its result aside, and somebody who reads slowly holds up nobody.
    statement = Statement.joined(
        " UNION ALL ",
        (daily_costs(query, what, delivery, derived, _COLUMNS) for delivery in what.deliveries),
    )
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        while records := cursor.fetchmany(_BATCH):
            yield from map(Charge._make, records)
