"""Writes on saved reports and their schedules."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from billing.cost_query import CostQueryError
from billing.saved_reports import addresses
from billing.saved_reports.models import ReportSchedule, SavedReport
from billing.saved_reports.reports import may_change, possible_recipients
from organizations.access import Action, is_allowed
from organizations.audit import record
from organizations.models import Organization, User

_FIELDS = ("name", "query", "is_shared")
_SHARING = "Sharing a report takes a role that manages reports: ask somebody of finance."


@transaction.atomic
def create(
    organization: Organization,
    principal: Any,
    *,
    name: str,
    query: str,
    is_shared: bool,
    today: date,
) -> SavedReport:
    """Save an explorer address. Raises ValidationError, PermissionDenied for sharing."""
    owner = principal if isinstance(principal, User) else None
    if is_shared or owner is None:
        _demand_management(organization, principal)
    report = SavedReport(
        organization=organization,
        owner=owner,
        name=name.strip(),
        query=_canonical(query, today),
        is_shared=is_shared or owner is None,
    )
    report.full_clean()
    report.save()
    record("saved_report.created", organization=organization, obj=report, changes=_state(report))
    return report


@transaction.atomic
def change(
    report: SavedReport, principal: Any, changes: Mapping[str, Any], *, today: date
) -> SavedReport:
    """Rename, share, or keep another address under the name.

    Raises ValidationError, and PermissionDenied for what the principal may not do.
    """
    demand_change(report, principal)
    before = _state(report)
    is_shared = changes.get("is_shared", report.is_shared)
    if is_shared and not report.is_shared:
        _demand_management(report.organization, principal)
    if not is_shared and report.owner_id is None:
        raise ValidationError({"is_shared": "This report belongs to nobody: it stays shared."})
    report.is_shared = is_shared
    report.name = str(changes.get("name", report.name)).strip()
    if "query" in changes:
        report.query = _canonical(changes["query"], today)
    report.full_clean()
    report.save()
    after = _state(report)
    changed = {name: [before[name], after[name]] for name in _FIELDS if before[name] != after[name]}
    if changed:
        record(
            "saved_report.changed",
            organization=report.organization,
            obj=report,
            changes=changed,
        )
    return report


@transaction.atomic
def delete(report: SavedReport, principal: Any) -> None:
    """Delete a report with its schedules. Raises PermissionDenied."""
    demand_change(report, principal)
    record(
        "saved_report.deleted",
        organization=report.organization,
        obj=report,
        changes=_state(report),
    )
    report.delete()


def demand_change(report: SavedReport, principal: Any) -> None:
    """Raise PermissionDenied unless the principal may change the report."""
    if not may_change(report, principal):
        raise PermissionDenied(
            "This report is shared: changing it takes a role that manages reports."
        )


@transaction.atomic
def set_schedule(
    report: SavedReport, owner: User, fields: Mapping[str, Any], *, starts_on: date
) -> ReportSchedule:
    """Have the report sent: the person's one schedule of it is made or changed.

    `fields` are those of ReportSchedule, `recipients` a list of people. Raises ValidationError.
    """
    wanted = dict(fields)
    recipients: Sequence[User] = wanted.pop("recipients")
    allowed = possible_recipients(report.organization, owner)
    if not recipients or set(recipients) - set(allowed):
        raise ValidationError({"recipients": "Choose members of the organization."})
    schedule = ReportSchedule.objects.filter(report=report, owner=owner).first()
    schedule = schedule or ReportSchedule(report=report, owner=owner)
    for name, value in wanted.items():
        setattr(schedule, name, value)
    schedule.starts_on = starts_on
    schedule.full_clean()
    schedule.save()
    schedule.recipients.set(recipients)
    record(
        "report_schedule.set",
        organization=report.organization,
        obj=schedule,
        changes={**wanted, "recipients": sorted(str(one) for one in recipients)},
    )
    return schedule


@transaction.atomic
def remove_schedule(schedule: ReportSchedule) -> None:
    """Send no more letters by it."""
    record("report_schedule.removed", organization=schedule.report.organization, obj=schedule)
    schedule.delete()


def _demand_management(organization: Organization, principal: Any) -> None:
    if not is_allowed(principal, Action.MANAGE_REPORTS, organization.pk):
        raise PermissionDenied(_SHARING)


def _canonical(query: str, today: date) -> str:
    try:
        return addresses.canonical(query, today)
    except CostQueryError as error:
        raise ValidationError({"query": str(error)}) from None


def _state(report: SavedReport) -> dict[str, Any]:
    return {name: getattr(report, name) for name in _FIELDS}
