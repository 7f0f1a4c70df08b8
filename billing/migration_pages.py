"""The operators' page of a migration, in the admin: both exports side by side, and the steps."""

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from rest_framework.exceptions import ValidationError

from billing import migration
from billing.migration_api import parsed_month
from billing.migration_forms import NewExportForm
from connections.inputs import Refusal
from connections.migration import Migration, migration_of
from connections.models import Connection
from connections.operator_pages import operator_page, payer_connection

ROUTE = "connection-migration"


@operator_page
def migration_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how the migration stands; POST takes the step that `step` names."""
    connection = payer_connection(request, pk)
    found = migration_of(connection)
    form = NewExportForm(request.POST if request.POST.get("step") == "begin" else None)
    if request.method == "POST" and _is_done(request, connection, form):
        return HttpResponseRedirect(reverse(ROUTE, args=[connection.pk]))
    months = migration.months(found) if found else []
    context = {
        **admin.site.each_context(request),
        "title": "Migrate to another export",
        "connection": connection,
        "present": connection.current_export,
        "found": found,
        "problem": migration.last_problem(found) if found else None,
        "months": months,
        "switchable": [one.billing_period for one in months if one.new],
        "form": form,
    }
    return TemplateResponse(request, "admin/billing/migration.html", context)


def _is_done(request: HttpRequest, connection: Connection, form: NewExportForm) -> bool:
    """Take the step; False when the form must be shown again with what is wrong."""
    step = request.POST.get("step", "")
    if step == "begin":
        return form.is_valid() and _begin(request, connection, form)
    try:
        sentence = _step(request, connection, step)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    except ValidationError:
        messages.error(request, "Choose the month to switch from.")
    else:
        messages.success(request, sentence)
    return True


def _begin(request: HttpRequest, connection: Connection, form: NewExportForm) -> bool:
    steps: list[str] = []
    try:
        found = migration.begin(connection, form.export(), say=steps.append)
    except Refusal as refusal:
        form.show(refusal.errors)
        return False
    said = f"{found.new} is imported now beside {found.old}; nothing counts from it yet."
    messages.success(request, " ".join((*steps, said)))
    return True


def _step(request: HttpRequest, connection: Connection, step: str) -> str:
    if step == "switch":
        found: Migration = migration.switch(connection, parsed_month(request.POST.get("from")))
        return f"Months from {found.new.counts_from:%B %Y} on count from the new export."
    if step == "undo":
        migration.undo(connection)
        return "Every month counts from the old export again."
    if step == "finish":
        found = migration.finish(connection)
        return f"The migration is finished: “{found.old.name}” is imported no more."
    if step == "abandon":
        migration.abandon(connection)
        return "The migration is given up; the export stays as it was."
    raise Refusal({"": "There is no such step."})


urlpatterns = [path("<int:pk>/", migration_page, name=ROUTE)]
