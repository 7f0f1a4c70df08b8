"""Operators' screens: discoveries with their coverage, and the resources they found."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from connections.admin import badge
from discovery.collectors import LABELS
from discovery.findings import BY_NAME, RULES
from discovery.models import DiscoveryRun, Finding, FindingThresholds, Resource
from discovery.reports import coverage
from organizations.admin_base import ReadOnlyAdmin


@admin.register(DiscoveryRun)
class DiscoveryRunAdmin(ReadOnlyAdmin[DiscoveryRun]):
    """Discoveries: what was found, and which region did not answer."""

    list_display = [
        "queued_at",
        "connection",
        "state_badge",
        "found",
        "added",
        "changed",
        "gone",
        "not_seen",
        "error_message",
    ]
    list_filter = ["state", "connection", "error_class", "queued_at"]
    list_select_related = ["connection"]
    date_hierarchy = "queued_at"
    fieldsets = [
        (
            None,
            {"fields": ["connection", "state_badge", "step", "trigger", "requested_by", "attempt"]},
        ),
        ("Result", {"fields": ["found", "added", "changed", "gone", "troubles"]}),
        ("Error", {"fields": ["error_class", "error_message", "error_hint"]}),
        ("Families by region", {"fields": ["answers"]}),
        ("Times", {"fields": ["queued_at", "started_at", "finished_at", "seconds"]}),
    ]
    readonly_fields = ["state_badge", "troubles", "answers", "seconds"]

    @admin.display(description="state", ordering="state")
    def state_badge(self, run: DiscoveryRun) -> SafeString:
        """Show the state as a badge."""
        return badge(run.state, run.get_state_display())

    @admin.display(description="seconds by step")
    def seconds(self, run: DiscoveryRun) -> str:
        """Show how long each step took."""
        return ", ".join(f"{step} {took:.1f}" for step, took in run.timings.items()) or "-"

    @admin.display(description="not seen")
    def not_seen(self, run: DiscoveryRun) -> int:
        """Return how many scopes did not answer completely."""
        return sum(isinstance(cell, str) for row in run.coverage.values() for cell in row.values())

    @admin.display(description="warnings")
    def troubles(self, run: DiscoveryRun) -> SafeString:
        """Show what could not be seen, in sentences."""
        return render_to_string("admin/discovery/warnings.html", {"warnings": run.warnings})

    @admin.display(description="resources found")
    def answers(self, run: DiscoveryRun) -> SafeString:
        """Show the families by region."""
        regions, rows = coverage(run, LABELS)
        return render_to_string("admin/discovery/coverage.html", {"regions": regions, "rows": rows})


@admin.register(Resource)
class ResourceAdmin(ReadOnlyAdmin[Resource]):
    """Everything that was ever found."""

    list_display = ["type", "name", "resource_id", "account_id", "region", "state", "gone_at"]
    list_filter = ["organization", "type", ("gone_at", admin.EmptyFieldListFilter), "first_seen"]
    search_fields = ["name", "resource_id", "arn", "account_id", "region"]
    show_full_result_count = False
    list_per_page = 50

    exclude = ["organization", "fingerprint"]
    readonly_fields = ["organization_name"]


class RuleFilter(admin.SimpleListFilter):
    """The rules that the portal knows."""

    title = "rule"
    parameter_name = "rule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every rule, whether something was found by it or not."""
        return [(rule.name, rule.label) for rule in RULES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep the findings of the chosen rule."""
        return queryset.filter(rule=self.value()) if self.value() in BY_NAME else queryset


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin[Finding]):
    """Everything that was ever found; finance people dismiss findings on their own page."""

    list_display = ["rule_label", "resource", "evidence", "since", "closed_at", "dismissed_by"]
    list_filter = [
        "organization",
        RuleFilter,
        ("closed_at", admin.EmptyFieldListFilter),
        ("dismissed_at", admin.EmptyFieldListFilter),
        "found_at",
    ]
    search_fields = ["resource__name", "resource__resource_id", "resource__account_id", "evidence"]
    list_select_related = ["resource"]
    exclude = ["organization"]
    readonly_fields = ["organization_name"]
    show_full_result_count = False
    list_per_page = 50

    @admin.display(description="rule", ordering="rule")
    def rule_label(self, finding: Finding) -> str:
        """Return the rule in words, by name where the portal knows it no more."""
        rule = BY_NAME.get(finding.rule)
        return rule.label if rule else finding.rule


@admin.register(FindingThresholds)
class FindingThresholdsAdmin(ReadOnlyAdmin[FindingThresholds]):
    """From when on organizations want to be told; they set that on their findings page."""

    exclude = ["organization"]
    readonly_fields = ["organization_name"]
    list_display = [
        "organization",
        "unattached_days",
        "stopped_days",
        "snapshot_days",
        "unused_days",
        "idle_days",
    ]
