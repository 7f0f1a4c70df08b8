"""The budget pages."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse

from billing.budgets import reports, services
from billing.budgets.forms import BudgetForm, filter_rows, initial_of, shown_thresholds
from billing.budgets.forms import threshold_rows as entered_thresholds
from billing.budgets.inputs import BudgetError
from billing.budgets.links import read_link
from billing.budgets.models import Basis, Budget
from billing.budgets.reports import BudgetLine
from billing.budgets.sheet import sheet_of
from billing.cost_query import Operator
from billing.dimensions import PLAIN_NAMES, Dimension
from billing.exports import download, format_problem
from billing.page_base import CostPage
from billing.suggestions import suggestions
from organizations.access import Action
from organizations.audit import current_actor
from organizations.confirm_pages import ConfirmPage, Question

_SPARE_FILTERS = 2


class _BudgetPage(CostPage):
    """Base: budgets of the organization, and the addresses of their pages."""

    def budget(self, pk: int) -> Budget:
        """Return the organization's budget of this id, or answer 404."""
        return get_object_or_404(Budget.objects.of(self.organization), pk=pk)

    def address(self, name: str, *args: Any) -> str:
        """Return the address of a page of this organization."""
        return reverse(f"billing:{name}", args=[self.organization.slug, *args])

    def unknown(self, request: HttpRequest) -> list[str]:
        """Return a sentence for each parameter of a page that has none."""
        return [f"“{name}” is not known here." for name in request.GET]


class Budgets(_BudgetPage):
    """All budgets, the one in most trouble first."""

    template_name = "billing/budgets/list.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """List them, on a page or in a file."""
        problems = [f"“{name}” is not known here." for name in request.GET if name != "format"]
        file_format = request.GET.get("format")
        if file_format is not None and (sentence := format_problem(file_format)):
            problems.append(sentence)
        lines = [] if problems else reports.budget_lines(self.organization, self.today())
        if file_format and not problems:
            sheet = sheet_of(self.organization, lines, by=current_actor())
            return download(self.organization, sheet, "budgets", file_format, "")
        return self.render_to_response(
            self.get_context_data(lines=lines, problems=problems), status=400 if problems else 200
        )


class BudgetDetail(_BudgetPage):
    """One budget: now, before, and who was told."""

    template_name = "billing/budgets/detail.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show it."""
        budget = self.budget(pk)
        problems = self.unknown(request)
        line = reports.budget_line(budget, self.today())
        return self.render_to_response(
            self.get_context_data(
                line=line,
                budget=budget,
                problems=problems,
                history=reports.history(budget),
                notices=reports.notices(budget),
                explore_url=self._explorer(line),
                last_day=line.period.end - timedelta(days=1),
            ),
            status=400 if problems else 200,
        )

    def _explorer(self, line: BudgetLine) -> str:
        params = QueryDict(line.budget.filters, mutable=True)
        params["from"], params["to"] = line.period.start.isoformat(), line.period.end.isoformat()
        params["metric"], params["currency"] = line.budget.metric, line.budget.currency
        params["group_by"] = "service"
        return f"{self.address('explore')}?{params.urlencode(safe=':!~')}"


class _BudgetForm(_BudgetPage):
    """Base of the form's pages."""

    action: ClassVar = Action.MANAGE_REPORTS
    template_name = "billing/budgets/form.html"

    def show(
        self,
        form: BudgetForm,
        filters: list[tuple[str, str, str]],
        thresholds: list[tuple[str, str]],
        problems: list[str] | None = None,
    ) -> HttpResponse:
        """Answer the form; 400 when something in it is wrong."""
        offered = suggestions(self.organization)
        names = (*PLAIN_NAMES, *offered.keys)
        is_wrong = bool(problems) or (form.is_bound and not form.is_valid())
        context = self.get_context_data(
            form=form,
            budget=form.budget,
            problems=[*(problems or ()), *(form.filter_problems if form.is_bound else ())],
            thresholds=shown_thresholds(thresholds),
            bases=Basis.choices,
            operators=Operator.choices,
            dimensions=[(name, Dimension.named(name).label) for name in names],
            filter_rows=[
                {
                    "dimension": dimension,
                    "operator": operator,
                    "value": value,
                    "is_unknown": dimension and dimension not in names,
                    "list_id": f"values-{dimension}" if dimension in offered.values else "",
                }
                for dimension, operator, value in [
                    *filters,
                    *[("", Operator.IS.value, "")] * _SPARE_FILTERS,
                ]
            ],
            value_lists=[
                {"id": f"values-{name}", "dimension": name, "options": options}
                for name, options in offered.values.items()
            ],
            currencies=offered.currencies,
        )
        return self.render_to_response(context, status=400 if is_wrong else 200)

    def show_entered(self, form: BudgetForm, request: HttpRequest) -> HttpResponse:
        """Answer the form as it was sent: nothing that was entered is lost."""
        filters = [row for row in filter_rows(request.POST) if row[0]]
        thresholds = [row for row in entered_thresholds(request.POST) if row[0].strip()]
        return self.show(form, filters, thresholds)


