"""Whatever somebody writes into an address gets an answer, never a fault of the portal."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from organizations.access import Role
from tests.access_table import API, PAGES, Route
from tests.belongings import Belongings
from tests.budgets.world import bill, payer_of
from tests.cast import Cast

pytestmark = pytest.mark.django_db

# What addresses of some page carry; a page is asked for all of them, and refuses most.
NAMES = (
    *("account", "billing_period", "by", "compare", "connection", "currency", "edit", "format"),
    *("from", "granularity", "group_by", "key", "limit", "metric", "mode", "month", "next"),
    *("organization", "page", "page_size", "period", "prefix", "q", "query", "service", "service~"),
    *("sort", "state", "tag:team", "type", "%00"),
)
FIRST = "%00"
VALUES = ("%FF", "9999-12", "9" * 30)
WHOLE = (
    "&".join(f"tag:a{n}=1" for n in range(999)),
    "&".join(f"tag:a{n}=1" for n in range(1001)),
    "&".join(f"service={n}" for n in range(999)),
    "from=0001-01-01&to=9999-12-31",
    "from=2026-02-01&to=2026-01-01",
    "from=0001-01-01&to=0001-01-02&compare=previous",
)
# Pages that read nothing of their address but the token in it.
PLAIN = {"healthz", "readyz", "home", "welcome", "welcome-done", "password-changed"}
GETS = [one for one in (*PAGES, *API) if one.method == "get" and one.name not in PLAIN]


@pytest.mark.parametrize("route", GETS, ids=lambda route: route.name)
def test_no_address_breaks_a_page(
    cast: Cast, belongings: Belongings, settings: Settings, route: Route
) -> None:
    settings.API_RATE = 0  # no limit: each address is to be looked at
    bill(payer_of(cast.acme), months=1)
    client: Any = cast.api(Role.OWNER) if route in API else cast.browser("ada")
    # A fault is to be an answer of 500 here, so that every address is tried.
    (getattr(client, "handler", None) or client).raise_request_exception = False
    client.raise_request_exception = False
    url = route.url.format(**belongings.names)
    url += "&" if "?" in url else "?"
    broken = {}

    def text_of(query: str) -> str:
        answer = client.get(url + query)
        if answer.status_code >= 500:
            broken[query[:100]] = answer.status_code
        return "" if answer.streaming else answer.content.decode(errors="replace")

    for query in WHOLE:
        text_of(query)
    for name in NAMES:
        if "not known here" not in text_of(f"{name}={FIRST}"):
            for value in VALUES:
                text_of(f"{name}={value}")
    assert not broken
