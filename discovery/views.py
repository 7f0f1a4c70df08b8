"""The resources page."""

from typing import Any, ClassVar

from django.core.paginator import InvalidPage, Page, Paginator
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse

from connections.page_base import ConnectedPage
from discovery import reports
from discovery.exports import download, format_problems
from discovery.filters import (
    COST_PARAMETERS,
    PARAMETERS,
    Existence,
    FilterError,
    ResourceFilters,
    Sort,
)
from discovery.models import ResourceType
from discovery.page_filters import (
    Choice,
    Entry,
    Fields,
    account_names,
    account_options,
    region_options,
    state_options,
    unknown_parameters,
    without,
)
from discovery.resource_sheet import resource_sheet
from organizations.access import Action
from organizations.views_base import OrganizationPage

PAGE_SIZE = 50
_TAG = "tag:"
_KNOWN = PARAMETERS | {"page", "format", "tag_key", "tag_value"}
_EXISTENCE_LABELS = {
    Existence.EXISTS: "Existing",
    Existence.GONE: "Gone",
    Existence.ALL: "Existing and gone",
}
# The columns that can be sorted by, and which way is tried first.
_SORTED_COLUMNS = {
    "name": Sort.NAME.value,
    "type": Sort.TYPE.value,
    "first_seen": f"-{Sort.FIRST_SEEN}",
    "this_month": f"-{Sort.MONTH_TO_DATE}",
    "last_month": f"-{Sort.LAST_MONTH}",
}


class Resources(ConnectedPage, OrganizationPage):
    """What was found in the connected accounts, with what it cost this month and the last."""

    action: ClassVar = Action.VIEW_RESOURCES
    template_name = "discovery/resources.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show one page of the resources that the address asks for, or all of them as a file."""
        if request.GET.get("tag_key"):
            return HttpResponseRedirect(_with_tag(request.GET))
        problems = unknown_parameters(request.GET, _KNOWN)
        problems |= format_problems(request.GET.get("format"))
        context: dict[str, Any] = {}
        try:
            filters = ResourceFilters.from_query(_filter_parameters(request.GET))
            if not problems and request.GET.get("format"):
                return self._file(filters, request.GET)
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
                entries=_entries(request.GET, problems),
                choices=self._choices(Fields(request.GET, problems)),
                hidden=_hidden(request.GET),
                tags=_tags(request.GET),
                sorts=_sorts(request.GET),
                connect_url=reverse("admin:index"),
                **context,
            ),
            status=400 if problems else 200,
        )

    def _file(self, filters: ResourceFilters, params: QueryDict) -> HttpResponseBase:
        asked = _filter_parameters(params).urlencode()
        names = account_names(self.organization)
        sheet = resource_sheet(self.organization, filters, names, asked)
        filename = f"resources_{self.organization.slug}"
        return download(self.organization, sheet, filename, params.get("format", ""), asked)

    def _found(self, filters: ResourceFilters, number: str) -> dict[str, Any]:
        """Return the page, and its rows beside their accounts' names."""
        found = Paginator(reports.resource_list(self.organization, filters), PAGE_SIZE)
        page: Page[int] = found.page(number)
        names = account_names(self.organization)
        rows = [
            {"of": row, "account_name": names.get(row.resource.account_id, "")}
            for row in reports.rows_of(self.organization, list(page.object_list))
        ]
        return {"page": page, "rows": rows, "is_filtered": filters.narrows}

    def _choices(self, fields: Fields) -> list[Choice]:
        accounts, regions = account_options(self.organization), region_options(self.organization)
        existence = [(one.value, label) for one, label in _EXISTENCE_LABELS.items()]
        return [
            fields.choice("type", "Type", "Any type", list(ResourceType.choices)),
            fields.choice("account", "Account", "Any account", accounts),
            fields.choice("region", "Region", "Any region", regions),
            fields.choice("resource_state", "State", "Any state", state_options(self.organization)),
            fields.choice("state", "Show", "", existence),
        ]


def _filter_parameters(params: QueryDict) -> QueryDict:
    return without(params, "page", "format", "tag_key", "tag_value")


def _with_tag(params: QueryDict) -> str:
    """Return the address with the tag that was written into the fields as a filter."""
    address = _filter_parameters(params)
    address.appendlist(f"{_TAG}{params.get('tag_key', '').strip()}", params.get("tag_value", ""))
    return f"?{address.urlencode()}"


def _entries(params: QueryDict, problems: dict[str, list[str]]) -> list[Entry]:
    fields = Fields(params, problems)
    return [
        fields.entry("q", "Name, id or ARN", "search"),
        fields.entry("min_month_to_date_cost", "This month at least"),
        fields.entry("min_last_month_cost", "Last month at least"),
        fields.entry("tag_key", "Tag"),
        fields.entry("tag_value", "With the value"),
    ]


def _hidden(params: QueryDict) -> list[tuple[str, str]]:
    """Return what the form has no field for and must not lose."""
    fields = {"min_month_to_date_cost", "min_last_month_cost"}
    kept = {"sort", *COST_PARAMETERS} - fields
    names = [name for name in params if name in kept or name.startswith(_TAG)]
    return [(name, value) for name in names for value in params.getlist(name)]


def _sorts(params: QueryDict) -> dict[str, dict[str, str]]:
    """Return for each column the address that sorts by it, and how it is sorted now."""
    now = params.get("sort") or Sort.TYPE.value
    told = {}
    for column, first in _SORTED_COLUMNS.items():
        other = first.removeprefix("-") if first.startswith("-") else f"-{first}"
        address = _filter_parameters(params)
        address["sort"] = other if now == first else first
        how = ""
        if now in (first, other):
            how = "descending" if now.startswith("-") else "ascending"
        told[column] = {"url": f"?{address.urlencode()}", "how": how}
    return told


def _tags(params: QueryDict) -> list[dict[str, str]]:
    """Return the tag filters, each with the address that goes without it."""
    shown = []
    for name in params:
        if name.startswith(_TAG):
            address = without(params, name, "page")
            values = " or ".join(value or "no value" for value in params.getlist(name))
            label = f"{name.removeprefix(_TAG)}: {values}"
            shown.append({"name": name, "label": label, "without": f"?{address.urlencode()}"})
    return shown
