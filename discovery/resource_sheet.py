"""The list of resources as a file."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from django.utils import timezone

from discovery import reports
from discovery.amounts import trimmed
from discovery.filters import ResourceFilters
from organizations.models import Organization
from organizations.sheets import Column, Kind, Sheet

_BATCH = 1000
_COLUMNS = (
    Column("Name", width=30),
    Column("Id", width=30),
    Column("ARN", width=40),
    Column("Type"),
    Column("State"),
    Column("Account"),
    Column("Account name", width=24),
    Column("Region"),
    Column("Tags", width=40),
    Column("First seen (UTC)"),
    Column("Last seen (UTC)"),
    Column("Gone (UTC)"),
    Column("Amortized cost this month so far", Kind.MONEY),
    Column("Amortized cost last month", Kind.MONEY),
    Column("Currency", width=10),
)


def resource_sheet(
    organization: Organization, filters: ResourceFilters, names: Mapping[str, str], asked: str
) -> Sheet:
    """Return every resource that the filters leave, in their order, however many.

    `asked` is the query string that was asked with, for the workbook's second sheet.
    """
    return Sheet(
        name="Resources",
        columns=_COLUMNS,
        rows=_rows(organization, filters, names),
        about={
            "Organization": organization.name,
            "What": "Resources found in the connected accounts",
            "Filters": asked or "none: everything that exists",
            "Costs": "Amortized, from the bill; empty where no bill names the resource",
            "Made at": f"{timezone.now():%Y-%m-%d %H:%M} UTC",
        },
    )


def _rows(
    organization: Organization, filters: ResourceFilters, names: Mapping[str, str]
) -> Iterator[tuple[Any, ...]]:
    ids = reports.resource_list(organization, filters).iterator(chunk_size=_BATCH)
    while batch := list(islice(ids, _BATCH)):
        for row in reports.rows_of(organization, batch):
            yield _cells(row, names)


def _cells(row: reports.ResourceRow, names: Mapping[str, str]) -> tuple[Any, ...]:
    one = row.resource
    return (
        one.name,
        one.resource_id,
        one.arn,
        one.get_type_display(),
        "gone" if one.gone_at else one.state,
        one.account_id,
        names.get(one.account_id, ""),
        one.region,
        "; ".join(f"{key}={value}" for key, value in sorted(one.tags.items())),
        *(f"{at:%Y-%m-%d %H:%M:%S}" if at else "" for at in _times(row)),
        trimmed(row.month_to_date_cost),
        trimmed(row.last_month_cost),
        row.currency,
    )


def _times(row: reports.ResourceRow) -> tuple[Any, ...]:
    return row.resource.first_seen, row.last_seen, row.resource.gone_at
