"""The cost centers' costs as a sheet to download."""

from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from billing.allocation.reports import CenterCosts, CentersReport
from organizations.models import Organization
from organizations.sheets import Column, Kind, Sheet


def sheet_of(organization: Organization, found: CentersReport) -> Sheet:
    """Return a row for each center and one for what is unallocated, as on the page."""
    last, now = (f"{month:%Y-%m}" for month in found.months)
    columns = [
        Column("Code", width=20),
        Column("Cost center", width=32),
        Column("Shared costs", width=28),
        Column(f"By the rules, {last}", Kind.MONEY, 22),
        Column(last, Kind.MONEY, 22),
        Column(f"Share of {last}", Kind.SHARE, 16),
        Column(f"{now} so far", Kind.MONEY, 22),
        Column("Currency", width=10),
    ]
    about = {
        "Organization": organization.name,
        "What": "What the cost centers cost; the rows add up to the bill",
        "Measure": "Unblended cost of the connected accounts, whole days of each month",
        "By the rules": "Before shared costs are split",
        "Currency": found.currency or "",
        "Data through": f"{found.data_through}" if found.data_through else "no day yet",
        "Made at": f"{timezone.now():%Y-%m-%d %H:%M} UTC",
    }
    return Sheet("Cost centers", columns, _rows(found), about)


def _rows(found: CentersReport) -> Iterator[list[Any]]:
    for row in found.rows:
        center = row.center
        yield [
            center.code if center else "",
            center.name if center else "Unallocated",
            center.get_split_display() if center else "",
            row.own,
            row.last,
            _share(row, found.total),
            row.now,
            found.currency,
        ]


def _share(row: CenterCosts, total: CenterCosts) -> Any:
    """Return the part of last month's whole; None where there is none."""
    return row.last / total.last if total.last > 0 else None
