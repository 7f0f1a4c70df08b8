"""The pages of saved reports."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from billing.cost_query import CostQueryError
from billing.page_base import CostPage
from billing.saved_reports import addresses, mailing, services
from billing.saved_reports.forms import ReportForm, ScheduleForm
from billing.saved_reports.models import ReportLetter, ReportSchedule, SavedReport
from billing.saved_reports.reports import is_owner, schedule_of, visible
from organizations.access import Action, is_allowed
from organizations.confirm_pages import ConfirmPage, Question
from organizations.models import User

LETTERS_SHOWN = 50


class SavedReports(CostPage):
    """The reader's own reports, and those that are shared."""

    template_name = "billing/saved_reports/list.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """List them by name."""
        mine = ReportSchedule.objects.filter(owner=request.user.pk)
        reports = visible(self.organization, request.user).prefetch_related(
            Prefetch("schedules", queryset=mine, to_attr="my_schedules")
        )
        manages = is_allowed(request.user, Action.MANAGE_REPORTS, self.organization.pk)
        rows = [
            {
                "report": one,
                "is_mine": is_owner(one, request.user),
                "may_change": manages if one.is_shared else is_owner(one, request.user),
                "schedule": next(iter(one.my_schedules), None),
                "facts": addresses.in_words(one.query, self.today()),
            }
            for one in reports
        ]
        problems = [f"“{name}” is not known here." for name in request.GET]
        context = self.get_context_data(
            problems=problems,
            groups=[
                ("Mine", [row for row in rows if row["is_mine"]]),
                ("Shared by others", [row for row in rows if not row["is_mine"]]),
            ],
            has_reports=bool(rows),
        )
        return self.render_to_response(context, status=400 if problems else 200)


class _OneReport(CostPage):
    """Base of the pages about one report that the reader sees."""

    def report(self, pk: int) -> SavedReport:
        """Return the report."""
        found: SavedReport = get_object_or_404(visible(self.organization, self.request.user), pk=pk)
        return found

    def home(self) -> HttpResponseRedirect:
        """Lead back to the list."""
        return HttpResponseRedirect(reverse("billing:saved-reports", args=[self.organization.slug]))

    @property
    def reader(self) -> User:
        """Return who reads the page."""
        user = self.request.user
        if not isinstance(user, User):
            raise Http404("There is no such page.")
        return user

    def may_share(self) -> bool:
        """Say whether the reader may share reports."""
        return is_allowed(self.request.user, Action.MANAGE_REPORTS, self.organization.pk)


class SaveReport(_OneReport):
    """Save an address of the explorer: its own form sends it here."""

    template_name = "billing/saved_reports/edit.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask for a name; `query` in the address is what will be saved."""
        query = request.GET.get("query", "")
        form = ReportForm(may_share=self.may_share())
        try:
            addresses.read(query, self.today())
        except CostQueryError as error:
            return self._page(form, query, 400, list(error.errors.values()))
        return self._page(form, query, 200)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Save it, and lead back to what was saved."""
        query = request.POST.get("query", "")
        form = ReportForm(request.POST, may_share=self.may_share())
        if not form.is_valid():
            return self._page(form, query, 400)
        try:
            report = services.create(
                self.organization,
                request.user,
                name=form.cleaned_data["name"],
                query=query,
                is_shared=form.cleaned_data.get("is_shared", False),
                today=self.today(),
            )
        except ValidationError as error:
            _add_errors(form, error)
            return self._page(form, query, 400)
        messages.success(request, f"“{report}” is saved among your reports.")
        explorer = reverse("billing:explore", args=[self.organization.slug])
        return HttpResponseRedirect(f"{explorer}?{report.query}")

    def _page(self, form: ReportForm, query: str, status: int, problems: Any = ()) -> HttpResponse:
        sentences = [sentence for found in problems for sentence in found]
        context = self.get_context_data(report=None, form=form, query=query, problems=sentences)
        return self.render_to_response(context, status=status)


class OpenReport(_OneReport):
    """Lead to the explorer with what was saved."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Redirect."""
        explorer = reverse("billing:explore", args=[self.organization.slug])
        return HttpResponseRedirect(f"{explorer}?{self.report(pk).query}")


