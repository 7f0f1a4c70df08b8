"""How much one token (or person) may ask of the API: so many requests in each minute.

Counted in the cache, which all processes share where the broker is Valkey or Redis. Pages are never
throttled.
"""

import logging
import time
from typing import Any

from django.conf import settings
from django.core.cache import caches
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from organizations.models import TokenPrincipal

_SECONDS = 60
_CACHE = "requests"
log = logging.getLogger(__name__)


class TooManyRequests(Throttled):
    """More requests in a minute than one token may send."""

    default_detail = "This token or person asked more often than allowed."
    extra_detail_singular = "Ask again in {wait} second."
    extra_detail_plural = "Ask again in {wait} seconds."


class RequestRate(BaseThrottle):
    """At most `API_RATE` requests a minute for each token, and for each person who is signed in."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request. Raises TooManyRequests beyond the rate."""
        rate, now = settings.API_RATE, time.time()
        who = _caller(request.user)
        if not rate or who is None:
            return True
        minute, passed = divmod(now, _SECONDS)
        if _count(f"api-rate:{who}:{minute:.0f}") > rate:
            raise TooManyRequests(wait=_SECONDS - passed)
        return True


def _caller(principal: Any) -> str | None:
    if isinstance(principal, TokenPrincipal):
        return f"token-{principal.token.pk}"
    return f"user-{principal.pk}" if principal.is_authenticated else None


def _count(key: str) -> int:
    """Return how many requests the key has seen, this one included."""
    try:
        caches[_CACHE].add(key, 0, timeout=2 * _SECONDS)
        return caches[_CACHE].incr(key)
    except (RedisError, ValueError) as error:
        # Reading costs must not depend on the broker: without it nobody is held back.
        log.warning("API requests cannot be counted now: %s", error)
        return 0
