"""The page of what costs money and was not found."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from connections.page_base import ConnectedPage
from discovery.amounts import trimmed
from discovery.exports import download, format_problems
from discovery.filters import FilterError
from discovery.models import NotFoundReason
from discovery.not_found_reports import (
    PARAMETERS,
    Month,
    NotFoundFilters,
    NotFoundReport,
    not_found_report,
)
from discovery.page_filters import Choice, Fields, account_options, unknown_parameters, without
from organizations.access import Action
from organizations.sheets import Column, Kind, Sheet
from organizations.views_base import OrganizationPage

_MONTHS = [(Month.THIS.value, "This month so far"), (Month.LAST.value, "Last month")]
EXPLANATIONS = {
    NotFoundReason.NO_ID: (
        "The bill tells no resource: tax, credits, fees, and requests of some services. Nothing"
        " can be found for it."
    ),
    NotFoundReason.NOT_COLLECTED: (
        "The portal looks for EC2, S3, load balancers and IAM; this is something else."
    ),
    NotFoundReason.ACCOUNT: (
        "Its account has never been discovered: give its connection a role or an access key, or"
        " wait for its first discovery."
    ),
    NotFoundReason.REGION: (
        "Its region has never answered for this kind of resource: denied, switched off, or not"
        " reached. The connection's last discovery says which."
    ),
    NotFoundReason.NOT_THERE: (
        "Its account and region answered completely without it: it was deleted before the portal"
        " looked, or it is younger than the last discovery."
    ),
}


class NotFound(ConnectedPage, OrganizationPage):
    """What the bill names and discovery has not found, by service."""

    action: ClassVar = Action.VIEW_RESOURCES
    template_name = "discovery/not_found.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show what the address asks for."""
        wanted = request.GET.get("format")
        problems = unknown_parameters(request.GET, PARAMETERS | {"format"})
        problems |= format_problems(wanted)
        report = None
        try:
            filters = NotFoundFilters.from_query(request.GET)
        except FilterError as error:
            problems |= error.errors
        else:
            report = not_found_report(self.organization, filters)
            if wanted and not problems:
                return self._file(report, wanted)
        return self._page(request, None if problems else report, problems)

    def _page(
        self, request: HttpRequest, report: NotFoundReport | None, problems: dict[str, list[str]]
    ) -> HttpResponse:
        context: dict[str, Any] = {}
        if report is not None:
            reasons = {one.reason for one in report.services}
            context["report"] = report
            context["reasons"] = [
                (one.label, EXPLANATIONS[one]) for one in NotFoundReason if one in reasons
            ]
        return self.render_to_response(
            self.get_context_data(
                problems=problems,
                choices=self._choices(Fields(request.GET, problems)),
                is_filtered=any(request.GET.get(name) for name in PARAMETERS),
                **context,
            ),
            status=400 if problems else 200,
        )

    def _choices(self, fields: Fields) -> list[Choice]:
        accounts = account_options(self.organization)
        return [
            fields.choice("month", "Month", "", _MONTHS),
            fields.choice("account", "Account", "Any account", accounts),
            fields.choice("reason", "Why", "Any reason", list(NotFoundReason.choices)),
        ]

    def _file(self, report: NotFoundReport, file_format: str) -> HttpResponseBase:
        asked = without(self.request.GET, "format").urlencode()
        sheet, filename = self._sheet(report, asked), f"not_found_{report.month:%Y-%m}"
        return download(self.organization, sheet, filename, file_format, asked)

    def _sheet(self, report: NotFoundReport, asked: str) -> Sheet:
        return Sheet(
            name="Not found",
            columns=(
                Column("Service"),
                Column("Service name", width=36),
                Column("Why", width=28),
                Column("Ids", Kind.NUMBER, 8),
                Column("Accounts", width=30),
                Column("Regions", width=30),
                Column("Amortized cost", Kind.MONEY),
                Column("Currency", width=10),
            ),
            rows=[
                (
                    one.service,
                    one.service_name,
                    one.reason.label,
                    one.ids,
                    ", ".join(one.accounts),
                    ", ".join(one.regions),
                    trimmed(one.amount),
                    one.currency,
                )
                for one in report.services
            ],
            about={
                "Organization": self.organization.name,
                "What": "What the bill names and discovery has not found",
                "Month": f"{report.month:%Y-%m}",
                "Filters": asked or "none: everything of this month so far",
                "Made at": f"{timezone.now():%Y-%m-%d %H:%M} UTC",
            },
        )