class EditReport(_OneReport):
    """Rename a report, or share it."""

    template_name = "billing/saved_reports/edit.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form."""
        report = self.report(pk)
        services.demand_change(report, request.user)
        form = ReportForm(instance=report, may_share=self.may_share())
        return self._page(report, form, 200)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Save."""
        services.demand_change(self.report(pk), request.user)
        form = ReportForm(request.POST, instance=self.report(pk), may_share=self.may_share())
        if not form.is_valid():
            return self._page(self.report(pk), form, 400)
        try:
            report = services.change(
                self.report(pk), request.user, form.cleaned_data, today=self.today()
            )
        except ValidationError as error:
            _add_errors(form, error)
            return self._page(self.report(pk), form, 400)
        messages.success(request, f"“{report}” is saved.")
        return self.home()

    def _page(self, report: SavedReport, form: ReportForm, status: int) -> HttpResponse:
        context = self.get_context_data(report=report, form=form, query=report.query)
        return self.render_to_response(context, status=status)


class DeleteReport(ConfirmPage, _OneReport):
    """Delete a report with its schedules."""

    def find(self, pk: int) -> SavedReport:
        """Return the report, if the reader may change it."""
        report = self.report(pk)
        services.demand_change(report, self.request.user)
        return report

    def question(self, row: SavedReport) -> Question:
        """Ask; whoever else sees the report loses it, too."""
        who = "Everybody here loses it. " if row.is_shared else ""
        return Question(
            heading=f"Delete “{row}”?",
            consequence=f"{who}Nobody gets it by e-mail any more, and the list of its e-mails goes"
            " with it. What it was stays in the audit trail.",
            button="Delete the report",
            keep="Keep it",
            keep_url=reverse("billing:saved-reports", args=[self.organization.slug]),
        )

    def do(self, request: HttpRequest, row: SavedReport) -> HttpResponse:
        """Delete it."""
        services.delete(row, request.user)
        messages.success(request, f"“{row}” is deleted.")
        return self.home()


class ScheduleReport(_OneReport):
    """When the reader has a report sent, to whom, and what became of the letters."""

    template_name = "billing/saved_reports/schedule.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form and the last letters."""
        report = self.report(pk)
        return self._page(report, self._form(report), 200)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Set the schedule."""
        report = self.report(pk)
        form = self._form(report, data=request.POST)
        if not form.is_valid():
            return self._page(report, form, 400)
        fields = dict(form.cleaned_data)
        fields["recipients"] = list(fields["recipients"])
        starts_on = mailing.first_day(self.now())
        try:
            schedule = services.set_schedule(report, self.reader, fields, starts_on=starts_on)
        except ValidationError as error:
            _add_errors(form, error)
            return self._page(report, form, 400)
        due = mailing.next_due(schedule, self.now())
        when = f"the next letter is due on {due:%-d %B %Y}" if due else "nothing is sent: it pauses"
        messages.success(request, f"“{report}” is scheduled; {when}.")
        return HttpResponseRedirect(request.get_full_path())

    def _form(self, report: SavedReport, data: Any = None) -> ScheduleForm:
        return ScheduleForm(
            data,
            instance=schedule_of(report, self.reader),
            organization=self.organization,
            owner=self.reader,
        )

    def _page(self, report: SavedReport, form: ScheduleForm, status: int) -> HttpResponse:
        schedule = schedule_of(report, self.reader)
        letters = ReportLetter.objects.filter(schedule=schedule).select_related("recipient")
        context = self.get_context_data(
            report=report,
            schedule=schedule,
            next_due=mailing.next_due(schedule, self.now()) if schedule else None,
            form=form,
            letters=letters[:LETTERS_SHOWN] if schedule else [],
        )
        return self.render_to_response(context, status=status)


class UnscheduleReport(ConfirmPage, _OneReport):
    """Send no more letters."""

    def find(self, pk: int) -> SavedReport:
        """Return the report whose schedule of the reader's is meant."""
        return self.report(pk)

    def question(self, row: SavedReport) -> Question:
        """Ask for what goes with it."""
        return Question(
            heading=f"Send “{row}” no more?",
            consequence="Your schedule of it and the list of its e-mails are deleted. The report"
            " stays, and so do other people’s schedules. A schedule can also be paused.",
            button="Send no more e-mails",
            keep="Keep the schedule",
            keep_url=reverse(
                "billing:saved-report-schedule", args=[self.organization.slug, row.pk]
            ),
        )

    def do(self, request: HttpRequest, row: SavedReport) -> HttpResponse:
        """Remove it, where there is one."""
        schedule = schedule_of(row, self.reader)
        if schedule is not None:
            services.remove_schedule(schedule)
        messages.success(request, "No more letters are sent to your recipients.")
        return self.home()


def _add_errors(form: Any, error: ValidationError) -> None:
    found = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for name, sentences in found.items():
        if name in form.fields:
            form.add_error(name, sentences)
        else:
            form.add_error("name" if "name" in form.fields else None, sentences)
