"""The operators' page of policies, in the admin."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from connections.models import Connection
from connections.policies.answer import Answer, answer_for, filled_form
from connections.policies.forms import PolicyForm
from connections.policies.statements import INLINE_USER_LIMIT
from organizations.access import Action
from organizations.models import Organization

ROUTE = "connection-policies"


def policies_url(connection: Connection, **values: str) -> str:
    """Return the page's address, filled in from a connection."""
    return f"{reverse(ROUTE)}?{urlencode({'connection': connection.pk, **values})}"


@require_safe
@never_cache
@login_required
def policies_page(request: HttpRequest) -> HttpResponse:
    """Show the form and, once it is filled in, the policies; `file` downloads one of them."""
    if not admin.site.has_permission(request):
        raise PermissionDenied("The operators' screen is for operators and owners.")
    user: Any = request.user
    organizations = user.organizations_allowing(Action.MANAGE_CONNECTIONS)
    connection = _connection(request)
    given = {
        name: value
        for name, value in request.GET.dict().items()
        if name not in ("connection", "organization", "file")
    }
    form = filled_form(given, connection)
    organization = _organization(request, organizations, connection)
    is_asked = bool(given or connection)
    answer = _answer(form, organization) if is_asked else None
    if "file" in request.GET:
        return _download(answer, request.GET["file"])
    if not is_asked:
        form = PolicyForm(initial=dict(form.data))
    context = {
        **admin.site.each_context(request),
        "title": "IAM policies",
        "form": form,
        "answer": answer,
        "connection": connection,
        "organization": organization,
        "organizations": organizations,
        "inline_limit": INLINE_USER_LIMIT,
        "downloads": _downloads(request, answer),
    }
    return TemplateResponse(request, "admin/connections/policies.html", context)


def _answer(form: PolicyForm, organization: Organization | None) -> Answer | None:
    if organization is None:
        form.add_error(None, "Create an organization first: policies are written for one.")
    return answer_for(form, organization) if form.is_valid() and organization else None


def _connection(request: HttpRequest) -> Connection | None:
    pk = request.GET.get("connection", "")
    if not pk:
        return None
    rows = Connection.objects.for_user(request.user, Action.MANAGE_CONNECTIONS).connected()
    found: Connection | None = rows.filter(pk=pk).first() if _is_id(pk) else None
    if found is None:
        raise Http404("There is no such connection here.")
    return found


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _organization(
    request: HttpRequest, organizations: Any, connection: Connection | None
) -> Organization | None:
    """Return whose external id it is: the connection's, the named one's, or the first one's."""
    if connection is not None:
        return connection.organization
    slug = request.GET.get("organization", "")
    if not slug:
        first: Organization | None = organizations.order_by("name").first()
        return first
    # Compared here, not in PostgreSQL, which takes no NUL.
    found: Organization | None = next((one for one in organizations if one.slug == slug), None)
    if found is None:
        raise Http404("There is no such organization here.")
    return found


def _download(answer: Answer | None, name: str) -> HttpResponse:
    file = next((one for one in answer.files if one.name == name), None) if answer else None
    if file is None:
        raise Http404("There is no such file.")
    return HttpResponse(
        file.text,
        content_type=f"{file.media_type}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
    )


def _downloads(request: HttpRequest, answer: Answer | None) -> list[dict[str, Any]]:
    """Return the files, each with its address."""
    downloads = []
    for file in answer.files if answer else ():
        query = request.GET.copy()
        query["file"] = file.name
        downloads.append({"file": file, "url": f"?{query.urlencode()}"})
    return downloads
