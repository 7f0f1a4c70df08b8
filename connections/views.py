"""What operators do on the finance pages: connect an account that a bill names."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from connections import health, member_connecting
from connections.inputs import Refusal, is_account_id
from connections.organization_page import organization_url
from organizations.access import Action
from organizations.views_base import OrganizationPage, back


class ConnectAccount(OrganizationPage):
    """Connect one account for costs only: its past months count at once."""

    action = Action.MANAGE_CONNECTIONS
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Connect it and go back to where the reader was."""
        account_id = request.POST.get("account_id", "")
        payer = None
        if is_account_id(account_id):
            payer = health.payer_of(self.organization, account_id)
        if payer is None:
            messages.error(
                request,
                f"No connected payer account names the account {account_id[:20]}."
                " Connect the payer first.",
            )
            return self._back(request)
        try:
            run = member_connecting.request_connecting(payer, [account_id])
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return self._back(request)
        result = run.results[0]
        say = messages.error if result["state"] == member_connecting.REFUSED else messages.success
        say(request, f"{result['name'] or account_id}: {result['message']}")
        if result["state"] == member_connecting.REFUSED:
            return HttpResponseRedirect(organization_url(payer, account_id))
        return self._back(request)

    def _back(self, request: HttpRequest) -> HttpResponse:
        return back(request, reverse("billing:overview", args=[self.organization.slug]))
