"""Who may do what: roles, actions, and the principals (people and API tokens) that hold a role."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from django.db import models

if TYPE_CHECKING:
    from organizations.models import Organization


class Role(models.TextChoices):
    """Roles of a membership or token. Each includes what the ones before it may do."""

    VIEWER = "viewer", "Viewer"
    FINANCE = "finance", "Finance"
    OPERATOR = "operator", "Operator"
    OWNER = "owner", "Owner"


class Action(StrEnum):
    """Everything that is guarded. A name that is not here cannot be asked for."""

    VIEW_COSTS = "view_costs"
    VIEW_RESOURCES = "view_resources"
    MANAGE_REPORTS = "manage_reports"
    MANAGE_FINDINGS = "manage_findings"
    MANAGE_CONNECTIONS = "manage_connections"
    MANAGE_MEMBERS = "manage_members"


_LEAST_ROLE = {
    Action.VIEW_COSTS: Role.VIEWER,
    Action.VIEW_RESOURCES: Role.VIEWER,
    Action.MANAGE_REPORTS: Role.FINANCE,
    Action.MANAGE_FINDINGS: Role.FINANCE,
    Action.MANAGE_CONNECTIONS: Role.OPERATOR,
    Action.MANAGE_MEMBERS: Role.OWNER,
}
_ORDER = list(Role)


def roles_allowing(action: Action) -> list[Role]:
    """Return the roles that may do the action."""
    return _ORDER[_ORDER.index(_LEAST_ROLE[action]) :]


class Principal(Protocol):
    """Somebody who asks: a `User` or a `TokenPrincipal`. Both answer the same questions."""

    @property
    def is_authenticated(self) -> bool:
        """Whether the asker is known at all."""

    def organizations_allowing(self, action: Action) -> "models.QuerySet[Organization]":
        """Return the organizations in which this principal may do the action."""

    def role_in(self, organization_id: int) -> Role | None:
        """Return the principal's role there, None where it has none."""


def is_allowed(principal: "Principal | Any", action: Action, organization_id: int) -> bool:
    """Say whether the principal may do the action in the organization."""
    if not principal.is_authenticated:
        return False
    return principal.role_in(organization_id) in roles_allowing(action)


def permissions_in(principal: "Principal | Any", organization_id: int) -> dict[str, bool]:
    """Return {action: allowed} for templates: `{% if may.manage_connections %}`."""
    role = principal.role_in(organization_id) if principal.is_authenticated else None
    return {str(action): role in roles_allowing(action) for action in Action}
