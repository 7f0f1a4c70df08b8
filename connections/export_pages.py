"""Operators' pages that connect a payer account by finding its export, or by creating one."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from connections import export_draft, services
from connections.detection import detectable_exports
from connections.export_draft import Draft
from connections.export_forms import AccountForm, CreateForm
from connections.inputs import ConnectionInput, ExportInput, ExportMode, Refusal
from connections.models import Connection, ConnectionKind, ExportSchema
from connections.operator_pages import operator_page
from organizations.access import Action
from organizations.models import Organization

FIND, CHOOSE, CREATE = "connection-find-export", "connection-choose-export", "connection-create"


@operator_page
def find_page(request: HttpRequest) -> HttpResponse:
    """Ask for the account; then look for its exports."""
    form = AccountForm(request.POST or None, user=request.user)
    if form.is_valid():
        try:
            detected = detectable_exports(form.cleaned_data["organization"], form.auth())
        except Refusal as refusal:
            form.show(refusal)
        else:
            export_draft.keep(request, form, detected)
            return HttpResponseRedirect(reverse(CHOOSE))
    return _page(
        request, "admin/connections/find_export.html", "Find the billing export", form=form
    )


@operator_page
def choose_page(request: HttpRequest) -> HttpResponse:
    """Show every export with whether it fits; connect the account by the chosen one."""
    draft = export_draft.kept(request)
    organization = _organization(request, draft)
    if draft is None or organization is None:
        messages.info(request, "Enter the account's credentials first.")
        return HttpResponseRedirect(reverse(FIND))
    error = ""
    if request.method == "POST":
        try:
            made, steps = _connect_chosen(request, draft, organization)
        except Refusal as refusal:
            error = refusal.message
        else:
            export_draft.forget(request)
            return _done(request, made, steps)
    return _page(
        request,
        "admin/connections/choose_export.html",
        "Choose the billing export",
        draft=draft,
        error=error,
    )


@operator_page
def create_page(request: HttpRequest) -> HttpResponse:
    """Create an export, with its bucket where there is none, and connect the account by it."""
    form = CreateForm(request.POST or None, user=request.user)
    if form.is_valid():
        steps: list[str] = []
        try:
            made = services.connect(
                form.cleaned_data["organization"], form.connection(), say=steps.append
            )
        except Refusal as refusal:
            form.show(refusal)
        else:
            return _done(request, made, steps)
    return _page(
        request, "admin/connections/create_export.html", "Create a billing export", form=form
    )


def _organization(request: HttpRequest, draft: Draft | None) -> Organization | None:
    if draft is None:
        return None
    user: Any = request.user
    mine = user.organizations_allowing(Action.MANAGE_CONNECTIONS)
    found: Organization | None = mine.filter(pk=draft.organization).first()
    return found


def _connect_chosen(
    request: HttpRequest, draft: Draft, organization: Organization
) -> tuple[Connection, list[str]]:
    key = request.POST.get("export", "")
    row = next((one for one in draft.rows if one["key"] == key), None)
    if row is None:
        raise Refusal({"": "Choose one of the exports."})
    export = ExportInput(
        bucket="", name=row["name"], schema=ExportSchema(row["schema"]), mode=ExportMode.DETECT
    )
    steps: list[str] = []
    given = ConnectionInput(draft.name, ConnectionKind.ROOT, draft.auth, export)
    return services.connect(organization, given, say=steps.append), steps


def _done(request: HttpRequest, made: Connection, steps: list[str]) -> HttpResponse:
    messages.success(request, " ".join((f"{made} is connected.", *steps)))
    return HttpResponseRedirect(reverse("admin:connections_connection_change", args=[made.pk]))


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    return TemplateResponse(
        request, template, {**admin.site.each_context(request), "title": title, **context}
    )
