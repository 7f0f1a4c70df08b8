"""The audit trail: `record` writes one event; the actor comes from the request under way."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from organizations.models import AuditEvent, Organization

_request: ContextVar[HttpRequest | None] = ContextVar("audit_request", default=None)
_named: ContextVar[str] = ContextVar("audit_actor", default="")
_SECRET_WORDS = ("secret", "password", "token", "access_key", "credential", "private")
PORTAL = "Countinghouse"


class ActorMiddleware:
    """Remember the request, so that deep code records the right actor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with acting_for(request):
            return self.get_response(request)


@contextmanager
def acting_for(request: HttpRequest) -> Iterator[None]:
    """Make `request.user` the actor of events recorded inside."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Make this the actor inside: background work that somebody asked for is theirs."""
    token = _named.set(actor)
    try:
        yield
    finally:
        _named.reset(token)


def current_actor() -> str:
    """Return the name of who acts now: a person, an API token, or the portal itself."""
    if _named.get():
        return _named.get()
    request = _request.get()
    user = getattr(request, "user", None)
    return str(user) if user is not None and user.is_authenticated else PORTAL


def record(
    action: str,
    *,
    organization: Organization,
    obj: models.Model | None = None,
    changes: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write one event. `action` is noun.verb; values under secret-looking names are masked."""
    event = AuditEvent(
        organization=organization,
        actor=current_actor()[:200],
        action=action,
        object_type=str(obj._meta.verbose_name) if obj else "",
        object_id=str(obj.pk) if obj else "",
        object_label=str(obj)[:200] if obj else "",
        changes=masked(changes or {}),
    )
    event.save()
    return event


def masked(value: Any, name: str = "") -> Any:
    """Return the value with everything under a secret-looking name replaced by a mark."""
    if isinstance(value, Mapping):
        return {str(key): masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner, name) for inner in value]
    if any(word in name.lower() for word in _SECRET_WORDS):
        return "(set)" if value else "(not set)"
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return str(value)
