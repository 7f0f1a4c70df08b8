"""The buttons that dismiss something or put it back."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from organizations.dismissal import DismissalError, Dismissible, dismiss, restore
from organizations.models import Organization
from organizations.views_base import back


class DismissalPost(ABC):
    """What an organization's page answers to such a button: it leads back to where the reader was.

    `home` is the list's address, `restores` says which of the two buttons it is.
    """

    http_method_names: Sequence[str] = ["post"]
    home: ClassVar[str]
    restores = False
    organization: Organization

    @abstractmethod
    def find(self, pk: int) -> Dismissible:
        """Return the organization's row. Raises Http404."""

    def named(self, row: Dismissible) -> str:
        """Return what people call it."""
        return str(row)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Do it and go back."""
        row = self.find(pk)
        try:
            if self.restores:
                restore(row)
            else:
                dismiss(row, request.POST.get("reason", ""))
        except DismissalError as error:
            messages.error(request, str(error))
        else:
            done = "on the list again" if self.restores else "dismissed"
            messages.success(request, f"{self.named(row)}: {done}.")
        return back(request, reverse(self.home, args=[self.organization.slug]))
