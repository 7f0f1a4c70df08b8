"""What the explorer's template shows: the controls, and the answer."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from billing.cost_query import CostQuery, Granularity
from billing.dimensions import PLAIN_NAMES, Dimension
from billing.exploration import Exploration, Group, explore
from billing.explorer import Address, FilterRow
from billing.forms import ExplorerForm, without_field
from billing.suggestions import suggestions
from organizations.models import Organization

SPARE_ROWS = 2
_PERIOD_NAMES = {Granularity.DAILY: "Day", Granularity.MONTHLY: "Month"}


def controls_of(
    organization: Organization, address: Address, problems: Mapping[str, list[str]]
) -> dict[str, Any]:
    """Return the form, the filter rows and the values they suggest."""
    offered = suggestions(organization)
    names = (*PLAIN_NAMES, *offered.keys)
    dimensions = [(name, Dimension.named(name).label) for name in names]
    known = {name for name, _ in dimensions}
    rows = [*address.filters, *[FilterRow()] * SPARE_ROWS]
    return {
        "form": ExplorerForm.of(
            address.form_data(),
            dimensions=dimensions,
            currencies=offered.currencies,
            problems=problems,
        ),
        "other_problems": without_field(problems),
        "dimensions": dimensions,
        "filter_rows": [
            {
                "dimension": row.dimension,
                "is_not": row.is_not,
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


def result_of(organization: Organization, query: CostQuery, address: Address) -> dict[str, Any]:
    """Return the answer as the template shows it. Raises CostQueryError."""
    found = explore(organization, query)
    labels = [dimension.label for dimension in query.groups]
    title = f"{query.metric.label}{' by ' + ' and '.join(map(_small, labels)) if labels else ''}"
    parameters = [*query.to_params(), ("format", "csv"), ("organization", organization.slug)]
    return {
        "result": {
            "title": title,
            "query": query,
            "last_day": query.end - timedelta(days=1),
            "report": found.report,
            "chart": found.timeline or found.ranking,
            "timeline": found.timeline,
            "period_name": _PERIOD_NAMES.get(query.granularity, ""),
            "group_label": " and ".join(map(_small, labels)),
            "dimensions": labels,
            "groups": _rows(found, query, address),
            "hidden_count": found.hidden_count,
            "hidden_amount": found.hidden_amount,
            "is_empty": found.is_empty,
        },
        "sort": _sort_links(address),
        "csv_url": f"{reverse('api-costs')}?{urlencode(parameters)}",
    }


def _rows(found: Exploration, query: CostQuery, address: Address) -> list[dict[str, Any]]:
    return [
        {
            "amount": group.amount,
            "slot": group.slot,
            "cells": [
                {
                    "label": name,
                    "note": value if name != value else "",
                    "is_absent": not value,
                    "url": address.closer(dimension, value),
                }
                for dimension, value, name in zip(
                    query.group_by, group.values, group.names, strict=True
                )
            ],
        }
        for group in _in_order(found.groups, address.sort)
    ]


def _in_order(groups: list[Group], sort: str) -> list[Group]:
    by_name = sort.lstrip("-") == "name"
    return sorted(
        groups,
        key=lambda group: tuple(map(str.lower, group.names)) if by_name else group.amount,
        reverse=sort.startswith("-"),
    )


def _sort_links(address: Address) -> dict[str, str]:
    """Return for each sortable column its link, its mark and the direction it has now."""
    now = address.sort
    links = {}
    for column, first in (("name", "name"), ("amount", "-amount")):
        other = column if first.startswith("-") else f"-{column}"
        is_now = now.lstrip("-") == column
        links[f"{column}_url"] = address.sorted_by(other if now == first else first)
        direction = "descending" if now.startswith("-") else "ascending"
        links[column] = direction if is_now else ""
        links[f"{column}_mark"] = (" ▼" if now.startswith("-") else " ▲") if is_now else ""
    return links


def _small(label: str) -> str:
    return label[:1].lower() + label[1:]
