"""The pages of cost centers and their rules."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse

from billing.allocation import services
from billing.allocation.conditions import conditions_of
from billing.allocation.derivation import Allocation, Rule, allocation_of
from billing.allocation.forms import CenterForm, RuleForm
from billing.allocation.models import AllocationRule, CostCenter, Split
from billing.allocation.reports import centers_report, preview
from billing.allocation.sheet import sheet_of
from billing.exports import download
from billing.page_base import CostPage
from billing.page_params import PageParams
from billing.suggestions import suggestions
from organizations.access import Action
from organizations.confirm_pages import ConfirmPage, Question
from organizations.models import Organization
from organizations.sheets import FORMATS

MAY_CHANGE = Action.MANAGE_REPORTS


class CostCenters(CostPage):
    """What each cost center costs, what is unallocated, and the rules in their order."""

    template_name = "billing/allocation/centers.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show last month and this one, in one currency, on a page or in a file."""
        params = PageParams(request.GET, ("currency", "format"))
        asked, wanted = params.currency(), params.choice("format", FORMATS, "")
        problems = params.problems
        found = centers_report(self.organization, self.today(), asked)
        if asked is not None and asked not in found.currencies:
            problems.append(f"Nothing was billed in “{asked}” in these two months.")
        if wanted and not problems:
            sheet = sheet_of(self.organization, found)
            name = f"cost-centers_{found.months[0]:%Y-%m}"
            return download(self.organization, sheet, name, wanted, request.GET.urlencode())
        rules = AllocationRule.objects.of(self.organization).select_related("center")
        context = self.get_context_data(
            problems=problems,
            found=found,
            has_centers=len(found.rows) > 1,
            rules=[{"one": one, "conditions": conditions_of(one.conditions)} for one in rules],
        )
        return self.render_to_response(context, status=400 if problems else 200)


class _Changing(CostPage):
    """Base of the pages that change something."""

    action: ClassVar = MAY_CHANGE

    def home(self) -> HttpResponseRedirect:
        """Lead back to the list."""
        return HttpResponseRedirect(reverse("billing:cost-centers", args=[self.organization.slug]))

    def center(self, pk: int) -> CostCenter:
        """Return the organization's center."""
        found: CostCenter = get_object_or_404(CostCenter.objects.of(self.organization), pk=pk)
        return found

    def rule(self, pk: int) -> AllocationRule:
        """Return the organization's rule."""
        rules = AllocationRule.objects.of(self.organization).select_related("center")
        found: AllocationRule = get_object_or_404(rules, pk=pk)
        return found


class CenterEdit(_Changing):
    """A new cost center, or one that is there; “Preview” shows what a change would move."""

    template_name = "billing/allocation/center.html"

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Show the form."""
        center = self.center(pk) if pk else None
        return self._page(center, self._form(center), 200)

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Save, or preview."""
        center = self.center(pk) if pk else None
        form = self._form(center, data=request.POST)
        if not form.is_valid():
            return self._page(center, form, 400)
        entered = form.cleaned_data
        if "preview" in request.POST and center is not None:
            try:
                services.check_shares(form.instance, entered["shares"])
            except ValidationError as error:
                return self._refused(center, form, error)
            wanted = _with_split(self.organization, form.instance, entered["shares"])
            moved = preview(self.organization, wanted, self.today())
            return self._page(center, form, 200, preview=moved)
        fields = {name: entered[name] for name in ("name", "split", "shares")}
        try:
            if center is None:
                saved = services.create_center(self.organization, code=entered["code"], **fields)
            else:
                saved = services.change_center(self.center(center.pk), **fields)
        except ValidationError as error:
            return self._refused(center, form, error)
        messages.success(request, f"{saved} is saved.")
        return self.home()

    def _refused(
        self, center: CostCenter | None, form: CenterForm, error: ValidationError
    ) -> HttpResponse:
        for name, sentences in _errors(error).items():
            form.add_error(name if name in form.fields else None, sentences)
        return self._page(center, form, 400)

    def _form(self, center: CostCenter | None, data: Any = None) -> CenterForm:
        targets = CostCenter.objects.of(self.organization)
        return CenterForm(data, instance=center, targets=targets)

    def _page(
        self, center: CostCenter | None, form: CenterForm, status: int, **more: Any
    ) -> HttpResponse:
        # The form's own instance carries what was entered: the page is about what is saved.
        saved = self.center(center.pk) if center else None
        context = self.get_context_data(center=saved, form=form, **more)
        return self.render_to_response(context, status=status)


