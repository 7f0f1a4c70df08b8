"""Costs that leave the portal as a file: who took which."""

from django.http.response import HttpResponseBase

from organizations.audit import record
from organizations.models import Organization
from organizations.sheets import FORMATS, Sheet


def record_export(organization: Organization, file_format: str, query: str) -> None:
    """Note in the audit trail that somebody downloaded costs. `query` is what they asked for."""
    record(
        "costs.exported", organization=organization, changes={"format": file_format, "query": query}
    )


def download(
    organization: Organization, sheet: Sheet, filename: str, file_format: str, query: str
) -> HttpResponseBase:
    """Return a table as a file of one of FORMATS, and note it."""
    record_export(organization, file_format, query)
    return FORMATS[file_format](sheet, filename)


def format_problem(file_format: str) -> str:
    """Return what is wrong with the format asked for, '' when nothing is."""
    if file_format in FORMATS:
        return ""
    return f"“{file_format}” is no format of a file. Use {' or '.join(FORMATS)}."
