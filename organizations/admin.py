"""Owners' screens: members, API tokens, the audit trail; administrators' screens: organizations."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
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
from organizations.runs import ErrorClass, RunFailure


class MembershipForm(forms.ModelForm[Membership]):
    """A member is named by e-mail address: a list to choose from would show other companies."""

    email = forms.EmailField(
        max_length=150,
        help_text="Somebody new gets a link, shown to you next, to choose a password.",
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
    object_actions = [
        ObjectAction(
            name="link",
            label="New link to choose a password",
            run=lambda request, membership: _new_link(request, membership.user),
            applies=lambda membership: not membership.user.has_usable_password(),
        )
    ]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Ask for the e-mail address of a new member; afterwards only the role changes."""
        if obj is None:
            kwargs["form"] = MembershipForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            ["organization", "email", "role"]
            if obj is None
            else ["user_name", "organization_name", "role"]
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj is None else ["user_name", "organization_name"]

    @admin.display(description="user")
    def user_name(self, membership: Membership) -> str:
        """Name the member without a link: people's own pages are the administrators'."""
        return str(membership.user)

    def changeform_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        show = partial(super().changeform_view, request, *args, **more)
        return self._with_an_owner(request, show)

    def delete_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        show = partial(super().delete_view, request, *args, **more)
        return self._with_an_owner(request, show)

    def changelist_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        show = partial(super().changelist_view, request, *args, **more)
        return self._with_an_owner(request, show)

    def _with_an_owner(
        self, request: HttpRequest, show: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """Show the page; where the last owner would go, change nothing and say so."""
        try:
            return show()
        except services.LastOwnerError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.path)

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
            messages.info(request, _link_sentence(request, made.user))
        else:
            messages.warning(
                request,
                f"{made.user} was known here before, and signs in as always. Whoever invited them"
                " first was shown the link to choose the password: make sure that the account is"
                " theirs.",
            )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Take the role away; say which tokens the person made, for those go on working."""
        services.remove_member(obj)
        made = ApiToken.objects.of(obj.organization).filter(created_by=obj.user, revoked_at=None)
        names = ", ".join(f"“{one.name}”" for one in made)
        if names:
            messages.warning(
                request,
                f"API tokens that {obj.user} made go on working: {names}. Revoke those that"
                " nothing of the organization needs.",
            )

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for membership in queryset:
            self.delete_model(request, membership)


def _link_sentence(request: HttpRequest, user: User) -> str:
    link = request.build_absolute_uri(welcome_path(user))
    return f"Send {user} this link to choose a password: {link}"


def _new_link(request: HttpRequest, user: User) -> str:
    principal: Any = request.user
    if not services.may_hand_out_link(user, principal):
        raise RunFailure(
            ErrorClass.CONFIG,
            f"{user} cannot be given a link here.",
            "They have an account that is not this organization's alone: ask the administrator of"
            " the installation.",
        )
    return _link_sentence(request, user)


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
    object_actions = [
        ObjectAction(
            name="revoke",
            label="Revoke",
            run=lambda request, token: _revoke(token),
            applies=lambda token: token.revoked_at is None,
            confirm=lambda token: f"Whatever uses “{token.name}” stops working at once. Revoke it?",
        )
    ]

    readonly_fields = ["organization_name", "created_at", "last_used_at", "revoked_at"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let the organization of a new one be chosen."""
        whose = "organization" if obj is None else "organization_name"
        return [whose, "name", "role", "created_at", "last_used_at", "revoked_at"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody change a token that was issued: saving it would issue another one."""
        return obj is None and super().has_change_permission(request)

    def may_press_buttons(self, request: HttpRequest, obj: Any) -> bool:
        """Say whether the user may revoke it."""
        return self._may(request, Action.MANAGE_MEMBERS, obj)

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
    exclude = ["organization"]
    readonly_fields = ["organization_name"]
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
