"""What the overview's template shows."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from billing import charts
from billing.allocation.reports import unallocated
from billing.anomalies import reports as anomalies
from billing.exact import added
from billing.explorer import read_address
from billing.overview import Comparison, Mover, Overview
from billing.templatetags.money import money_text, share
from connections.models import Connection, ConnectionStatus
from organizations.models import Organization

TOP = 10
_TROUBLE = (ConnectionStatus.FAILING, ConnectionStatus.DEGRADED)


def context_of(organization: Organization, found: Overview, today: date) -> dict[str, Any]:
    """Return the template's context."""
    explorer = reverse("billing:explore", kwargs={"organization": organization.slug})
    daily = _daily(found)
    slots: dict[str, int | str] = {series.key: series.slot for series in daily.series}
    return {
        "overview": found,
        "same_days_end": found.same_days_end - timedelta(days=1),
        "daily": daily,
        "finding": _finding(found),
        "services": _rows(found.services, "service", explorer, today, slots),
        "accounts": _rows(found.accounts, "account", explorer, today, {}),
        "charge_types": _rows(found.charge_types, "charge_type", explorer, today, {}),
        "movers": _movers(organization, found),
        "unallocated": unallocated(organization, today, found.currency),
        "explore_url": explorer,
        "troubles": _troubles(organization),
        "anomalies": anomalies.recent(organization, today),
    }


def _movers(organization: Organization, found: Overview) -> list[dict[str, Any]]:
    """Return what moved most, each with the page that shows the resources behind it."""
    changes = reverse("billing:changes", kwargs={"organization": organization.slug})
    return [
        {
            "mover": one,
            "service": _service(found, one.service),
            "account": found.names.of("account", one.account_id) or one.account_id,
            "url": f"{changes}?{urlencode(_narrowed(found, one))}",
        }
        for one in found.movers
    ]


def _narrowed(found: Overview, mover: Mover) -> dict[str, str]:
    return {
        "month": f"{found.month:%Y-%m}",
        "by": "service,account",
        "service": mover.service,
        "account": mover.account_id,
        "currency": found.currency or "",
    }


def _troubles(organization: Organization) -> list[dict[str, Any]]:
    """Return the connections that are not well, each with its page in the admin."""
    connected = Connection.objects.of(organization).connected().defer("secret_access_key")
    return [
        {
            "connection": one,
            "url": reverse("admin:connections_connection_change", args=[one.pk]),
        }
        for one in connected.filter(status__in=_TROUBLE).order_by("name")
    ]


def _daily(found: Overview) -> charts.StackedChart:
    """Return the bars of both months, day by day without a gap."""
    amounts = {
        (day.day.isoformat(), service): amount
        for day in found.daily
        for service, amount in day.services.items()
    }
    days = [day.day for day in found.daily]
    count = (max(days) - min(days)).days + 1 if days else 0
    periods = [(min(days) + timedelta(days=n)).isoformat() for n in range(count)]
    labels = {value: _service(found, value) for _, value in amounts}
    return charts.stacked(periods, amounts, labels, found.currency or "")


def _service(found: Overview, value: str) -> str:
    return found.names.of("service", value) or value or "No service"


def _finding(found: Overview) -> str:
    """Say in one sentence what the chart shows."""
    top = next(iter(found.services), None)
    if top is None or top.month_to_date <= 0 or not found.has_data_this_month:
        return f"Costs by day and service since {found.last_month:%B}."
    part = share(top.month_to_date, found.total.month_to_date)
    amount = money_text(top.month_to_date, found.currency or "")
    of_total = f", {part} of the total" if part[0].isdigit() else ""
    return f"{_service(found, top.value)} is the largest in {found.month:%B}: {amount}{of_total}."


def _rows(
    compared: Iterable[Comparison],
    dimension: str,
    explorer: str,
    today: date,
    slots: Mapping[str, int | str],
) -> list[dict[str, Any]]:
    """Return the first rows, and the others as one: the table adds up to the total."""
    everything = list(compared)
    here = read_address(QueryDict(""), today)
    rows = [
        {
            "label": one.name or one.value or f"No {dimension.replace('_', ' ')}",
            "note": one.value if one.name else "",
            "slot": slots.get(one.value, charts.OTHER) if slots else None,
            "url": explorer + here.closer(dimension, one.value),
            "now": one.month_to_date,
            "before": one.same_days_last_month,
        }
        for one in everything[:TOP]
    ]
    rest = everything[TOP:]
    if rest:
        rows.append(
            {
                "label": f"{len(rest)} more",
                "note": "",
                "slot": charts.OTHER if slots else None,
                "url": f"{explorer}?group_by={dimension}",
                "now": added(one.month_to_date for one in rest),
                "before": added(one.same_days_last_month for one in rest),
            }
        )
    return rows
