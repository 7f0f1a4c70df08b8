"""Which saved reports a person or a token sees, and what they may do with them. Reads only."""

from typing import Any

from django.db.models import Q

from billing.saved_reports.models import ReportSchedule, SavedReport
from organizations.access import Action, is_allowed
from organizations.models import Membership, Organization, User
from organizations.scoping import ScopedQuerySet


def visible(organization: Organization, principal: Any) -> ScopedQuerySet[SavedReport]:
    """Return the shared reports, and the principal's own."""
    found: ScopedQuerySet[SavedReport] = SavedReport.objects.of(organization)
    mine = Q(owner=principal.pk) if isinstance(principal, User) else Q(pk__in=[])
    return found.filter(mine | Q(is_shared=True)).select_related("owner")


def may_change(report: SavedReport, principal: Any) -> bool:
    """Say whether the principal may rename, share and delete a report that they see.

    A shared report is everybody's: it takes the right to manage reports.
    """
    if not report.is_shared:
        return is_owner(report, principal)
    return is_allowed(principal, Action.MANAGE_REPORTS, report.organization_id)


def is_owner(report: SavedReport, principal: Any) -> bool:
    """Say whether the report is the principal's own."""
    return isinstance(principal, User) and report.owner_id == principal.pk


def possible_recipients(organization: Organization, principal: User) -> Any:
    """Return the people to whom the principal may have a report sent: members with an address.

    Nobody outside can be entered: a letter that goes out every month would go on for somebody
    who left, and nobody at the portal would notice. Who does not manage reports may write to
    themselves alone.
    """
    members = Membership.objects.of(organization).values("user")
    found = User.objects.filter(pk__in=members, is_active=True).exclude(email="")
    if not is_allowed(principal, Action.MANAGE_REPORTS, organization.pk):
        found = found.filter(pk=principal.pk)
    return found.order_by("username")


def schedule_of(report: SavedReport, owner: User) -> ReportSchedule | None:
    """Return the person's schedule of the report, None where they have none."""
    found: ReportSchedule | None = ReportSchedule.objects.filter(report=report, owner=owner).first()
    return found
