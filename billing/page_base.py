"""Base of the cost pages."""

from datetime import date, datetime
from typing import Any, ClassVar

from django.urls import reverse
from django.utils import timezone
from django.views.generic.base import TemplateResponseMixin

from connections.models import Connection
from organizations.access import Action
from organizations.views_base import OrganizationPage


class CostPage(TemplateResponseMixin, OrganizationPage):
    """Base of pages on which everybody reads costs."""

    action: ClassVar = Action.VIEW_COSTS

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Let empty pages ask whether anything is connected; the others ask nothing."""
        return {
            "is_connected": Connection.objects.of(self.organization).connected().exists,
            "connect_url": reverse("admin:connections_connection_add"),
            **super().get_context_data(**kwargs),
        }

    def now(self) -> datetime:
        """Return the time in UTC."""
        return timezone.now()

    def today(self) -> date:
        """Return the day in UTC, as AWS bills."""
        return self.now().date()
