"""Base of every API view: one organization, a guarded action per method, known parameters only."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from django.core.exceptions import (
    ImproperlyConfigured,
    PermissionDenied,
    RequestDataTooBig,
    TooManyFieldsSent,
)
from django.http import Http404
from django.utils.functional import cached_property
from rest_framework import status
from rest_framework.exceptions import (
    APIException,
    MethodNotAllowed,
    NotFound,
    ParseError,
    ValidationError,
)
from rest_framework.generics import GenericAPIView
from rest_framework.metadata import SimpleMetadata
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView, exception_handler

from organizations.access import Action, Principal
from organizations.models import Organization
from organizations.scoping import ScopedQuerySet

NON_FIELD = api_settings.NON_FIELD_ERRORS_KEY
_METHODS = ("get", "post", "put", "patch", "delete")


class Conflict(APIException):
    """The request collides with what exists."""

    status_code = status.HTTP_409_CONFLICT


class OneForm(DefaultContentNegotiation):
    """A call answers in its own form whatever the Accept header prefers; `format` chooses."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type


class PlainMetadata(SimpleMetadata):
    """What OPTIONS answers: what the call is for. Its fields are in the schema."""

    def determine_actions(self, request: Request, view: Any) -> dict[str, Any]:
        """Return no fields: not every call has a serializer to ask."""
        return {}


class Pagination(PageNumberPagination):
    """`page` and `page_size`; answers {"count", "next", "previous", "results"}."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page of results of this schema."""
        address = {"type": ["string", "null"], "format": "uri", "example": None}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": {"type": "integer", "description": "Of all pages.", "example": 1},
                "next": address,
                "previous": address,
                "results": schema,
            },
        }


class OrganizationAPIView(APIView):
    """A view on one organization's things.

    `actions` maps each method it answers to the guarded action that the caller needs.
    `query_parameters` names what GET may carry; a name that ends in ":" is a prefix (`tag:`).
    Both are checked before the handler runs. Foreign things answer 404.
    """

    actions: ClassVar[Mapping[str, Action]]
    query_parameters: ClassVar[frozenset[str]] = frozenset()
    common_parameters: ClassVar[frozenset[str]] = frozenset({"organization"})
    permission_classes = [IsAuthenticated]
    content_negotiation_class = OneForm
    metadata_class = PlainMetadata

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        handlers = {name.upper() for name in _METHODS if hasattr(cls, name)}
        missing = handlers - set(getattr(cls, "actions", {}))
        if missing:
            raise ImproperlyConfigured(
                f"{cls.__name__}.actions lacks {', '.join(sorted(missing))}."
            )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, then find the organization and refuse unknown parameters."""
        super().initial(request, *args, **kwargs)
        if request.method not in (*self.actions, "OPTIONS", "HEAD"):
            raise MethodNotAllowed(request.method or "")
        self._refuse_nul(request)
        _ = self.organization
        self._refuse_unknown_parameters(request)

    @property
    def action_needed(self) -> Action:
        """Return the guarded action of the method under way."""
        method = {"HEAD": "GET", "OPTIONS": "GET"}.get(
            self.request.method or "", self.request.method
        )
        return self.actions.get(method or "", next(iter(self.actions.values())))

    @cached_property
    def organization(self) -> Organization:
        """Return the one organization of this request.

        A token has one. A signed-in person with several names it: `?organization=<slug>`.
        """
        principal: Principal = self.request.user  # type: ignore[assignment]
        allowed = principal.organizations_allowing(self.action_needed)
        slug = self.request.query_params.get("organization")
        if slug is not None:
            found = allowed.filter(slug=slug).first()
            if found is None:
                raise NotFound(f"There is no organization “{slug}” for you with this permission.")
            return found
        several = list(allowed[:2])
        if not several:
            raise PermissionDenied("Your role does not allow this.")
        if len(several) > 1:
            raise ValidationError(
                {"organization": ["You belong to several organizations: name one by its slug."]}
            )
        return several[0]

    def _refuse_nul(self, request: Request) -> None:
        """Refuse the one character that PostgreSQL can neither store nor look for."""
        wrong = [
            name
            for name, values in request.query_params.lists()
            if "\x00" in name or any("\x00" in value for value in values)
        ]
        if wrong:
            raise ValidationError({name: ["Write plain text without NUL."] for name in wrong})

    def _refuse_unknown_parameters(self, request: Request) -> None:
        known = self.query_parameters | self.common_parameters
        prefixes = tuple(name for name in known if name.endswith(":"))
        unknown = [
            name
            for name in request.query_params
            if name not in known and not (prefixes and name.startswith(prefixes))
        ]
        if unknown:
            raise ValidationError({name: ["This parameter is not known here."] for name in unknown})


class OrganizationListAPIView(OrganizationAPIView, GenericAPIView):  # type: ignore[type-arg]
    """Base of views over a queryset: it is scoped to the organization before anything else."""

    common_parameters = frozenset({"organization", "page", "page_size"})
    pagination_class = Pagination

    def get_queryset(self) -> Any:
        """Return the organization's rows. Refuses a queryset that cannot be scoped."""
        queryset = super().get_queryset()
        if not isinstance(queryset, ScopedQuerySet):
            raise ImproperlyConfigured(f"{type(self).__name__}.queryset is not scoped.")
        return queryset.of(self.organization)


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an error as {"type", "title", "detail", "errors": {field: [sentence]}}."""
    if isinstance(error, Http404):
        error = NotFound("There is no such thing here.")
    elif isinstance(error, PermissionDenied):
        error = _Forbidden(str(error) or "Your role does not allow this.")
    elif isinstance(error, RequestDataTooBig):
        error = _TooLarge("The body is too large. Send less at once.")
    elif isinstance(error, TooManyFieldsSent):
        error = ParseError("There are too many parameters. Send fewer at once.")
    response = exception_handler(error, dict(context))
    if response is None or not isinstance(error, APIException):
        return response
    errors = _sentences(error.detail) if isinstance(error, ValidationError) else {}
    title = _TITLES.get(response.status_code, "The request was refused")
    response.data = {
        "type": _TYPES.get(response.status_code, "refused"),
        "title": title,
        "detail": _detail(error, errors),
        "errors": {name: texts for name, texts in errors.items() if name != NON_FIELD},
    }
    response.content_type = "application/problem+json"
    # Also where the answer would have been of another form.
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), "application/json"
    return response


class _Forbidden(APIException):
    status_code = status.HTTP_403_FORBIDDEN


class _TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE


_TITLES = {
    400: "The request is not valid",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "In conflict with what exists",
    413: "Too much at once",
    415: "Send JSON",
    429: "Too many requests",
}
_TYPES = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    429: "throttled",
}


def _detail(error: APIException, errors: Mapping[str, list[str]]) -> str:
    if not isinstance(error, ValidationError):
        return str(error.detail)
    general = errors.get(NON_FIELD)
    if general:
        return " ".join(general)
    return " ".join(f"{quote(name, safe=' .:!')}: {texts[0]}" for name, texts in errors.items())


def _sentences(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Flatten DRF's nested detail to {"auth.access_key_id": [sentence, ...]}."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            own = path if name == NON_FIELD and path else ".".join(filter(None, (path, str(name))))
            found.update(_sentences(inner, own))
        return found
    if isinstance(detail, list):
        if any(isinstance(inner, Mapping) for inner in detail):
            found = {}
            for index, inner in enumerate(detail):
                found.update(_sentences(inner, f"{path}.{index}".lstrip(".")))
            return found
        return {path or NON_FIELD: [str(inner) for inner in detail]}
    return {path or NON_FIELD: [str(detail)]}
