"""What people and programs see when there is no such address, or the portal fails."""

from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from config.views import server_error
from config.wsgi import application
from organizations.access import Role
from tests.access_table import API, Route
from tests.belongings import Belongings
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_an_unknown_address_of_the_api_is_a_problem_in_json(cast: Cast) -> None:
    response = cast.api(Role.VIEWER).get("/api/v1/nothing/")
    assert response.status_code == 404
    assert set(response.json()) == {"type", "title", "detail", "errors"}


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/v1/costs/", "application/problem+json"), ("/", "text/html")]
)
def test_a_name_that_the_portal_does_not_have_is_said(client: Client, path: str, kind: str) -> None:
    answer = client.get(path, headers={"host": "elsewhere.example"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith(kind)
    assert b"ALLOWED_HOSTS" in answer.content
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_an_unknown_page_is_a_page(client: Client) -> None:
    response = client.get("/nothing/")
    assert response.status_code == 404
    assert "text/html" in response.headers["Content-Type"]


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/v1/costs/", "application/problem+json"), ("/", "text/html")]
)
def test_a_fault_of_the_portal_is_said_without_internals(
    rf: RequestFactory, path: str, kind: str
) -> None:
    try:
        raise ValueError("internal detail")
    except ValueError:
        response: Any = server_error(rf.get(path))
    assert response.status_code == 500
    assert response.headers["Content-Type"].startswith(kind)
    assert b"internal detail" not in response.content


@pytest.mark.parametrize("route", API, ids=lambda route: f"{route.method} {route.name}")
def test_no_call_ignores_a_parameter_that_it_does_not_know(
    cast: Cast, belongings: Belongings, subtests: pytest.Subtests, route: Route
) -> None:
    url = route.url.format(**belongings.names)
    for query in ("colour=red", "%00=1", "organization=%00", "Organization=acme"):
        with subtests.test(query=query):
            _refuses(cast, belongings, route, f"{url}{'&' if '?' in url else '?'}{query}")


def _refuses(cast: Cast, belongings: Belongings, route: Route, url: str) -> None:
    answer = cast.api(Role.OWNER).generic(route.method.upper(), url, "{}", "application/json")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "detail", "errors"}
    (sentences,) = problem["errors"].values()
    assert sentences
    assert belongings.everything_is_unchanged()


@pytest.mark.parametrize("accept", ["text/csv", "application/xml", "*/*", "nonsense"])
def test_a_call_answers_whatever_the_accept_header_prefers(cast: Cast, accept: str) -> None:
    for path in ("costs/", "costs/?format=csv", "focus/", "imports/"):
        answer = cast.api(Role.VIEWER).get(f"/api/v1/{path}", HTTP_ACCEPT=accept)
        assert answer.status_code == 200


def test_every_call_tells_what_it_is_for(cast: Cast, belongings: Belongings) -> None:
    urls = {route.url.format(**belongings.names).partition("?")[0] for route in API}
    client = cast.api(Role.OWNER)
    assert {url: client.options(url).status_code for url in urls} == dict.fromkeys(urls, 200)


def answer_to(path: str, content_type: str) -> tuple[str, dict[str, str], bytes]:
    """What a server of the portal answers: status, headers, body."""
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "QUERY_STRING": "a=b",
        "CONTENT_TYPE": content_type,
    }
    setup_testing_defaults(environ)
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.extend((status, dict(headers)))

    body = b"".join(application(environ, start_response))
    return *started, body  # type: ignore[return-value]


@pytest.mark.parametrize(
    "charset", ["=rot13", "=hex", "=idna", "=utf-16", "=latin-1", "*=utf-8''rot13", "=a\0b"]
)
@pytest.mark.parametrize("kind", ["text/html", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(
    ("path", "said_as"), [("/sign-in/", "text/plain"), ("/api/v1/costs/", "application/problem")]
)
def test_what_is_not_utf_8_is_refused_in_words(
    charset: str, kind: str, path: str, said_as: str
) -> None:
    status, headers, body = answer_to(path, f"{kind}; charset{charset}")
    assert status == "415 Unsupported Media Type"
    assert headers["Content-Type"].startswith(said_as)
    assert headers["Content-Security-Policy"] == "default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert b"UTF-8" in body


@pytest.mark.parametrize("charset", ["UTF-8", "utf8", "us-ascii", "no-such-charset", ""])
def test_other_names_of_utf_8_are_read(charset: str, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    status, _, _ = answer_to("/sign-in/", f"text/html; charset={charset}")
    assert status == "200 OK"
