"""What the explorer's template shows: the controls, and the answer."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from billing.allocation.codes import shows_split_costs
from billing.budgets.links import link_of
from billing.cost_query import Granularity, Operator
from billing.dimensions import PLAIN_NAMES, Dimension
from billing.exploration import Exploration, explore
from billing.explorer import LEFT_OUT, Address, FilterRow
from billing.explorer_question import Asked
from billing.forms import ExplorerForm, without_field
from billing.suggestions import suggestions
from organizations.models import Organization
from organizations.sheets import FORMATS

SPARE_ROWS = 2
PERIOD_NAMES = {
    Granularity.DAILY: "Day",
    Granularity.WEEKLY: "Week from",
    Granularity.MONTHLY: "Month",
}
_UNITS = {Granularity.DAILY: "day", Granularity.WEEKLY: "week", Granularity.MONTHLY: "month"}


def controls_of(
    organization: Organization, address: Address, problems: Mapping[str, list[str]]
) -> dict[str, Any]:
    """Return the form, the filter rows and the values they suggest."""
    offered = suggestions(organization)
    names = (*PLAIN_NAMES, *offered.keys)
    dimensions = [(name, Dimension.named(name).label) for name in names]
    known = {name for name, _ in dimensions}
    rows = [*address.other_filters, *[FilterRow()] * SPARE_ROWS]
    return {
        "form": ExplorerForm.of(
            address.form_data(),
            dimensions=dimensions,
            currencies=offered.currencies,
            problems=problems,
        ),
        "other_problems": without_field(problems),
        "dimensions": dimensions,
        "operators": Operator.choices,
        "left_out": [
            (value, label, value in address.left_out) for value, label in LEFT_OUT.items()
        ],
        "filter_rows": [
            {
                "dimension": row.dimension,
                "operator": row.operator,
                "value": row.value,
                "is_unknown": row.dimension and row.dimension not in known,
                "list_id": f"values-{row.dimension}" if row.dimension in offered.values else "",
            }
            for row in rows
        ],
        "value_lists": [
            {
                "id": f"values-{dimension}",
                "dimension": dimension,
                "options": values,
            }
            for dimension, values in offered.values.items()
        ],
    }


def result_of(asked: Asked, address: Address) -> dict[str, Any]:
    """Return the answer as the template shows it. Raises CostQueryError."""
    found = explore(asked, address.page)
    query = asked.query
    groups = " and ".join(dimension.in_a_sentence for dimension in query.groups)
    title = f"{query.metric.label}{f' by {groups}' if groups else ''}"
    return {
        "shows_split_costs": shows_split_costs(asked.query, asked.what.organization),
        "budget_query": link_of(address.cost_params),
        "save_query": address.permalink().removeprefix("?"),
        "result": {
            "title": title,
            "query": query,
            "last_day": query.end - timedelta(days=1),
            "currency": asked.currency,
            "data_through": asked.data_through,
            "is_final": asked.is_final,
            "total": found.ranking.total,
            "filters": "; ".join(asked.filters),
            "fixed_url": address.fixed(),
            "row_count": found.ranking.row_count,
            "before": _before(asked, found),
            "chart": found.timeline or found.bars,
            "timeline": found.timeline,
            "unit": _UNITS.get(query.granularity, ""),
            "period_name": PERIOD_NAMES.get(query.granularity, ""),
            "group_label": groups,
            "dimensions": [dimension.label for dimension in query.groups],
            "groups": _rows(found, address),
            "elsewhere": found.elsewhere,
            "elsewhere_count": found.ranking.row_count - len(found.groups),
            "is_empty": found.is_empty,
        },
        "columns": _columns(asked, address),
        "pager": _pager(found, address),
        "files": [(one, address.download(one)) for one in FORMATS],
        "every_row_url": _in_the_api(asked),
    }


def _before(asked: Asked, found: Exploration) -> dict[str, Any] | None:
    """Return the days that are compared with, and what they cost."""
    if asked.previous is None:
        return None
    start, end = asked.previous.start, asked.previous.end
    query = asked.query
    return {
        "start": start,
        "last_day": end - timedelta(days=1),
        "total": found.ranking.previous_total,
        # The range is under way, and the one before was cut to the days delivered.
        "is_cut": end != query.start,
    }


def _in_the_api(asked: Asked) -> str:
    """Return the address of every group in every period as CSV."""
    parameters = [
        *asked.query.to_params(),
        ("format", "csv"),
        ("organization", asked.what.organization.slug),
    ]
    return f"{reverse('api-costs')}?{urlencode(parameters)}"


def _rows(found: Exploration, address: Address) -> list[dict[str, Any]]:
    return [
        {
            "amount": group.amount,
            "previous": group.previous,
            "slot": group.slot,
            "cells": [
                {
                    "label": name,
                    "note": value if name != value else "",
                    "is_absent": not value,
                    "url": address.closer(dimension, value),
                }
                for dimension, value, name in zip(
                    found.asked.query.group_by, group.values, group.names, strict=True
                )
            ],
        }
        for group in found.groups
    ]


def _columns(asked: Asked, address: Address) -> dict[str, Any]:
    """Return the heads of the table's columns, each with its link to sort by it."""
    names = [
        _head(address, sort, sort, dimension.label)
        for sort, dimension in zip(("name", "second"), asked.query.groups, strict=False)
    ]
    amounts = [_head(address, "amount", "-amount", "Cost")]
    share = _head(address, "amount", "-amount", "Share")
    if asked.previous:
        amounts += [
            _head(address, "previous", "-previous", "Before"),
            _head(address, "change", "-change", "Change"),
            _head(address, "percent", "-percent", "Change %"),
        ]
    return {"names": names, "amounts": amounts, "share": share}


def _head(address: Address, by: str, first: str, label: str) -> dict[str, str]:
    """Return one head: a click sorts by it, another one the other way round."""
    now = address.sort
    is_now = now.lstrip("-") == by
    other = by if first.startswith("-") else f"-{by}"
    falls = now.startswith("-")
    return {
        "label": label,
        "url": address.sorted_by(other if now == first else first),
        "direction": ("descending" if falls else "ascending") if is_now else "",
        "mark": (" ▼" if falls else " ▲") if is_now else "",
    }


def _pager(found: Exploration, address: Address) -> dict[str, Any] | None:
    if found.page_count < 2:
        return None
    page, last = found.page, found.page_count
    return {
        "page": page,
        "last": last,
        "previous_url": address.on_page(page - 1) if page > 1 else "",
        "next_url": address.on_page(page + 1) if page < last else "",
    }
