"""Writes on people and organizations."""

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from organizations.access import Action, Role
from organizations.audit import record
from organizations.models import ApiToken, Membership, Organization, User


@transaction.atomic
def create_organization(*, slug: str, name: str) -> Organization:
    """Create an organization. Raises ValidationError for a bad or taken slug."""
    organization = Organization(slug=slug, name=name)
    organization.full_clean()
    organization.save()
    record("organization.created", organization=organization, obj=organization)
    return organization


class LastOwnerError(Exception):
    """An organization would be left without anybody who may manage its members."""


@transaction.atomic
def add_member(*, organization: Organization, user: User, role: Role) -> Membership:
    """Give a person a role in the organization, or change the role they have.

    Raises LastOwnerError.
    """
    if role != Role.OWNER:
        _keep_an_owner(organization, without=user)
    membership, _ = Membership.objects.update_or_create(
        organization=organization, user=user, defaults={"role": role}
    )
    record("member.set", organization=organization, obj=user, changes={"role": role})
    return membership


@transaction.atomic
def invite_member(*, organization: Organization, email: str, role: Role) -> tuple[Membership, bool]:
    """Give the person with this e-mail address a role; create the person where unknown.

    Returns the membership and whether the person is new. Only a new person may be handed a link
    to choose a password: a link for a known one would open somebody else's account.
    """
    # As user names are kept: addresses that look alike are one.
    email = str(User.normalize_username(email.strip())).lower()
    known = User.objects.filter(Q(username=email) | Q(email__iexact=email)).order_by("pk")
    user = known.filter(username=email).first() or known.first()
    is_new = user is None
    if user is None:
        user = User.objects.create_user(username=email, email=email)
    return add_member(organization=organization, user=user, role=role), is_new


def _keep_an_owner(organization: Organization, *, without: User) -> None:
    """Raise LastOwnerError when the person is the only active owner. Locks the owners."""
    owners = Membership.objects.of(organization).filter(role=Role.OWNER)
    locked = owners.select_related("user").select_for_update(of=("self",))
    active = [one.user for one in locked if one.user.is_active]
    if active == [without]:
        raise LastOwnerError(
            f"{without} is the only owner of {organization}: make somebody else an owner first."
        )


def may_hand_out_link(user: User, principal: User) -> bool:
    """Say whether the principal may have another link with which the person chooses a password.

    Only while there is no password yet, and only who may manage members wherever the person is
    one: whoever holds the link can act as the person.
    """
    mine = principal.organizations_allowing(Action.MANAGE_MEMBERS)
    elsewhere = user.memberships.exclude(organization__in=mine)
    has_begun = user.has_usable_password() or user.last_login is not None or user.is_superuser
    return user.is_active and not has_begun and not elsewhere.exists()


@transaction.atomic
def remove_member(membership: Membership) -> None:
    """Take the person's role away. What they did stays in the audit trail.

    Raises LastOwnerError.
    """
    _keep_an_owner(membership.organization, without=membership.user)
    record("member.removed", organization=membership.organization, obj=membership.user)
    membership.delete()


@transaction.atomic
def issue_token(
    *, organization: Organization, role: Role, name: str, created_by: User | None = None
) -> tuple[ApiToken, str]:
    """Create an API token; return the row and its text, which is shown this once."""
    token, text = ApiToken.issue(
        organization=organization, role=role, name=name, created_by=created_by
    )
    record("token.issued", organization=organization, obj=token, changes={"role": role})
    return token, text


@transaction.atomic
def revoke_token(token: ApiToken) -> None:
    """Make the token useless from now on."""
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    record("token.revoked", organization=token.organization, obj=token)
