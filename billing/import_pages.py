"""Operators' pages of imports, in the admin: any past range anew, any two deliveries compared."""

import re
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from billing import services
from billing.measures import Measure
from billing.models import Delivery, ImportRun
from billing.periods import month_named
from billing.restatements import RestatementError, restatement
from connections.models import Connection
from connections.operator_pages import operator_page, payer_connection
from organizations.audit import record
from organizations.runs import RunFailure, RunState, Trigger

RANGE = "import-range"
COMPARE = "compare-deliveries"
_SHOWN = 500


class MonthField(forms.CharField):
    """A month as YYYY-MM; its value is the month's first day, or None."""

    widget = forms.TextInput(
        attrs={"type": "month", "placeholder": "YYYY-MM", "pattern": r"\d{4}-\d{2}"}
    )

    def clean(self, value: Any) -> Any:
        """Return the first day of the month."""
        text = super().clean(value)
        if not text:
            return None
        month = month_named(text)
        if month is None:
            raise forms.ValidationError("Give a month as YYYY-MM.")
        return month


class RangeForm(forms.Form):
    """Which months to import."""

    first = MonthField(label="First month", required=False, help_text="Empty: from the oldest on.")
    last = MonthField(label="Last month", required=False, help_text="Empty: up to the newest.")
    force = forms.BooleanField(
        label="Also months whose delivery is the one imported already", required=False
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a range that is none."""
        given = super().clean() or {}
        first, last = given.get("first"), given.get("last")
        if first and last and last < first:
            self.add_error("last", "The last month lies before the first one.")
        return given


@operator_page
def import_range(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for an import of a range of months; POST asks."""
    connection = payer_connection(request, pk)
    form = RangeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        look = _asked(request, connection, form.cleaned_data)
        if look is not None:
            return HttpResponseRedirect(reverse("admin:billing_importrun_change", args=[look.pk]))
    context = {
        **admin.site.each_context(request),
        "title": "Import a range of months",
        "connection": connection,
        "form": form,
    }
    return TemplateResponse(request, "admin/billing/import_range.html", context)


def _asked(request: HttpRequest, connection: Connection, given: dict[str, Any]) -> ImportRun | None:
    wanted = (given["first"], given["last"], given["force"])
    try:
        look = services.request_import(
            connection,
            Trigger.MANUAL,
            first_period=given["first"],
            last_period=given["last"],
            force=given["force"],
        )
    except RunFailure as failure:
        messages.error(request, f"{failure.message} {failure.hint}".strip())
        return None
    if (look.first_period, look.last_period, look.is_forced) != wanted:
        messages.warning(
            request, "Another import of this connection is under way: ask again when it has ended."
        )
        return None
    record(
        "import.asked",
        organization=connection.organization,
        obj=connection,
        changes=_as_text(given),
    )
    said = "is under way" if look.state == RunState.RUNNING else "is queued"
    messages.success(request, f"The import {said}.")
    return look


def _as_text(given: dict[str, Any]) -> dict[str, str]:
    return {
        name: f"{value:%Y-%m}" if isinstance(value, date) else str(value)
        for name, value in given.items()
        if value
    }


@operator_page
def compare(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what differs between two deliveries of a month, of the accounts connected now."""
    connection = payer_connection(request, pk)
    months = _months(connection)
    context = {
        **admin.site.each_context(request),
        "title": "What AWS restated",
        "connection": connection,
        "months": months,
        "measures": Measure.choices,
    }
    status = 200
    try:
        context |= _compared(connection, request.GET, months)
    except RestatementError as error:
        context["problem"] = str(error)
        status = 400
    return TemplateResponse(
        request, "admin/billing/compare_deliveries.html", context, status=status
    )


def _compared(connection: Connection, given: Any, months: list[date]) -> dict[str, Any]:
    unknown = sorted(set(given) - {"month", "from_delivery", "to_delivery", "metric"})
    if unknown:
        raise RestatementError(unknown[0], f"There is no parameter “{unknown[0]}”.")
    if not months:
        return {}
    month = months[0]
    if "month" in given:
        chosen = month_named(given["month"])
        if chosen not in months:
            raise RestatementError("month", "Nothing was imported for this month.")
        month = chosen
    metric = given.get("metric", Measure.UNBLENDED)
    if metric not in Measure.values:
        raise RestatementError("metric", "There is no such cost.")
    compared = restatement(
        connection,
        month,
        before=_id(given, "from_delivery"),
        after=_id(given, "to_delivery"),
        measure=Measure(metric),
    )
    return {
        "month": month,
        "metric": Measure(metric),
        "found": compared,
        "changes": compared.changes[:_SHOWN],
        "more": max(len(compared.changes) - _SHOWN, 0),
        "deliveries": compared.deliveries,
    }


def _id(given: Any, name: str) -> int | None:
    text = given.get(name, "")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise RestatementError(name, "Choose one of the month's deliveries.")
    return int(text)


def _months(connection: Connection) -> list[date]:
    of_connection = Delivery.objects.filter(export__connection=connection, loaded_at__isnull=False)
    months = of_connection.order_by("-billing_period").values_list("billing_period", flat=True)
    return list(months.distinct())


urlpatterns = [
    path("import/<int:pk>/", import_range, name=RANGE),
    path("restated/<int:pk>/", compare, name=COMPARE),
]
