"""Costs that leave the portal as a file: who took which."""

from organizations.audit import record
from organizations.models import Organization


def record_export(organization: Organization, file_format: str, query: str) -> None:
    """Note in the audit trail that somebody downloaded costs. `query` is what they asked for."""
    record(
        "costs.exported", organization=organization, changes={"format": file_format, "query": query}
    )
