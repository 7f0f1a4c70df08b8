"""Base of the cost pages."""

from datetime import date, datetime
from typing import ClassVar

from django.utils import timezone

from connections.page_base import ConnectedPage
from organizations.access import Action
from organizations.views_base import OrganizationPage


class CostPage(ConnectedPage, OrganizationPage):
    """Base of pages on which everybody reads costs."""

    action: ClassVar = Action.VIEW_COSTS

    def now(self) -> datetime:
        """Return the time in UTC."""
        return timezone.now()

    def today(self) -> date:
        """Return the day in UTC, as AWS bills."""
        return self.now().date()
