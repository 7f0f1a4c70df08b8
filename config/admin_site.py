"""The operators' screen."""

from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from organizations.access import Action


class OperatorSite(AdminSite):
    """Django's admin, open to operators and owners of any organization and to administrators.

    Membership decides, not `is_staff`; there is one sign-in page for the whole portal.
    """

    site_header = "Countinghouse"
    site_title = "Countinghouse"
    index_title = "Operators"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(
            user.is_authenticated
            and user.organizations_allowing(Action.MANAGE_CONNECTIONS).exists()
        ) or bool(user.is_active and user.is_superuser)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Turn away at once whoever may not be here: to the sign-in page, or with the reason."""
        inside = super().admin_view(view, cacheable)

        @wraps(inside)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_permission(request):
                return self.login(request)
            response: HttpResponseBase = inside(request, *args, **kwargs)
            return response

        return guarded

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Offer rows to choose from; what PostgreSQL cannot look for is refused."""
        if any("\x00" in value for _, values in request.GET.lists() for value in values):
            raise BadRequest("Write plain text without NUL.")
        return super().autocomplete_view(request)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send a stranger to the portal's own sign-in page, and tell anybody else why not."""
        if request.user.is_authenticated:
            raise PermissionDenied("The operators' screen is for operators and owners.")
        return redirect_to_login(
            request.GET.get("next") or request.get_full_path(), settings.LOGIN_URL
        )
