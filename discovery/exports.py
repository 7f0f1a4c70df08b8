"""Lists that leave the portal as a file: in which formats, and who took which."""

from django.http.response import HttpResponseBase

from organizations.audit import record
from organizations.models import Organization
from organizations.sheets import FORMATS, Sheet


def format_problems(wanted: str | None) -> dict[str, list[str]]:
    """Return what is wrong with the format that an address asks for; none is a page."""
    if not wanted or wanted in FORMATS:
        return {}
    return {"format": [f"“{wanted}” is no format of this list. Known: {', '.join(FORMATS)}."]}


def download(
    organization: Organization, sheet: Sheet, filename: str, file_format: str, query: str
) -> HttpResponseBase:
    """Return a list as a file, and note it in the audit trail. `query` is what was asked for."""
    record(
        "resources.exported",
        organization=organization,
        changes={"list": sheet.name, "format": file_format, "query": query},
    )
    return FORMATS[file_format](sheet, filename)
