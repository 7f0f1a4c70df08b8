"""The list of findings as a file."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from discovery.amounts import trimmed
from discovery.finding_reports import FindingFilters, finding_list, standing_of
from discovery.findings import BY_NAME
from discovery.models import Finding
from organizations.models import Organization
from organizations.sheets import Column, Kind, Sheet

_BATCH = 1000
_COLUMNS = (
    Column("Resource", width=30),
    Column("Id", width=30),
    Column("Type"),
    Column("Rule", width=30),
    Column("Finding", width=60),
    Column("Account"),
    Column("Account name", width=24),
    Column("Region"),
    Column("Since (UTC)", width=20),
    Column("Amortized cost of the last 30 days", Kind.MONEY),
    Column("Currency", width=10),
    Column("State", width=12),
    Column("Closed (UTC)", width=20),
    Column("Dismissed (UTC)", width=20),
    Column("Dismissed by"),
    Column("Reason", width=40),
)


def finding_sheet(
    organization: Organization, filters: FindingFilters, names: Mapping[str, str], asked: str
) -> Sheet:
    """Return every finding that the filters leave, in the order of the page, however many.

    `asked` is the query string that was asked with, for the workbook's second sheet.
    """
    return Sheet(
        name="Findings",
        columns=_COLUMNS,
        rows=_rows(organization, filters, names),
        about={
            "Organization": organization.name,
            "What": "Findings of the connected accounts, what costs most first",
            "Filters": asked or "none: everything that is open",
            "Costs": "Amortized, on the bill of the last 30 days, not a price list; empty where the"
            " bill names no cost or the finding is not about money",
            "Made at": f"{timezone.now():%Y-%m-%d %H:%M} UTC",
        },
    )


def _rows(
    organization: Organization, filters: FindingFilters, names: Mapping[str, str]
) -> Iterator[tuple[Any, ...]]:
    for one in finding_list(organization, filters).iterator(chunk_size=_BATCH):
        yield _cells(one, names)


def _cells(one: Finding, names: Mapping[str, str]) -> tuple[Any, ...]:
    resource = one.resource
    return (
        resource.name,
        resource.resource_id,
        resource.get_type_display(),
        BY_NAME[one.rule].label,
        one.evidence,
        resource.account_id,
        names.get(resource.account_id, ""),
        resource.region,
        _time(one.since),
        trimmed(one.monthly_cost),
        one.currency,
        standing_of(one).value,
        _time(one.closed_at),
        _time(one.dismissed_at),
        one.dismissed_by,
        one.dismissed_reason,
    )


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""
