"""Base of the pages that show what comes from connected accounts."""

from typing import Any

from django.urls import reverse
from django.views.generic.base import ContextMixin, TemplateResponseMixin

from connections.models import Connection
from organizations.models import Organization


class ConnectedPage(TemplateResponseMixin, ContextMixin):
    """A page that is empty while no account is connected, and then says how to connect one.

    Put it before the page's base.
    """

    organization: Organization

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Let empty pages ask whether anything is connected; the others ask nothing."""
        return {
            "is_connected": Connection.objects.of(self.organization).connected().exists,
            "connect_url": reverse("admin:connections_connection_add"),
            **super().get_context_data(**kwargs),
        }
