"""The one way in which a page does what cannot be undone: it asks first, on a page of its own."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.generic.base import TemplateResponseMixin


@dataclass(frozen=True)
class Question:
    """What is asked: a heading, what goes with it, the button's label, and where “no” leads."""

    heading: str
    consequence: str
    button: str
    keep: str
    keep_url: str


class ConfirmPage(TemplateResponseMixin, ABC):
    """What an organization's page answers that asks on GET and does it on POST.

    Put it before the page's base.
    """

    template_name = "confirm.html"
    get_context_data: Any

    @abstractmethod
    def find(self, pk: int) -> Any:
        """Return what the address names. Raises Http404, or PermissionDenied."""

    @abstractmethod
    def question(self, row: Any) -> Question:
        """Return what to ask."""

    @abstractmethod
    def do(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Do it, say so, and lead on."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask."""
        problems = [f"“{name}” is not known here." for name in request.GET]
        context = self.get_context_data(question=self.question(self.find(pk)), problems=problems)
        return self.render_to_response(context, status=400 if problems else 200)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Do it."""
        return self.do(request, self.find(pk))
