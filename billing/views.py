"""The cost pages."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from billing import explorer_page, overview_page
from billing.cost_query import CostQueryError
from billing.explorer import Address, read_address
from billing.explorer_fields import FORM_MARK, address_of
from billing.explorer_question import Asked, question_of
from billing.explorer_sheet import filename_of, sheet_of
from billing.exports import download
from billing.overview import overview
from billing.page_base import CostPage
from billing.page_params import PageParams
from organizations.audit import current_actor


class Overview(CostPage):
    """What was spent this month, whether it is more, and what is missing."""

    template_name = "billing/overview.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the current month in one currency."""
        params = PageParams(request.GET, ("currency",))
        asked, problems = params.currency(), params.problems
        found = overview(self.organization, self.today(), currency=asked)
        if asked is not None and asked not in found.currencies:
            problems.append(f"Nothing was billed in “{asked}” in these two months.")
        context = (
            {} if problems else overview_page.context_of(self.organization, found, self.today())
        )
        return self.render_to_response(
            self.get_context_data(problems=problems, **context), status=400 if problems else 200
        )


class Explorer(CostPage):
    """Costs cut, grouped and filtered; the address is the whole state."""

    template_name = "billing/explorer.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show what the address asks for, or lead a submitted form to its address."""
        here = reverse("billing:explore", kwargs={"organization": self.organization.slug})
        if FORM_MARK in request.GET:
            meant = address_of(request.GET, self.today())
            return HttpResponseRedirect(f"{here}?{meant}" if meant else here)
        address = read_address(request.GET, self.today())
        problems = dict(address.problems)
        result: dict[str, Any] = {}
        try:
            asked = question_of(self.organization, address, self.today())
            if address.file_format and not problems:
                return self._file(asked, address)
            if not problems:
                result = explorer_page.result_of(asked, address)
        except CostQueryError as error:
            problems |= error.errors
        controls = explorer_page.controls_of(self.organization, address, problems)
        context = self.get_context_data(**result, **controls)
        return self.render_to_response(context, status=400 if problems else 200)

    def _file(self, asked: Asked, address: Address) -> HttpResponseBase:
        sheet, query = sheet_of(asked, by=current_actor()), address.permalink()
        return download(self.organization, sheet, filename_of(asked), address.file_format, query)
