"""The explorer's address: the API's own parameters, plus `period` (by name) and `sort`.

    ?period=last-month&group_by=service&service!=AmazonEC2&sort=-name

The form cannot write a parameter like `service!`, so it sends its fields under names of its own
(`FORM_MARK` tells) and is led on to the address they mean.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import QueryDict

from billing import periods
from billing.cost_query import CostFilter
from billing.dimensions import is_dimension
from billing.measures import Measure

FORM_MARK = "edit"
CUSTOM = "custom"
_READABLE = ":!"
SORTS = {"-amount": "amount", "amount": "amount", "name": "name", "-name": "name"}
DEFAULT_SORT = "-amount"
DEFAULT_GRANULARITY = "daily"
DEFAULT_GROUP = "service"
_OWN = ("period", "sort")
_API_ONLY = ("limit", "format", "organization")
# Where a click on a value leads: that value alone, by this.
_CLOSER = {
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
    is_not: bool = False
    value: str = ""

    @property
    def parameter(self) -> str:
        """Return the name of the API's parameter."""
        return CostFilter(self.dimension, self.is_not, (self.value,)).parameter


def address_of(form: QueryDict, today: date) -> str:
    """Return the query string that the submitted form means."""
    address = QueryDict(mutable=True)
    for name, value in _period_of(form, today).items():
        address[name] = value
    for name, default in (
        ("granularity", DEFAULT_GRANULARITY),
        ("metric", Measure.UNBLENDED.value),
        ("sort", DEFAULT_SORT),
        ("currency", ""),
    ):
        value = form.get(name, "")
        if value not in ("", default):
            address[name] = value
    groups = [one for one in (form.get("group_1", ""), form.get("group_2", "")) if one]
    address.setlist("group_by", [one for n, one in enumerate(groups) if one not in groups[:n]])
    for row in _filters_of(form):
        address.appendlist(row.parameter, row.value)
    return address.urlencode(safe=_READABLE)


def _period_of(form: QueryDict, today: date) -> dict[str, str]:
    """Return the period chosen by name, or the days, if somebody changed those."""
    name = form.get("period", "")
    first, last = form.get("first_day", ""), form.get("last_day", "")
    if form.get("shown") != f"{first}/{last}" or name not in periods.PRESETS:
        return {"from": first, "to": _day_after(last)}
    return {} if name == periods.DEFAULT else {"period": name}


def _filters_of(form: QueryDict) -> Iterator[FilterRow]:
    rows = zip(
        form.getlist("filter_dimension"),
        form.getlist("filter_operator"),
        form.getlist("filter_value"),
        strict=False,
    )
    for dimension, operator, value in rows:
        # An empty value is one too: cost without a region, without the tag.
        if dimension:
            yield FilterRow(dimension, operator == "is_not", value)


def _day_after(text: str) -> str:
    """Return the day after, the API's `to`; what is no date is left for the API to refuse."""
    return _shifted(text, timedelta(days=1))


def day_before(text: str) -> str:
    """Return the last day of a period that ends before `text`."""
    return _shifted(text, timedelta(days=-1))


def _shifted(text: str, by: timedelta) -> str:
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
    cost_params: QueryDict
    problems: Mapping[str, list[str]]

    @property
    def groups(self) -> list[str]:
        """Return the dimensions to group by, as they were written."""
        return self.cost_params.getlist("group_by")

    @property
    def filters(self) -> list[FilterRow]:
        """Return one row for each value of each filter."""
        rows = []
        for name, values in self.cost_params.lists():
            dimension = name[:-1] if name.endswith(("!", "=")) else name
            if is_dimension(dimension):
                rows += [FilterRow(dimension, name.endswith("!"), value) for value in values]
        return rows

    def sorted_by(self, sort: str) -> str:
        """Return the address of the same costs in another order."""
        params = self._explicit()
        params["sort"] = sort
        if sort == DEFAULT_SORT:
            del params["sort"]
        return f"?{params.urlencode(safe=_READABLE)}"

    def closer(self, dimension: str, value: str) -> str:
        """Return the address of the costs of one value, by what it is made of."""
        params = self._explicit()
        params.pop("sort", None)
        narrowed = CostFilter(dimension, False, (value,)).parameter
        params.setlist(narrowed, [value])
        others = [one for one in self.groups if one != dimension]
        fixed = {row.dimension for row in self.filters if not row.is_not} | {dimension}
        step = _CLOSER.get(dimension, DEFAULT_GROUP)
        if step not in fixed and step not in others:
            others.insert(0, step)
        params.setlist("group_by", others[:2])
        return f"?{params.urlencode(safe=_READABLE)}"

    def _explicit(self) -> QueryDict:
        """Return the address with what an empty one stands for."""
        params = self.params.copy()
        if not self.params:
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
            "sort": self.sort,
        }


def read_address(params: QueryDict, today: date) -> Address:
    """Read the address; what is wrong with `period` and `sort` is in `problems`."""
    problems: dict[str, list[str]] = {}
    cost = params.copy()
    for name in _OWN:
        cost.pop(name, None)
    period = _read_period(params, cost, today, problems)
    problems |= {name: ["The API alone knows this."] for name in _API_ONLY if name in cost}
    sort = params.get("sort", DEFAULT_SORT)
    if sort not in SORTS:
        problems["sort"] = [f"“{sort}” is no order. Use {', '.join(SORTS)}."]
        sort = DEFAULT_SORT
    if "granularity" not in cost:
        cost["granularity"] = DEFAULT_GRANULARITY
    if not params:
        cost["group_by"] = DEFAULT_GROUP
    return Address(params, period, sort, cost, problems)


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
