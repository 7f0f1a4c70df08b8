"""The explorer's address: the API's own parameters, plus what is the page's own.

    ?period=last-month&group_by=service&service!=AmazonEC2&sort=-name&compare=previous&page=2

`period` is a range by name, `compare=previous` sets the days before beside it, `format` is that of
a download. Without anything the address means this month by service.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.http import QueryDict

from billing import periods
from billing.cost_params import dimension_names
from billing.cost_query import CostFilter, Operator
from billing.dimensions import is_dimension
from billing.measures import Measure
from organizations.sheets import FORMATS

CUSTOM = "custom"
READABLE = ":!~"
# What to sort by -> whether the page must compare, and the number of group-bys it needs.
_SORTS = {
    "amount": (False, 0),
    "name": (False, 1),
    "second": (False, 2),
    "previous": (True, 0),
    "change": (True, 0),
    "percent": (True, 0),
}
SORTS = tuple(sign + name for name in _SORTS for sign in ("", "-"))
DEFAULT_SORT = "-amount"
DEFAULT_GRANULARITY = "daily"
DEFAULT_GROUP = "service"
PREVIOUS = "previous"
# Charge types that a box of the form leaves out.
LEFT_OUT = {"Credit": "Credits", "Refund": "Refunds", "Tax": "Tax"}
LEAVES_OUT = CostFilter("charge_type", True).parameter
_OWN = ("period", "sort", "compare", "page", "format")
_API_ONLY = ("limit", "organization")
_PAGE = re.compile(r"[1-9][0-9]{0,6}")
# Where a click on a value leads: that value alone, by this.
_CLOSER = {
    "organizational_unit": "account",
    "account": "service",
    "service": "usage_type",
    "region": "service",
    "charge_type": "service",
    "usage_type": "resource",
    "operation": "usage_type",
    "pricing_term": "service",
    "billing_entity": "service",
}


@dataclass(frozen=True)
class FilterRow:
    """One row of the filter form: `service is not AmazonEC2`."""

    dimension: str = ""
    operator: Operator = Operator.IS
    value: str = ""

    @property
    def parameter(self) -> str:
        """Return the name of the API's parameter."""
        return CostFilter.of(self.dimension, self.operator, (self.value,)).parameter


def is_bare(params: QueryDict) -> bool:
    """Say whether the address asks for nothing in particular: it stands for the default."""
    return not any(params.getlist(name) for name in params if name not in _OWN or name == "period")


def sort_problem(sort: str, compares: bool, groups: int) -> str | None:
    """Return why the costs cannot be sorted so."""
    if sort not in SORTS:
        return f"“{sort}” is no order. Use {', '.join(SORTS)}."
    must_compare, least = _SORTS[sort.lstrip("-")]
    if must_compare and not compares:
        return f"There is no “{sort}” to sort by without compare={PREVIOUS}."
    if groups < least:
        return f"To sort by “{sort}” takes {least} group_by."
    return None


def day_before(text: str) -> str:
    """Return the last day of a period that ends before `text`."""
    return shifted(text, timedelta(days=-1))


def shifted(text: str, by: timedelta) -> str:
    try:
        return (date.fromisoformat(text) + by).isoformat()
    except (ValueError, OverflowError):
        return text


