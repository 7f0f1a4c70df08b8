"""Operators' screens: imports with what they found, deliveries, and which one a month counts."""

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.exact import plain
from billing.measures import Measure
from billing.models import BillingMonth, Delivery, DeliveryState, ImportRun
from billing.restatements import Restatement, RestatementError, restatement
from connections.admin import badge
from organizations.admin_base import ReadOnlyAdmin, ScopedInline

_CHANGES_SHOWN = 100
_STEPS = ("look", "manifest", "read", "prepare", "load", "check")


def amount_of(amount: Decimal | None, currency: str) -> str:
    """Return an amount to its last digit with its currency; a dash where there is none."""
    return "-" if amount is None else f"{_exactly(amount)} {currency}"


def _exactly(amount: Decimal) -> str:
    whole, point, decimals = plain(amount).partition(".")
    return f"{intcomma(whole)}{point}{decimals}"


class _ReadAndLoaded:
    """Columns of whatever was read from files and loaded: imports and deliveries."""

    @admin.display(description="line items", ordering="rows_read")
    def line_items(self, one: ImportRun | Delivery) -> str:
        """Return the line items read."""
        return str(intcomma(one.rows_read))

    @admin.display(description="daily rows", ordering="rows_loaded")
    def daily_rows(self, one: ImportRun | Delivery) -> str:
        """Return the rows that they make."""
        return str(intcomma(one.rows_loaded))

    @admin.display(description="read")
    def bytes(self, one: ImportRun | Delivery) -> str:
        """Return the size of the files read."""
        return filesizeformat(one.bytes_read)


class MonthInline(_ReadAndLoaded, ScopedInline):
    """The months of a look."""

    model = ImportRun
    fk_name = "parent"
    verbose_name_plural = "months"
    fields = ("month", "condition", "line_items", "total", "error_message")
    readonly_fields = fields

    @admin.display(description="month")
    def month(self, run: ImportRun) -> str:
        return f"{run.billing_period:%Y-%m}"

    @admin.display(description="state")
    def condition(self, run: ImportRun) -> SafeString:
        return badge(run.state, run.get_state_display())

    @admin.display(description="total")
    def total(self, run: ImportRun) -> str:
        return amount_of(run.portal_total, run.currency)


class ScopeFilter(admin.SimpleListFilter):
    """Most looks find nothing new."""

    title = "what"
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("months", "Months"), ("looks", "Looks at a connection")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(billing_period__isnull=self.value() == "looks")


class MonthFilter(admin.SimpleListFilter):
    """The months there are: Django would offer today and the past seven days."""

    title = "billing period"
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        months = model_admin.get_queryset(request).dates("billing_period", "month", order="DESC")
        return [(f"{month:%Y-%m}", f"{month:%Y-%m}") for month in months]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {value for value, _ in self.lookup_choices}
        if self.value() not in known:
            return queryset
        return queryset.filter(billing_period=f"{self.value()}-01")


