"""What people and programs see when there is no such address, or the portal fails."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from config.views import server_error
from organizations.access import Role
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_an_unknown_address_of_the_api_is_a_problem_in_json(cast: Cast) -> None:
    response = cast.api(Role.VIEWER).get("/api/v1/nothing/")
    assert response.status_code == 404
    assert set(response.json()) == {"type", "title", "detail", "errors"}


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
