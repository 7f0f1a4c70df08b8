"""Requests are read as UTF-8; what says that it is something else is refused in words."""

import codecs
from collections.abc import Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.http import HttpResponse
from django.utils.http import parse_header_parameters

from config.problems import problem

_STATUS = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
_READ = frozenset({"utf-8", "ascii"})
_TEXT = "text/plain; charset=utf-8"
_GUARDED = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
_SENTENCE = "The Content-Type names another charset: send UTF-8, with charset=utf-8 or without."


class OnlyUtf8:
    """A WSGI application that is not asked when the Content-Type names another charset.

    Django would read the address and the form with it before anybody can say no, and some of
    Python's codecs read no text at all (rot13): that ends in a fault without a page.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if _is_read(environ.get("CONTENT_TYPE", "")):
            return self._application(environ, start_response)
        refusal = _refusal(is_api=environ.get("PATH_INFO", "").startswith("/api/"))
        start_response(
            f"{refusal.status_code} {refusal.reason_phrase}",
            [*refusal.items(), ("Content-Length", str(len(refusal.content)))],
        )
        return [refusal.content]


def _is_read(content_type: str) -> bool:
    _, parameters = parse_header_parameters(content_type)
    try:
        return codecs.lookup(parameters.get("charset", "utf-8")).name in _READ
    except LookupError:
        return True  # no charset at all: Django leaves it aside too
    except ValueError:
        return False  # a NUL


def _refusal(*, is_api: bool) -> HttpResponse:
    refusal: HttpResponse
    if is_api:
        refusal = problem(_STATUS, "unsupported-charset", "Unsupported charset", _SENTENCE)
    else:
        refusal = HttpResponse(_SENTENCE, _TEXT, status=_STATUS)
    # No middleware sees it.
    for name, value in _GUARDED.items():
        refusal[name] = value
    return refusal