class BudgetCreate(_BudgetForm):
    """A new budget; an explorer's address fills in its filters."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        link = read_link(request.GET)
        said = {"metric": link.metric, "currency": link.currency}
        form = BudgetForm(
            organization=self.organization, budget=None, initial=initial_of(None, said)
        )
        default = [("80", Basis.ACTUAL.value), ("100", Basis.FORECAST.value)]
        return self.show(form, list(link.filters), default, list(link.problems))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create it."""
        form = BudgetForm(request.POST, organization=self.organization, budget=None)
        if form.is_valid():
            try:
                budget = services.create_budget(self.organization, form.entered)
            except BudgetError as error:
                form.add_errors(error)
            else:
                messages.success(request, f"The budget “{budget.name}” is set.")
                return HttpResponseRedirect(self.address("budget", budget.pk))
        return self.show_entered(form, request)


class BudgetEdit(_BudgetForm):
    """Changing a budget."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form."""
        budget = self.budget(pk)
        form = BudgetForm(
            organization=self.organization, budget=budget, initial=initial_of(budget, {})
        )
        filters = [
            (one.dimension, one.operator.value, value)
            for one in reports.conditions_of(budget)
            for value in one.values
        ]
        thresholds = [(str(one.percent), one.basis) for one in services.thresholds_of(budget)]
        return self.show(form, filters, thresholds, self.unknown(request))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change it."""
        budget = self.budget(pk)
        form = BudgetForm(request.POST, organization=self.organization, budget=budget)
        if form.is_valid():
            try:
                budget = services.change_budget(budget, form.entered)
            except BudgetError as error:
                form.add_errors(error)
            else:
                messages.success(request, f"The budget “{budget.name}” is changed.")
                return HttpResponseRedirect(self.address("budget", budget.pk))
        return self.show_entered(form, request)


class BudgetDelete(ConfirmPage, _BudgetPage):
    """Deleting a budget."""

    action: ClassVar = Action.MANAGE_REPORTS

    def find(self, pk: int) -> Budget:
        """Return the budget."""
        return self.budget(pk)

    def question(self, row: Budget) -> Question:
        """Ask for what goes with it."""
        return Question(
            heading=f"Delete “{row.name}”?",
            consequence="Its history and the list of its alerts go with it. What it was stays in"
            " the audit trail.",
            button="Delete the budget",
            keep="Keep it",
            keep_url=self.address("budget", row.pk),
        )

    def do(self, request: HttpRequest, row: Budget) -> HttpResponse:
        """Delete it."""
        services.delete_budget(row)
        messages.success(request, f"The budget “{row.name}” is deleted.")
        return HttpResponseRedirect(self.address("budgets"))


class BudgetTest(_BudgetPage):
    """Sending a test alert."""

    action: ClassVar = Action.MANAGE_REPORTS
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send it to everybody who would be told."""
        budget = self.budget(pk)
        try:
            count = services.send_test(budget)
        except BudgetError as error:
            messages.error(request, str(error))
        else:
            said = "1 address" if count == 1 else f"{count} addresses"
            messages.success(request, f"A test goes to {said}; below is what became of it.")
        return HttpResponseRedirect(self.address("budget", budget.pk))
