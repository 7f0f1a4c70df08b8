"""The findings page, dismissing, and the thresholds."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import messages
from django.core.paginator import InvalidPage, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.generic.base import TemplateResponseMixin

from connections.page_base import ConnectedPage
from discovery import finding_services
from discovery.exports import download, format_problems
from discovery.filters import FilterError
from discovery.finding_reports import (
    PARAMETERS,
    FindingFilters,
    Standing,
    costs_by_currency,
    finding_list,
    standing_of,
    totals,
)
from discovery.finding_sheet import finding_sheet
from discovery.findings import BY_NAME, RULES
from discovery.findings.base import Kind
from discovery.models import Finding, FindingThresholds
from discovery.page_filters import (
    Choice,
    Fields,
    account_names,
    account_options,
    region_options,
    unknown_parameters,
    without,
)
from organizations.access import Action
from organizations.dismissal import Dismissible
from organizations.dismissal_pages import DismissalPost
from organizations.views_base import OrganizationPage

PAGE_SIZE = 50
_STANDINGS = {
    Standing.OPEN: "Open",
    Standing.DISMISSED: "Dismissed",
    Standing.CLOSED: "Closed: holds no more",
    Standing.ALL: "All",
}
_KINDS = {Kind.WASTE: "Money", Kind.SECURITY: "Security"}


class Findings(ConnectedPage, OrganizationPage):
    """What should be looked at, what costs most first."""

    action: ClassVar = Action.VIEW_RESOURCES
    template_name = "discovery/findings.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show one page of the findings that the address asks for, or all of them as a file."""
        wanted = request.GET.get("format")
        problems = unknown_parameters(request.GET, PARAMETERS | {"page", "format"})
        problems |= format_problems(wanted)
        context: dict[str, Any] = {}
        try:
            filters = FindingFilters.from_query(request.GET)
            if wanted and not problems:
                return self._file(filters, wanted)
            context = self._found(filters, request.GET.get("page", "1"))
        except FilterError as error:
            problems |= error.errors
        except InvalidPage:
            problems["page"] = ["There is no such page of this list."]
        context = {} if problems else context
        return self.render_to_response(
            self.get_context_data(
                problems=problems,
                choices=self._choices(Fields(request.GET, problems)),
                here=request.get_full_path(),
                **context,
            ),
            status=400 if problems else 200,
        )

    def _file(self, filters: FindingFilters, file_format: str) -> HttpResponseBase:
        asked = without(self.request.GET, "page", "format").urlencode()
        names = account_names(self.organization)
        sheet = finding_sheet(self.organization, filters, names, asked)
        filename = f"findings_{self.organization.slug}"
        return download(self.organization, sheet, filename, file_format, asked)

    def _found(self, filters: FindingFilters, number: str) -> dict[str, Any]:
        findings = finding_list(self.organization, filters)
        page = Paginator(findings, PAGE_SIZE).page(number)
        accounts = account_names(self.organization)
        by_rule = totals(findings)
        rows = [
            {
                "one": one,
                "rule": BY_NAME[one.rule],
                "standing": standing_of(one),
                "account_name": accounts.get(one.resource.account_id, ""),
            }
            for one in page.object_list
        ]
        return {
            "page": page,
            "rows": rows,
            "by_rule": by_rule,
            "costs": costs_by_currency(by_rule),
            "is_filtered": filters != FindingFilters(),
        }

    def _choices(self, fields: Fields) -> list[Choice]:
        accounts, regions = account_options(self.organization), region_options(self.organization)
        kinds = [(one.value, label) for one, label in _KINDS.items()]
        states = [(one.value, label) for one, label in _STANDINGS.items()]
        return [
            fields.choice("rule", "Rule", "Any rule", [(one.name, one.label) for one in RULES]),
            fields.choice("kind", "About", "Money and security", kinds),
            fields.choice("account", "Account", "Any account", accounts),
            fields.choice("region", "Region", "Any region", regions),
            fields.choice("state", "Show", "", states),
        ]


class Dismissal(DismissalPost, OrganizationPage):
    """Dismiss a finding with a reason, or undo that."""

    action: ClassVar = Action.MANAGE_FINDINGS
    home = "discovery:findings"

    def find(self, pk: int) -> Finding:
        """Return the finding, if its rule is still known."""
        mine = Finding.objects.of(self.organization).filter(rule__in=BY_NAME)
        return get_object_or_404(mine.select_related("resource"), pk=pk)

    def named(self, row: Dismissible) -> str:
        """Return the rule and the resource."""
        finding = cast(Finding, row)
        return f"{BY_NAME[finding.rule].label}, {finding.resource}"


class ThresholdsForm(forms.ModelForm[FindingThresholds]):
    """From when on to be told."""

    class Meta:
        model = FindingThresholds
        fields = [
            "unattached_days",
            "stopped_days",
            "snapshot_days",
            "unused_days",
            "idle_days",
            "idle_cpu_percent",
            "idle_network_mb",
            "sensitive_ports",
        ]


class Thresholds(TemplateResponseMixin, OrganizationPage):
    """The thresholds of the organization."""

    action: ClassVar = Action.MANAGE_FINDINGS
    template_name = "discovery/thresholds.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show them."""
        form = ThresholdsForm(instance=finding_services.thresholds_of(self.organization))
        return self.render_to_response(self.get_context_data(form=form))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set them; the findings follow at once."""
        form = ThresholdsForm(
            request.POST, instance=finding_services.thresholds_of(self.organization)
        )
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=400)
        finding_services.set_thresholds(self.organization, form.cleaned_data)
        messages.success(request, "The thresholds are set; the findings follow them.")
        return HttpResponseRedirect(reverse("discovery:findings", args=[self.organization.slug]))
