"""People, organizations, memberships, API tokens and the audit trail."""

import hashlib
import secrets
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models

from organizations.access import Action, Role, roles_allowing
from organizations.scoping import ScopedModel


class Organization(models.Model):
    """A company or a part of one. Everything else belongs to exactly one of these."""

    slug = models.SlugField(max_length=63, unique=True, help_text="Its name in addresses.")
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in. What they may do comes from their memberships."""

    class Meta(AbstractUser.Meta):
        swappable = "AUTH_USER_MODEL"

    def organizations_allowing(self, action: Action) -> models.QuerySet[Organization]:
        """Return the organizations in which this person may do the action.

        A superuser is the installation's administrator and may do everything everywhere.
        """
        if not self.is_active:
            return Organization.objects.none()
        if self.is_superuser:
            return Organization.objects.all()
        return Organization.objects.filter(
            memberships__user=self, memberships__role__in=roles_allowing(action)
        )

    def role_in(self, organization_id: int) -> Role | None:
        """Return this person's role there, None where they are no member."""
        if not self.is_active:
            return None
        if self.is_superuser:
            return Role.OWNER
        found = self.memberships.filter(organization=organization_id).first()
        return Role(found.role) if found else None


class Membership(ScopedModel):
    """A person's role in an organization."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["organization", "user"]
        constraints = [
            models.UniqueConstraint(fields=["user", "organization"], name="one_role_per_member"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}: {self.get_role_display()}"


class ApiToken(ScopedModel):
    """A token of the REST API, of one organization and one role. Only its hash is kept."""

    PREFIX: ClassVar[str] = "cht_"

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=10, choices=Role.choices)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_role_display()})"

    @classmethod
    def digest_of(cls, text: str) -> str:
        """Return the stored form of a token: 256 random bits, so a plain hash is safe."""
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def issue(
        cls, *, organization: Organization, role: Role, name: str, created_by: User | None = None
    ) -> "tuple[ApiToken, str]":
        """Create a token; return the row and the text, which cannot be had again."""
        text = cls.PREFIX + secrets.token_urlsafe(32)
        row = cls.objects.create(
            organization=organization,
            role=role,
            name=name,
            created_by=created_by,
            digest=cls.digest_of(text),
        )
        return row, text


class TokenPrincipal:
    """The holder of an API token, as `request.user`."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_superuser = False
    pk = None

    def __init__(self, token: ApiToken) -> None:
        self.token = token

    def __str__(self) -> str:
        return f"API token {self.token.name}"

    def organizations_allowing(self, action: Action) -> models.QuerySet[Organization]:
        """Return the token's organization if its role may do the action."""
        if self.token.role in roles_allowing(action):
            return Organization.objects.filter(pk=self.token.organization_id)
        return Organization.objects.none()

    def role_in(self, organization_id: int) -> Role | None:
        """Return the token's role in its own organization, None anywhere else."""
        return Role(self.token.role) if self.token.organization_id == organization_id else None


class SignInAttempt(models.Model):
    """A try to sign in. Written and forgotten by `organizations.sign_in_limit`."""

    digest = models.CharField(max_length=64, help_text="Of the name and the address.")
    at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["digest", "-at"])]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"


class AuditEvent(ScopedModel):
    """Who did what to which object. Written by `organizations.audit.record`, never changed."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="audit_events"
    )
    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=200, help_text="A person, an API token, or the portal.")
    action = models.CharField(
        max_length=100, validators=[RegexValidator(r"^[a-z_]+\.[a-z_]+$", "Write noun.verb.")]
    )
    object_type = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=200, blank=True)
    changes = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["organization", "-at"])]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.object_label}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; an event that exists is never written again."""
        if not self._state.adding:
            raise TypeError("An audit event is never changed.")
        super().save(*args, **kwargs)
