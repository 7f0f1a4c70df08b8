"""Base of every page: the organization comes from the address, the guarded action is declared."""

from typing import Any, ClassVar

from django.contrib.auth.mixins import AccessMixin
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.generic.base import ContextMixin, View

from organizations.access import Action, is_allowed, permissions_in
from organizations.models import Organization


class OrganizationPage(AccessMixin, ContextMixin, View):
    """A page of one organization, at `/o/<slug>/…`.

    Somebody who is no member gets 404, a member whose role does not allow the `action` 403.
    """

    action: ClassVar[Action]
    organization: Organization
    request: HttpRequest

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not isinstance(getattr(cls, "action", None), Action):
            raise ImproperlyConfigured(f"{cls.__name__} must declare the action that guards it.")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the organization and check the role before anything else happens."""
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        slug = kwargs.pop("organization")
        mine = organizations_of(request.user)
        found = next((one for one in mine if one.slug == slug), None)
        if found is None:
            raise Http404("There is no such page.")
        self.organization = found
        if not is_allowed(request.user, self.action, found.pk):
            raise PermissionDenied("Your role in this organization does not allow this page.")
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Give every page its organization, the others of the reader, and what they may do."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {
            **context,
            "organization": self.organization,
            "organizations": organizations_of(self.request.user),
            "may": permissions_in(self.request.user, self.organization.pk),
        }


def organizations_of(user: Any) -> list[Organization]:
    """Return the organizations whose costs this person may see, by name."""
    if not user.is_authenticated:
        return []
    return list(user.organizations_allowing(Action.VIEW_COSTS))


def back(request: HttpRequest, home: str) -> HttpResponseRedirect:
    """Lead back to the page that the form names as `next`, if it is one of ours, else to `home`."""
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(wanted if is_ours else home)