@admin.register(ImportRun)
class ImportRunAdmin(_ReadAndLoaded, ReadOnlyAdmin[ImportRun]):
    """Imports: what was read, what it came to, what was left out, what went wrong."""

    list_display = [
        "condition",
        "month",
        "connection",
        "queued_at",
        "total",
        "line_items",
        "duration",
        "error_message",
    ]
    list_display_links = ["month"]
    list_filter = ["state", ScopeFilter, "connection", "error_class", "queued_at"]
    list_select_related = ["connection"]
    date_hierarchy = "queued_at"
    inlines = [MonthInline]
    change_form_template = "admin/billing/importrun/change_form.html"
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "connection",
                    "month",
                    "condition",
                    "step",
                    "how_far",
                    "trigger",
                    "requested_by",
                    "attempt",
                ]
            },
        ),
        ("Error", {"fields": ["error_class", "error_message", "error_hint"]}),
        (
            "Result",
            {
                "fields": [
                    "line_items",
                    "daily_rows",
                    "bytes",
                    "export_sum",
                    "total",
                    "said",
                    "skipped",
                ]
            },
        ),
        ("Delivery", {"fields": ["export", "delivery"]}),
        ("Times", {"fields": ["queued_at", "started_at", "finished_at", "duration", "steps"]}),
    ]
    readonly_fields: ClassVar[list[str]] = [
        "month",
        "condition",
        "how_far",
        "line_items",
        "daily_rows",
        "bytes",
        "export_sum",
        "total",
        "said",
        "skipped",
        "duration",
        "steps",
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Speak of errors only where there is one."""
        went_well = obj is not None and obj.error is None
        found = super().get_fieldsets(request, obj)
        return [one for one in found if one[0] != "Error" or not went_well]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """List months under a look alone."""
        return [] if obj is not None and obj.billing_period else super().get_inlines(request, obj)

    @admin.display(description="billing period", ordering="billing_period")
    def month(self, run: ImportRun) -> str:
        """Return the month, or which ones were looked at."""
        if run.billing_period:
            return f"{run.billing_period:%Y-%m}"
        first, last = run.first_period, run.last_period
        if first and last:
            return f"{first:%Y-%m} to {last:%Y-%m}"
        if first or last:
            return f"from {first:%Y-%m}" if first else f"up to {last:%Y-%m}"
        return "all months"

    @admin.display(description="state", ordering="state")
    def condition(self, run: ImportRun) -> SafeString:
        """Show the state as a badge."""
        return badge(run.state, run.get_state_display())

    @admin.display(description="progress")
    def how_far(self, run: ImportRun) -> str:
        """Return the files, bytes and line items read so far, and the seconds since the start."""
        known = run.progress
        if "files" not in known:
            return "-"
        return (
            f"{known['files_read']} of {known['files']} files,"
            f" {filesizeformat(known['bytes'])} of {filesizeformat(known['bytes_total'])},"
            f" {intcomma(known['rows'])} line items in {run.seconds or 0:.1f} seconds"
        )

    @admin.display(description="export's total")
    def export_sum(self, run: ImportRun) -> str:
        """Return what the export itself comes to."""
        return amount_of(run.export_total, run.currency)

    @admin.display(description="portal's total")
    def total(self, run: ImportRun) -> str:
        """Return what the portal holds."""
        return amount_of(run.portal_total, run.currency)

    @admin.display(description="took")
    def duration(self, run: ImportRun) -> str:
        """Return the seconds it took or has been going."""
        return "-" if run.seconds is None else f"{run.seconds:.1f} s"

    @admin.display(description="warnings")
    def said(self, run: ImportRun) -> SafeString | str:
        """Show what people should know although it went well."""
        return _list((warning,) for warning in run.warnings)

    @admin.display(description="accounts not connected")
    def skipped(self, run: ImportRun) -> SafeString | str:
        """Show what is in the bill and in no total, because its account is not connected."""
        return _list(
            (
                f"{one['name'] or 'Account'} ({one['account_id']}):"
                f" {amount_of(Decimal(one['amount']), one['currency'])}",
            )
            for one in run.skipped_accounts
        )

    @admin.display(description="seconds by step")
    def steps(self, run: ImportRun) -> str:
        """Return how long each step took."""
        known = [(step, run.timings[step]) for step in _STEPS if step in run.timings]
        return ", ".join(f"{step} {seconds:.2f}" for step, seconds in known) or "-"


@admin.register(Delivery)
class DeliveryAdmin(_ReadAndLoaded, ReadOnlyAdmin[Delivery]):
    """Versions of months, as AWS delivered them."""

    list_display = [
        "created_at",
        "export",
        "month",
        "condition",
        "line_items",
        "daily_rows",
        "data_through",
        "is_final",
    ]
    list_filter = ["state", "export", MonthFilter]
    list_select_related = ["export"]
    fields: ClassVar[Any] = [
        "export",
        "month",
        "condition",
        "sums",
        "restated",
        "line_items",
        "daily_rows",
        "bytes",
        "data_through",
        "final",
        "execution_id",
        "manifest_key",
        "created_at",
        "loaded_at",
    ]
    readonly_fields = fields

    @admin.display(description="billing period", ordering="billing_period")
    def month(self, delivery: Delivery) -> str:
        """Return the month."""
        return f"{delivery.billing_period:%Y-%m}"

    @admin.display(description="state", ordering="state")
    def condition(self, delivery: Delivery) -> SafeString:
        """Show the state as a badge."""
        return badge(delivery.state, delivery.get_state_display())

    @admin.display(description="final")
    def final(self, delivery: Delivery) -> str:
        """Say whether AWS may still change the month."""
        if delivery.is_final:
            return "yes: every line item carries an invoice"
        return "no: AWS may still change these figures"

    @admin.display(description="totals")
    def sums(self, delivery: Delivery) -> SafeString | str:
        """Show every measure in every currency, to the last digit."""
        return _list(
            (f"{name.replace('_', ' ')}: {amount_of(Decimal(amount), currency)}",)
            for currency, measures in sorted(delivery.totals.items())
            for name in Measure.values
            if (amount := measures.get(name)) is not None
        )

    @admin.display(description="what it changed")
    def restated(self, delivery: Delivery) -> SafeString | str:
        """Show what differs from the delivery before it, of the accounts connected now."""
        if delivery.state == DeliveryState.LOADING:
            return "It is being imported."
        try:
            found = restatement(
                delivery.export.connection, delivery.billing_period, after=delivery.pk
            )
        except RestatementError as error:
            return str(error)
        return _changes(found)


@admin.register(BillingMonth)
class BillingMonthAdmin(ReadOnlyAdmin[BillingMonth]):
    """Which delivery each month is counted from."""

    list_display = ["connection", "month", "delivery", "changed_at"]
    list_filter = ["connection", MonthFilter]
    list_select_related = ["connection", "delivery"]
    fields: ClassVar[Any] = ["connection", "month", "delivery", "changed_at"]
    readonly_fields: ClassVar[list[str]] = ["month"]

    @admin.display(description="billing period", ordering="billing_period")
    def month(self, one: BillingMonth) -> str:
        """Return the month."""
        return f"{one.billing_period:%Y-%m}"


def _changes(found: Restatement) -> SafeString | str:
    if found.before is None:
        return "No earlier delivery of the month is kept."
    if not found.changes:
        return f"Nothing, compared with {found.before}."
    headings = ("Account", "Service", "Charge type", "Before", "After", "Difference")
    rows = [
        (
            one.account_id,
            one.service,
            one.charge_type,
            _exactly(one.before),
            _exactly(one.after),
            amount_of(one.difference, one.currency),
        )
        for one in found.changes[:_CHANGES_SHOWN]
    ]
    more = len(found.changes) - len(rows)
    return format_html(
        "<p>Unblended cost, compared with {}{}:</p>"
        '<div class="restatement" tabindex="0"><table><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        found.before,
        f"; the {len(rows)} largest differences, {more} more in the API" if more else "",
        format_html_join("", '<th scope="col">{}</th>', ((one,) for one in headings)),
        format_html_join("", f"<tr>{'<td>{}</td>' * len(headings)}</tr>", rows),
    )


def _list(rows: Any) -> SafeString | str:
    items = format_html_join("", "<li>{}</li>", rows)
    return format_html('<ul class="run-warnings">{}</ul>', items) if items else "-"
