"""Pages of operators that stand in the admin but belong to no model."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from connections.models import Connection, ConnectionKind
from organizations.access import Action

View = Callable[..., HttpResponse]


def operator_page(view: View) -> View:
    """Open a page, GET and POST, to those for whom the admin is open; nobody may cache it."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not admin.site.has_permission(request):
            raise PermissionDenied("The operators' screen is for operators and owners.")
        return view(request, *args, **kwargs)

    wrapped: View = require_http_methods(["GET", "POST"])(never_cache(login_required(guarded)))
    return wrapped


def payer_connection(request: HttpRequest, pk: int) -> Connection:
    """Return a connected payer's connection that the operator may manage. Raises Http404."""
    rows = Connection.objects.for_user(request.user, Action.MANAGE_CONNECTIONS).connected()
    found: Connection | None = rows.filter(pk=pk, kind=ConnectionKind.ROOT).first()
    if found is None:
        raise Http404("There is no such connection here.")
    return found
