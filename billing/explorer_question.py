"""A question of the explorer: the costs, those before, their order, and what answers it."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from billing.allocation.codes import check_centers
from billing.cost_query import CostQuery, CostQueryError, Granularity
from billing.counted import Counted, counted
from billing.dimensions import Dimension
from billing.explorer import Address
from billing.freshness import data_through, is_final
from billing.periods import before
from billing.ranking import Order
from billing.reports import Names, check_accounts, chosen_currency, names_for
from organizations.models import Organization

MAX_GROUPS = 2
MAX_DAYS = 400


@dataclass(frozen=True)
class Asked:
    """A question of the explorer, with what answers it.

    query      as it was asked
    totals     the same for the whole range
    previous   the days before that compare with it, None where nobody compares
    order      of the groups
    """

    query: CostQuery
    previous: CostQuery | None
    order: Order
    what: Counted
    currency: str | None
    names: Names
    data_through: date | None
    is_final: bool

    @property
    def totals(self) -> CostQuery:
        """Return the query for the whole range."""
        return replace(self.query, granularity=Granularity.TOTAL)

    @property
    def filters(self) -> list[str]:
        """Return the filters in words: `Service is not AmazonEC2`."""
        return [
            f"{Dimension.named(one.dimension).label} {one.operator.label} "
            + " or ".join(value or "(none)" for value in one.values)
            for one in self.query.filters
        ]

    def readable(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Return the readable names of a group's values."""
        return tuple(
            self.names.of(dimension.name, value) or value or f"No {dimension.in_a_sentence}"
            for dimension, value in zip(self.query.groups, values, strict=True)
        )


def question_of(organization: Organization, address: Address, today: date) -> Asked:
    """Return the question that an address asks, in a constant number of database queries.

    Raises CostQueryError. What `address.problems` says is the caller's to tell.
    """
    query = CostQuery.from_params(address.cost_params, today=today)
    compare = address.compares
    _check(query)
    start, end = before(query.start, query.end) if compare else (query.start, query.start)
    # Checked before anything is read: no bill is that old.
    previous = _previous(query, start, end) if compare else None
    what = counted(organization, start, query.end)
    check_accounts(query, what)
    check_centers(query, organization)
    mine = what.touching(query.start, query.end).deliveries
    through, final = data_through(mine), is_final(mine, query.start, query.end)
    if previous and through and query.start <= through and query.end > today:
        # Under way: as many days of the period before as were delivered of this one.
        delivered = through + timedelta(days=1) - query.start
        previous = replace(previous, end=min(end, start + delivered))
    names = names_for(organization, query.group_by)
    return Asked(
        query=query,
        previous=previous,
        order=_order(query, address.sort, names),
        what=what,
        currency=chosen_currency(organization, query, what),
        names=names,
        data_through=through,
        is_final=final,
    )


def _check(query: CostQuery) -> None:
    if len(query.group_by) > MAX_GROUPS:
        raise CostQueryError({"group_by": [f"A page groups by at most {MAX_GROUPS} dimensions."]})
    days = (query.end - query.start).days
    if query.granularity == Granularity.DAILY and days > MAX_DAYS:
        raise CostQueryError(
            {
                "granularity": [
                    f"Daily figures of more than {MAX_DAYS} days do not fit on a page ({days} "
                    "were asked for). Choose weekly or monthly figures, or fewer days."
                ]
            }
        )


def _previous(query: CostQuery, start: date, end: date) -> CostQuery:
    try:
        return replace(query, start=start, end=end, granularity=Granularity.TOTAL)
    except CostQueryError:
        sentence = f"No bill is as old as the period before this one, which begins on {start}."
        raise CostQueryError({"compare": [sentence]}) from None


def _order(query: CostQuery, sort: str, names: Names) -> Order:
    by, is_descending = sort.lstrip("-"), sort.startswith("-")
    if by not in ("name", "second"):
        return Order(by, is_descending)
    group = int(by == "second")
    return Order("name", is_descending, group, names.all_of(query.group_by[group]))
