"""The list of anomalies as a sheet to download: all its pages."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from billing.anomalies.models import Anomaly
from billing.anomalies.reports import AnomalyFilters, state_of
from billing.reports import Names
from organizations.models import Organization
from organizations.sheets import Column, Kind, Sheet

_COLUMNS = (
    Column("Day", Kind.DATE, 12),
    Column("Account id"),
    Column("Account", width=28),
    Column("Service code", width=24),
    Column("Service", width=36),
    Column("Currency", width=10),
    Column("Above usual", Kind.MONEY, 22),
    Column("Cost", Kind.MONEY, 22),
    Column("Usual", Kind.MONEY, 22),
    Column("State", width=12),
    Column("Reason of the dismissal", width=40),
)


def sheet_of(
    organization: Organization,
    found: "QuerySet[Anomaly]",
    filters: AnomalyFilters,
    names: Names,
    by: str,
) -> Sheet:
    """Return the anomalies of the list, in its order. `by` names who asked for them."""
    about = {
        "Organization": organization.name,
        "What": "Days that cost far more than usual, the most money first",
        "Cost": "Unblended, without taxes, fees, credits and refunds",
        "State": filters.state,
        "Accounts": ", ".join(filters.accounts) or "all connected",
        "Services": ", ".join(filters.services) or "all",
        "From": str(filters.start or "the first day known"),
        "To, not included": str(filters.end or "the last whole day"),
        "Downloaded": f"{timezone.now():%Y-%m-%d %H:%M} UTC by {by}",
    }
    return Sheet("Anomalies", _COLUMNS, _rows(found, names), about)


def _rows(found: "QuerySet[Anomaly]", names: Names) -> Iterator[list[Any]]:
    for one in found.iterator(chunk_size=2000):
        yield [
            one.day,
            one.account_id,
            names.of("account", one.account_id),
            one.service,
            names.of("service", one.service),
            one.currency,
            one.impact,
            one.actual,
            one.expected,
            state_of(one).value,
            one.dismissed_reason,
        ]