@dataclass(frozen=True)
class Address:
    """The explorer's state, read from its address. `cost_params` is what the API understands."""

    params: QueryDict
    period: str
    sort: str
    compares: bool
    page: int
    file_format: str
    cost_params: QueryDict
    problems: Mapping[str, list[str]]

    @property
    def groups(self) -> list[str]:
        """Return the dimensions to group by."""
        given = self.cost_params.getlist("group_by")
        return [name for text in given for name in dimension_names(text)]

    @property
    def filters(self) -> list[FilterRow]:
        """Return one row for each value of each filter."""
        rows = []
        for name, values in self.cost_params.lists():
            one = CostFilter.named(name, values)
            if is_dimension(one.dimension):
                rows += [FilterRow(one.dimension, one.operator, value) for value in values]
        return rows

    @property
    def left_out(self) -> list[str]:
        """Return the charge types that a box of the form leaves out."""
        return [row.value for row in self.filters if _is_left_out(row)]

    @property
    def other_filters(self) -> list[FilterRow]:
        """Return the filters that no box of the form shows."""
        return [row for row in self.filters if not _is_left_out(row)]

    def sorted_by(self, sort: str) -> str:
        """Return the address of the same costs in another order."""
        params = self._explicit()
        params["sort"] = sort
        if sort == DEFAULT_SORT:
            del params["sort"]
        return _written(params)

    def closer(self, dimension: str, value: str) -> str:
        """Return the address of the costs of one value, by what it is made of."""
        params = self._explicit()
        params.pop("sort", None)
        narrowed = CostFilter(dimension, False, (value,)).parameter
        params.setlist(narrowed, [value])
        others = [one for one in self.groups if one != dimension]
        fixed = {row.dimension for row in self.filters if row.operator is Operator.IS} | {dimension}
        step = _CLOSER.get(dimension, DEFAULT_GROUP)
        if step not in fixed and step not in others:
            others.insert(0, step)
        params.setlist("group_by", others[:2])
        return _written(params)

    def on_page(self, number: int) -> str:
        """Return the address of another page of the same table."""
        params = self._explicit()
        if number > 1:
            params["page"] = str(number)
        return _written(params)

    def download(self, file_format: str) -> str:
        """Return the address of the same table as a file."""
        params = self._explicit()
        params["format"] = file_format
        return _written(params)

    def fixed(self) -> str:
        """Return the address of the very same days; "" where this is one already."""
        if self.period == CUSTOM:
            return ""
        params = self._explicit()
        params.pop("period", None)
        for name in ("from", "to"):
            params.setlist(name, self.cost_params.getlist(name))
        return _written(params)

    def permalink(self) -> str:
        """Return the query string of the page, without the number of the page and the format."""
        return _written(self._explicit())

    def _explicit(self) -> QueryDict:
        """Return the address of the first page, with what an empty one stands for."""
        params = self.params.copy()
        for name in ("page", "format"):
            params.pop(name, None)
        if is_bare(params) and "group_by" not in params:
            params["group_by"] = DEFAULT_GROUP
        return params

    def form_data(self) -> dict[str, Any]:
        """Return the values of the form's fields."""
        first = self.cost_params.get("from", "")
        last = day_before(self.cost_params.get("to", ""))
        groups = [*self.groups, "", ""]
        return {
            "period": self.period,
            "first_day": first,
            "last_day": last,
            "shown": f"{first}/{last}",
            "granularity": self.cost_params.get("granularity", DEFAULT_GRANULARITY),
            "metric": self.cost_params.get("metric", Measure.UNBLENDED.value),
            "currency": self.cost_params.get("currency", ""),
            "group_1": groups[0],
            "group_2": groups[1],
            "compare": PREVIOUS if self.compares else "",
            "sort": self.sort,
        }


def _written(params: QueryDict) -> str:
    return f"?{params.urlencode(safe=READABLE)}"


def _is_left_out(row: FilterRow) -> bool:
    return row.parameter == LEAVES_OUT and row.value in LEFT_OUT


def read_address(params: QueryDict, today: date) -> Address:
    """Read the address; what is wrong with the page's own parameters is in `problems`."""
    problems: dict[str, list[str]] = {}
    cost = params.copy()
    for name in _OWN:
        cost.pop(name, None)
        if len(params.getlist(name)) > 1:
            problems[name] = ["Give this parameter once."]
    period = _read_period(params, cost, today, problems)
    problems |= {name: ["The API alone knows this."] for name in _API_ONLY if name in cost}
    if "granularity" not in cost:
        cost["granularity"] = DEFAULT_GRANULARITY
    if is_bare(params) and "group_by" not in params:
        cost["group_by"] = DEFAULT_GROUP
    compares = _chosen(params, "compare", ("", PREVIOUS), problems) == PREVIOUS
    file_format = _chosen(params, "format", ("", *FORMATS), problems)
    page = params.get("page", "1")
    if not _PAGE.fullmatch(page):
        problems["page"] = [f"“{page}” is no page. Write a number from 1 on."]
        page = "1"
    address = Address(params, period, "", compares, int(page), file_format, cost, problems)
    sort = params.get("sort", DEFAULT_SORT)
    problem = sort_problem(sort, compares, len(address.groups))
    if problem:
        problems["sort"] = [problem]
        sort = DEFAULT_SORT
    return replace(address, sort=sort)


def _chosen(
    params: QueryDict, name: str, choices: tuple[str, ...], problems: dict[str, list[str]]
) -> str:
    given = params.get(name, "")
    if given in choices:
        return given
    problems[name] = [f"“{given}” is not known here. Use {' or '.join(filter(None, choices))}."]
    return ""


def _read_period(
    params: QueryDict, cost: QueryDict, today: date, problems: dict[str, list[str]]
) -> str:
    name = params.get("period")
    if name is None and ("from" in params or "to" in params):
        return CUSTOM
    if name is not None and name not in periods.PRESETS:
        names = ", ".join(periods.PRESETS)
        problems["period"] = [f"“{name}” is no period. Use {names}, or from and to."]
    if name is not None and ("from" in params or "to" in params):
        problems["period"] = ["Give either a period by name, or from and to."]
    name = name if name in periods.PRESETS else periods.DEFAULT
    start, end = periods.PRESETS[name].days(today)
    cost["from"], cost["to"] = start.isoformat(), end.isoformat()
    return name
