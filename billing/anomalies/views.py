"""The anomaly pages, and dismissing."""

from typing import Any, ClassVar

from django.core.paginator import InvalidPage, Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse

from billing import charts
from billing.anomalies import reports
from billing.anomalies.models import Anomaly
from billing.anomalies.reports import AnomalyFilterError, AnomalyFilters, State
from billing.anomalies.sheet import sheet_of
from billing.exports import download, format_problem
from billing.page_base import CostPage
from billing.reports import NAMED_GROUPS, Names, names_for
from organizations.access import Action
from organizations.audit import current_actor
from organizations.dismissal_pages import DismissalPost

PAGE_SIZE = 50


class _AnomalyPage(CostPage):
    """Base: what the pages say of an anomaly."""

    def row(self, anomaly: Anomaly, names: Names) -> dict[str, Any]:
        """Return an anomaly as the templates show it."""
        explorer = reverse("billing:explore", args=[self.organization.slug])
        return {
            "one": anomaly,
            "state": reports.state_of(anomaly).value,
            "account_name": names.of("account", anomaly.account_id),
            "service_name": names.of("service", anomaly.service) or anomaly.service or "No service",
            "explore_url": f"{explorer}?{reports.explorer_params(anomaly).urlencode(safe=':!~')}",
        }


class Anomalies(_AnomalyPage):
    """Days that cost far more than usual, the most money first."""

    template_name = "billing/anomalies/list.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show one page of those that the address asks for, or all of them as a file."""
        problems = {
            name: ["This parameter is not known here."]
            for name in request.GET
            if name not in reports.PARAMETERS | {"page", "format"}
        }
        file_format = request.GET.get("format")
        if file_format is not None and (sentence := format_problem(file_format)):
            problems["format"] = [sentence]
        context: dict[str, Any] = {}
        names = names_for(self.organization, NAMED_GROUPS)
        try:
            filters = AnomalyFilters.from_query(request.GET)
            if file_format and not problems:
                return self._file(filters, file_format, names)
            context = self._found(filters, request.GET.get("page", "1"), names)
        except AnomalyFilterError as error:
            problems |= error.errors
        except InvalidPage:
            problems["page"] = ["There is no such page of this list."]
        return self.render_to_response(
            self.get_context_data(
                problems=problems,
                controls={name: request.GET.get(name, "") for name in reports.PARAMETERS},
                choices=self._choices(names),
                look=reports.last_look(self.organization),
                here=request.get_full_path(),
                **({} if problems else context),
            ),
            status=400 if problems else 200,
        )

    def _file(self, filters: AnomalyFilters, file_format: str, names: Names) -> HttpResponseBase:
        found = reports.anomaly_list(self.organization, filters)
        sheet = sheet_of(self.organization, found, filters, names, by=current_actor())
        query = self.request.GET.urlencode()
        return download(self.organization, sheet, "anomalies", file_format, query)

    def _found(self, filters: AnomalyFilters, number: str, names: Names) -> dict[str, Any]:
        found = reports.anomaly_list(self.organization, filters)
        page = Paginator(found, PAGE_SIZE).page(number)
        return {
            "page": page,
            "rows": [self.row(one, names) for one in page.object_list],
            "totals": reports.totals(found),
            "is_filtered": filters != AnomalyFilters(),
        }

    def _choices(self, names: Names) -> dict[str, list[tuple[str, str]]]:
        places = set(
            reports.mine(self.organization).order_by().values_list("account_id", "service")
        )
        accounts = sorted({account for account, _ in places})
        services_ = sorted({service for _, service in places if service})
        return {
            "account": [
                (one, f"{names.of('account', one) or 'Account'} ({one})") for one in accounts
            ],
            "service": [(one, names.of("service", one) or one) for one in services_],
            "state": [(one.value, one.label) for one in State],
        }


class AnomalyDetail(_AnomalyPage):
    """One anomaly: the days around it and the resources behind it."""

    template_name = "billing/anomalies/detail.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show it."""
        anomaly = get_object_or_404(reports.mine(self.organization), pk=pk)
        problems = [f"“{name}” is not known here." for name in request.GET]
        names = names_for(self.organization, NAMED_GROUPS)
        days = reports.days_of(anomaly)
        behind = reports.resources_behind(anomaly)
        chart = charts.stacked(
            [day.isoformat() for day, _ in days],
            {(day.isoformat(), "cost"): amount for day, amount in days},
            {"cost": "Cost"},
            anomaly.currency,
        )
        resources = reverse("discovery:resources", args=[self.organization.slug])
        return self.render_to_response(
            self.get_context_data(
                row=self.row(anomaly, names),
                problems=problems,
                daily=chart,
                behind=behind,
                resources_url=resources,
                here=request.path,
            ),
            status=400 if problems else 200,
        )


class Dismissal(DismissalPost, CostPage):
    """Dismiss an anomaly with a reason, or undo that."""

    action: ClassVar = Action.MANAGE_REPORTS
    home = "billing:anomalies"

    def find(self, pk: int) -> Anomaly:
        """Return the anomaly."""
        return get_object_or_404(reports.mine(self.organization), pk=pk)
