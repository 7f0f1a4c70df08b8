"""The resources page."""

from typing import Any, ClassVar

from django.core.paginator import InvalidPage, Page, Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.generic.base import TemplateResponseMixin

from connections.models import Account, Connection
from discovery import reports
from discovery.filters import PARAMETERS, Existence, FilterError, ResourceFilters
from discovery.models import Resource, ResourceType
from organizations.access import Action
from organizations.views_base import OrganizationPage

PAGE_SIZE = 50
_TAG = "tag:"
_EXISTENCE_LABELS = {
    Existence.EXISTS: "Existing",
    Existence.GONE: "Gone",
    Existence.ALL: "Existing and gone",
}


class Resources(TemplateResponseMixin, OrganizationPage):
    """What was found in the connected accounts, with what it cost this month."""

    action: ClassVar = Action.VIEW_RESOURCES
    template_name = "discovery/resources.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show one page of the resources that the address asks for."""
        problems = _unknown(request.GET)
        context: dict[str, Any] = {}
        try:
            filters = ResourceFilters.from_query(_filter_parameters(request.GET))
            context = self._found(filters, request.GET.get("page", "1"))
        except FilterError as error:
            problems |= error.errors
        except InvalidPage:
            problems["page"] = ["There is no such page of this list."]
        if problems:
            context = {}
        return self.render_to_response(
            self.get_context_data(
                problems=problems,
                controls=_controls(request.GET),
                choices=self._choices(),
                tags=_tags(request.GET),
                connected=self._has_connections(),
                connect_url=reverse("admin:index"),
                **context,
            ),
            status=400 if problems else 200,
        )

    def _found(self, filters: ResourceFilters, number: str) -> dict[str, Any]:
        """Return the page, and its rows beside their accounts' names."""
        found = Paginator(reports.resource_list(self.organization, filters), PAGE_SIZE)
        page: Page[int] = found.page(number)
        names = self._account_names()
        rows = [
            {"of": row, "account_name": names.get(row.resource.account_id, "")}
            for row in reports.rows_of(self.organization, list(page.object_list))
        ]
        return {"page": page, "rows": rows, "is_filtered": filters != ResourceFilters()}

    def _account_names(self) -> dict[str, str]:
        accounts = Account.objects.of(self.organization).values_list("account_id", "name")
        return dict(accounts)

    def _choices(self) -> dict[str, list[tuple[str, str]]]:
        mine = Resource.objects.of(self.organization).order_by()
        names = self._account_names()
        accounts = Connection.objects.of(self.organization).connected().order_by("account_id")
        ids = accounts.values_list("account_id", flat=True)
        regions = sorted(mine.values_list("region", flat=True).distinct())
        return {
            "type": list(ResourceType.choices),
            "account": [(one, f"{names.get(one) or 'Account'} ({one})") for one in ids],
            "region": [(one, one) for one in regions],
            "state": [(one.value, label) for one, label in _EXISTENCE_LABELS.items()],
        }

    def _has_connections(self) -> bool:
        exists: bool = Connection.objects.of(self.organization).connected().exists()
        return exists


def _unknown(params: QueryDict) -> dict[str, list[str]]:
    return {
        name: ["This parameter is not known here."]
        for name in params
        if name != "page" and name not in PARAMETERS and not name.startswith(_TAG)
    }


def _filter_parameters(params: QueryDict) -> QueryDict:
    wanted = params.copy()
    wanted.pop("page", None)
    return wanted


def _controls(params: QueryDict) -> dict[str, str]:
    """Return what the form's fields show; the address may name more values than one of each."""
    return {name: params.get(name, "") for name in ("type", "account", "region", "state", "q")}


def _tags(params: QueryDict) -> list[dict[str, str]]:
    """Return the tag filters, each with the address that goes without it."""
    shown = []
    for name in params:
        if name.startswith(_TAG):
            without = params.copy()
            del without[name]
            without.pop("page", None)
            values = " or ".join(value or "no value" for value in params.getlist(name))
            label = f"{name.removeprefix(_TAG)}: {values}"
            shown.append({"name": name, "label": label, "without": f"?{without.urlencode()}"})
    return shown
