"""A link that fills in a new budget's form: the measure, the currency and the filters of costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from billing.cost_query import CostFilter
from billing.dimensions import is_dimension
from billing.measures import Measure
from billing.page_params import PageParams

_FIELDS = ("metric", "currency")


@dataclass(frozen=True)
class Link:
    """What a link says: the form's fields, rows of filters, and what is wrong with it."""

    metric: str
    currency: str
    filters: Sequence[tuple[str, str, str]]
    problems: Sequence[str]


def link_of(cost_params: QueryDict) -> str:
    """Return the query string of the link for a budget of these costs (as the API names them)."""
    taken = [
        (name, value)
        for name, values in cost_params.lists()
        for value in values
        if name in _FIELDS or is_dimension(CostFilter.named(name, ()).dimension)
    ]
    return urlencode(taken, safe=":!~")


def read_link(given: QueryDict) -> Link:
    """Read a link. What is neither a field nor a filter is a problem, never passed over."""
    own = QueryDict(mutable=True)
    filters = []
    for name, values in given.lists():
        one = CostFilter.named(name, ())
        if is_dimension(one.dimension):
            filters += [(one.dimension, one.operator.value, str(value)) for value in values]
        else:
            own.setlist(name, values)
    params = PageParams(own, _FIELDS)
    metric = params.choice("metric", [one.value for one in Measure], Measure.UNBLENDED.value)
    return Link(metric, params.currency() or "", filters, params.problems)
