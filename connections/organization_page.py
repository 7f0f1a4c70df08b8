"""The operators' page of a payer's AWS organization: who is in it, and connecting many at once."""

import json
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods

from connections import member_connecting, members
from connections.aws.session import external_id_of
from connections.inputs import Refusal
from connections.models import Connection, ConnectionKind, MemberConnecting, RoleSource
from connections.organization import organization_of
from connections.policies.values import GrantTo, Mode
from connections.policies.views import ROUTE as POLICIES
from connections.trust import payer_principal, trust_policy
from organizations.runs import Trigger

ROUTE = "connections_connection_organization"


def organization_url(payer: Connection, account_id: str = "") -> str:
    """Return the page's address; the account is ticked already."""
    url = reverse(f"admin:{ROUTE}", args=[payer.pk])
    return f"{url}?{urlencode({'account': account_id})}" if account_id else url


class MembersForm(forms.Form):
    """How the ticked members are connected."""

    COSTS, ROLE = "costs", "role"

    how = forms.ChoiceField(
        label="Connect them",
        choices=[
            (COSTS, "for costs only: they count at once, with all their months"),
            (ROLE, "with a role: costs and resources"),
        ],
        initial=COSTS,
        widget=forms.RadioSelect,
    )
    role_name = forms.CharField(
        label="Role name",
        required=False,
        max_length=512,
        initial="countinghouse-read",
        help_text="The role of this name in each account.",
    )
    role_source = forms.ChoiceField(
        label="Assumed by", choices=RoleSource.choices, initial=RoleSource.PAYER, required=False
    )

    def clean(self) -> dict[str, Any]:
        """Ask for the role's name where one is used."""
        given = super().clean() or {}
        if given.get("how") == self.ROLE and not given.get("role_name"):
            self.add_error("role_name", "Enter the name of the role in the accounts.")
        return given


class OrganizationPage:
    """Adds the page to the admin of connections."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page's address."""
        admin: Any = self
        view = admin.admin_site.admin_view(require_http_methods(["GET", "POST"])(self._page))
        base: Any = super()
        return [path("<int:pk>/organization/", view, name=ROUTE), *base.get_urls()]

    def _page(self, request: HttpRequest, pk: int) -> HttpResponse:
        payer = self._payer(request, pk)
        form = MembersForm()
        ticked = set(request.GET.getlist("account"))
        if request.method == "POST":
            if "refresh" in request.POST:
                return self._refresh(request, payer)
            form, ticked = MembersForm(request.POST), set(request.POST.getlist("account"))
            if form.is_valid() and self._connect(request, payer, form):
                return HttpResponseRedirect(organization_url(payer))
        admin: Any = self
        return TemplateResponse(
            request,
            "admin/connections/connection/organization.html",
            {
                **admin.admin_site.each_context(request),
                "title": f"AWS organization of {payer.name}",
                "opts": Connection._meta,
                "original": payer,
                "form": form,
                "ticked": ticked,
                "found": organization_of(payer),
                "last": MemberConnecting.objects.filter(connection=payer).first(),
                "external_id": external_id_of(payer.organization),
                "trust_policy": json.dumps(
                    trust_policy(external_id_of(payer.organization), payer_principal(payer)),
                    indent=2,
                ),
                "policies_url": _policies_url(payer),
            },
        )

    def _payer(self, request: HttpRequest, pk: int) -> Connection:
        admin: Any = self
        found: Connection | None = admin.get_object(request, str(pk))
        if found is None or found.kind != ConnectionKind.ROOT or not found.is_connected:
            raise Http404("There is no such organization here.")
        if not admin.has_change_permission(request, found):
            raise PermissionDenied("Your role does not allow this.")
        return found

    @staticmethod
    def _refresh(request: HttpRequest, payer: Connection) -> HttpResponse:
        members.request_listing(payer, Trigger.MANUAL)
        messages.success(request, "The members are being listed. Reload the page in a moment.")
        return HttpResponseRedirect(organization_url(payer))

    @staticmethod
    def _connect(request: HttpRequest, payer: Connection, form: MembersForm) -> bool:
        with_role = form.cleaned_data["how"] == MembersForm.ROLE
        try:
            run = member_connecting.request_connecting(
                payer,
                request.POST.getlist("account"),
                role_name=form.cleaned_data["role_name"] if with_role else "",
                role_source=RoleSource(form.cleaned_data["role_source"] or RoleSource.PAYER),
            )
        except Refusal as refusal:
            for name, sentence in refusal.errors.items():
                form.add_error(name if name in form.fields else None, sentence)
            return False
        if run.is_finished:
            done = sum(one["state"] == member_connecting.CONNECTED for one in run.results)
            messages.success(request, f"{done} of {len(run.results)} accounts were connected.")
        else:
            messages.success(
                request,
                "Each account is being tried now. Reload the page to see what came of each.",
            )
        return True


def _policies_url(payer: Connection) -> str:
    """Return the page of policies, filled in for a role in a member that the payer assumes."""
    filled = {
        "mode": Mode.DISCOVER,
        "grant_to": GrantTo.ROLE,
        "partition": payer.partition,
        "role_name": "countinghouse-read",
        "organization": payer.organization.slug,
    }
    return f"{reverse(POLICIES)}?{urlencode(filled)}"
