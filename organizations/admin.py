"""Owners' screens: members, API tokens, the audit trail; administrators' screens: organizations."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from organizations import services
from organizations.access import Action, Role
from organizations.admin_base import (
    CarefulChangeList,
    ObjectAction,
    ReadOnlyAdmin,
    ScopedAdmin,
)
from organizations.models import ApiToken, AuditEvent, Membership, Organization, User


class MembershipForm(forms.ModelForm[Membership]):
    """A member is named by e-mail address: a list to choose from would show other companies."""

    email = forms.EmailField(
        help_text="Somebody new gets a link, shown to you next, to choose a password."
    )

    class Meta:
        model = Membership
        fields = ["organization", "role"]


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin[Membership]):
    """Who belongs to an organization, and what they may do there."""

    view_action = change_action = Action.MANAGE_MEMBERS
    may_add = may_delete = True
    list_display = ["user", "organization", "role", "created_at"]
    list_filter = ["organization", "role"]
    search_fields = ["user__username", "user__email"]
    list_select_related = ["user", "organization"]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Ask for the e-mail address of a new member; afterwards only the role changes."""
        if obj is None:
            kwargs["form"] = MembershipForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            ["organization", "email", "role"] if obj is None else ["user", "organization", "role"]
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj is None else ["user", "organization"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write through the service; hand out the link of a new person."""
        if change:
            services.add_member(
                organization=obj.organization, user=obj.user, role=Role(form.cleaned_data["role"])
            )
            return
        made, is_new = services.invite_member(
            organization=obj.organization,
            email=form.cleaned_data["email"],
            role=Role(form.cleaned_data["role"]),
        )
        obj.pk, obj.user = made.pk, made.user
        obj._state.adding = False
        if is_new:
            link = request.build_absolute_uri(welcome_path(made.user))
            messages.info(request, f"Send {made.user} this link to choose a password: {link}")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.remove_member(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for membership in queryset:
            services.remove_member(membership)


def welcome_path(user: User) -> str:
    """Return the address at which a new person chooses a password, once."""
    return reverse(
        "welcome",
        args=[
            urlsafe_base64_encode(force_bytes(user.pk)),
            default_token_generator.make_token(user),
        ],
    )


@admin.register(ApiToken)
class ApiTokenAdmin(ScopedAdmin[ApiToken]):
    """Tokens of the REST API. The text of a token is shown once, when it is made."""

    view_action = change_action = Action.MANAGE_MEMBERS
    may_add = True
    list_display = ["name", "organization", "role", "created_at", "last_used_at", "revoked_at"]
    list_filter = ["organization", "role"]
    fields = ["organization", "name", "role", "created_at", "last_used_at", "revoked_at"]
    object_actions = [
        ObjectAction(
            name="revoke",
            label="Revoke",
            run=lambda request, token: _revoke(token),
            applies=lambda token: token.revoked_at is None,
            confirm=lambda token: f"Whatever uses “{token.name}” stops working at once. Revoke it?",
        )
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        dates = ["created_at", "last_used_at", "revoked_at"]
        return dates if obj is None else ["organization", "name", "role", *dates]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Issue the token through the service and show its text once."""
        user: Any = request.user
        made, text = services.issue_token(
            organization=obj.organization, role=Role(obj.role), name=obj.name, created_by=user
        )
        obj.pk = made.pk
        obj._state.adding = False
        messages.success(request, f"Copy the token now, it is shown this once: {text}")


def _revoke(token: ApiToken) -> str:
    services.revoke_token(token)
    return f"The token “{token.name}” is revoked."


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    """Who did what, when."""

    view_action = Action.MANAGE_MEMBERS
    list_display = ["at", "actor", "action", "object_label", "organization"]
    list_filter = ["organization"]
    search_fields = ["actor", "object_label"]
    date_hierarchy = "at"


class AdministratorAdmin(admin.ModelAdmin[Any]):
    """Rows that belong to no organization: for administrators only."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return what reads the list."""
        return CarefulChangeList

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Organization)
class OrganizationAdmin(AdministratorAdmin):
    """Organizations. Everything else belongs to one."""

    list_display = ["name", "slug", "created_at"]
    search_fields = ["name", "slug"]


@admin.register(User)
class UserAdmin(AdministratorAdmin):
    """People. Roles are given as memberships."""

    list_display = ["username", "email", "is_active", "is_superuser", "last_login"]
    search_fields = ["username", "email"]
    ordering = ["username"]
    fields = ["username", "email", "first_name", "last_name", "is_active", "is_superuser"]
    readonly_fields = ["last_login"]
