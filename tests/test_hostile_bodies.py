"""Whatever somebody sends to the API gets an answer, never a fault of the portal."""

import pytest

from organizations.access import Role
from tests.access_table import API, Route
from tests.belongings import Belongings
from tests.cast import Cast

pytestmark = pytest.mark.django_db

NESTED = 100_000
BODIES = {
    "deep lists": "[" * NESTED,
    "deep objects": '{"a":' * NESTED,
    "half a surrogate pair as a name": r'{"\ud800": 1}',
    "half a surrogate pair as a value": r'{"name": "\ud800"}',
    "half a surrogate pair far inside": r'{"filters": {"tag:\ud800": ["x"]}}',
    "another type": "[]",
    "nothing": "null",
    "no number": '{"amount": 1e400, "thresholds": [{"percent": 1e400}]}',
    "no JSON": "{",
    "no text": b"\xff",
    "too long": b'"' + b"x" * 3_000_000 + b'"',
}
REFUSED = {name for name in BODIES if name not in ("another type", "nothing", "no number")}
WRITES = [one for one in API if one.method in ("post", "patch")]


@pytest.mark.parametrize("route", WRITES, ids=lambda route: f"{route.method} {route.name}")
def test_no_body_breaks_the_api(cast: Cast, belongings: Belongings, route: Route) -> None:
    client = cast.api(Role.OWNER)
    url = route.url.format(**belongings.names)
    for name, body in BODIES.items():
        answer = client.generic(route.method.upper(), url, body, "application/json")
        assert answer.status_code < 500, name


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_body_that_cannot_be_read_is_refused_with_a_sentence(cast: Cast, name: str) -> None:
    answer = cast.api(Role.OWNER).generic(
        "POST", "/api/v1/budgets/", BODIES[name], "application/json"
    )

    assert answer.status_code == (413 if name == "too long" else 400)
    assert set(answer.json()) == {"type", "title", "detail", "errors"}
    assert answer.json()["detail"]


def test_too_many_parameters_are_refused_with_a_sentence(cast: Cast) -> None:
    query = "&".join(f"tag:t{number}=x" for number in range(1001))

    answer = cast.api(Role.OWNER).get(f"/api/v1/costs/?{query}")

    assert (answer.status_code, answer.json()["type"]) == (400, "invalid")