class CenterDelete(ConfirmPage, _Changing):
    """Delete a cost center that nothing names."""

    def find(self, pk: int) -> CostCenter:
        """Return the center."""
        return self.center(pk)

    def question(self, row: CostCenter) -> Question:
        """Ask; a center that something names stays."""
        return Question(
            heading=f"Delete the cost center {row.name}?",
            consequence="It can be deleted while no rule and no share names it. What it was stays"
            " in the audit trail.",
            button="Delete the cost center",
            keep="Keep it",
            keep_url=reverse("billing:cost-center", args=[self.organization.slug, row.pk]),
        )

    def do(self, request: HttpRequest, row: CostCenter) -> HttpResponse:
        """Delete it."""
        try:
            services.delete_center(row)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, f"{row} is deleted.")
        return self.home()


class RuleEdit(_Changing):
    """A new rule, or one that is there; “Preview” shows what it would move."""

    template_name = "billing/allocation/rule.html"

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Show the form."""
        rule = self.rule(pk) if pk else None
        form = RuleForm(
            self.organization,
            keys=suggestions(self.organization).keys,
            center_id=rule.center_id if rule else None,
            conditions=conditions_of(rule.conditions) if rule else (),
        )
        return self._page(rule, form, 200)

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Save, or preview."""
        rule = self.rule(pk) if pk else None
        keys = suggestions(self.organization).keys
        form = RuleForm(self.organization, keys=keys, data=request.POST)
        if not form.is_valid or form.center is None:
            return self._page(rule, form, 400)
        if "preview" in request.POST:
            wanted = _with_rule(self.organization, rule, form)
            moved = preview(self.organization, wanted, self.today())
            return self._page(rule, form, 200, preview=moved)
        entered: dict[str, Any] = {"center": form.center, "conditions": form.conditions}
        try:
            if rule is None:
                rule = services.add_rule(self.organization, **entered)
            else:
                services.change_rule(rule, **entered)
        except ValidationError as error:
            form.errors += error.messages
            return self._page(rule, form, 400)
        messages.success(request, f"{rule} is saved. It counts for all months, past ones too.")
        return self.home()

    def _page(
        self, rule: AllocationRule | None, form: RuleForm, status: int, **more: Any
    ) -> HttpResponse:
        context = self.get_context_data(rule=rule, form=form, **more)
        return self.render_to_response(context, status=status)


class RuleDelete(ConfirmPage, _Changing):
    """Delete a rule."""

    def find(self, pk: int) -> AllocationRule:
        """Return the rule."""
        return self.rule(pk)

    def question(self, row: AllocationRule) -> Question:
        """Ask: other costs move with it, of past months, too."""
        return Question(
            heading=f"Delete the rule for {row.center.name}?",
            consequence="Later rules take its costs, or they are unallocated; in all months, past"
            " ones too. What it was stays in the audit trail.",
            button="Delete the rule",
            keep="Keep it",
            keep_url=reverse("billing:allocation-rule", args=[self.organization.slug, row.pk]),
        )

    def do(self, request: HttpRequest, row: AllocationRule) -> HttpResponse:
        """Delete it."""
        services.delete_rule(row)
        messages.success(request, f"{row} is deleted: later rules take what it took, or none.")
        return self.home()


class RuleMove(_Changing):
    """Move a rule up or down by one place."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Move it."""
        rule = self.rule(pk)
        direction = request.POST.get("direction")
        if direction not in ("up", "down"):
            messages.error(request, "A rule moves up or down.")
        elif services.move_rule(rule, up=direction == "up"):
            messages.success(request, f"The rule for {rule.center} is moved {direction}.")
        return self.home()


def _with_rule(
    organization: Organization, rule: AllocationRule | None, form: RuleForm
) -> Allocation:
    """Return the allocation in which the rule is what the form says."""
    now = allocation_of(organization)
    code = form.center.code if form.center else ""
    entered = Rule(tuple(form.conditions), code, rule.pk if rule else None)
    if rule is None:
        return replace(now, rules=(*now.rules, entered))
    return replace(now, rules=tuple(entered if one.pk == rule.pk else one for one in now.rules))


def _with_split(
    organization: Organization, center: CostCenter, shares: services.Shares
) -> Allocation:
    """Return the allocation in which the center's costs are split so."""
    now = allocation_of(organization)
    code = center.code
    bearers = {*now.bearers} - {code}
    fixed = {source: parts for source, parts in now.fixed.items() if source != code}
    proportional = {*now.proportional} - {code}
    if center.split == Split.FIXED:
        fixed[code] = {target.code: Decimal(percent) / 100 for target, percent in shares}
    elif center.split == Split.PROPORTIONAL:
        proportional.add(code)
    else:
        bearers.add(code)
    return replace(
        now,
        bearers=tuple(sorted(bearers)),
        fixed=fixed,
        proportional=tuple(sorted(proportional)),
    )


def _errors(error: ValidationError) -> dict[str, list[str]]:
    if hasattr(error, "error_dict"):
        return error.message_dict
    return {"": error.messages}
