"""The explorer's form, sent: which address it means.

A form cannot write a parameter like `service!`, so it sends its fields under names of its own
(`FORM_MARK` tells) and is led on to the address.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from django.http import QueryDict

from billing import periods
from billing.cost_query import Operator
from billing.explorer import (
    DEFAULT_GRANULARITY,
    DEFAULT_GROUP,
    DEFAULT_SORT,
    LEAVES_OUT,
    PREVIOUS,
    READABLE,
    FilterRow,
    is_bare,
    shifted,
    sort_problem,
)
from billing.measures import Measure

FORM_MARK = "edit"


def address_of(form: QueryDict, today: date) -> str:
    """Return the query string that the submitted form means."""
    address = QueryDict(mutable=True)
    for name, value in _period_of(form, today).items():
        address[name] = value
    groups = list(dict.fromkeys(filter(None, (form.get("group_1", ""), form.get("group_2", "")))))
    compares = form.get("compare", "") == PREVIOUS
    sort = form.get("sort", "")
    for name, value, default in (
        ("granularity", form.get("granularity", ""), DEFAULT_GRANULARITY),
        ("metric", form.get("metric", ""), Measure.UNBLENDED.value),
        ("compare", PREVIOUS if compares else "", ""),
        ("sort", sort if sort_problem(sort, compares, len(groups)) is None else "", DEFAULT_SORT),
        ("currency", form.get("currency", ""), ""),
    ):
        if value not in ("", default):
            address[name] = value
    address.setlist("group_by", groups)
    for value in form.getlist("leave_out"):
        address.appendlist(LEAVES_OUT, value)
    for row in _filters_of(form):
        address.appendlist(row.parameter, row.value)
    if groups == [DEFAULT_GROUP] and list(address) == ["group_by"]:
        return ""
    if not groups and is_bare(address):
        address["group_by"] = ""  # nothing at all would stand for the default
    return address.urlencode(safe=READABLE)


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
            known = operator in Operator.values
            yield FilterRow(dimension, Operator(operator) if known else Operator.IS, value)


def _day_after(text: str) -> str:
    """Return the day after, the API's `to`; what is no date is left for the API to refuse."""
    return shifted(text, timedelta(days=1))
