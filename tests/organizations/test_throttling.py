"""How often one token may ask: counted in the real broker, shared between processes."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings

from organizations import throttling
from organizations.access import Role
from tests.cast import Cast

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parent.parent.parent
COUNT = """
import django; django.setup()
from django.core.cache import caches
print(caches['requests'].incr("test-shared"))
"""


@pytest.fixture(autouse=True)
def one_minute(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three requests a minute, in a minute that does not end."""
    settings.API_RATE = 3
    monkeypatch.setattr(throttling, "time", SimpleNamespace(time=lambda: 1_800_000_018.5))
    caches["requests"].clear()


def test_a_token_that_asks_too_often_is_told_when_to_come_back(cast: Cast) -> None:
    api = cast.api(Role.VIEWER)
    assert [api.get("/api/v1/costs/").status_code for _ in range(3)] == [200] * 3
    answer = api.get("/api/v1/costs/")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "42"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "throttled",
        "title": "Too many requests",
        "detail": "This token or person asked more often than allowed. Ask again in 42 seconds.",
        "errors": {},
    }


def test_the_next_minute_is_a_new_one(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    api = cast.api(Role.VIEWER)
    assert [api.get("/api/v1/costs/").status_code for _ in range(4)][-1] == 429
    monkeypatch.setattr(throttling, "time", SimpleNamespace(time=lambda: 1_800_000_060.0))
    assert api.get("/api/v1/costs/").status_code == 200


def test_every_call_counts_also_refused_ones_and_the_schema(cast: Cast) -> None:
    api = cast.api(Role.VIEWER)
    statuses = [
        api.get(f"/api/v1/{path}").status_code
        for path in ("costs/?colour=red", "imports/", "schema/", "imports/")
    ]
    assert statuses == [400, 200, 200, 429]


def test_each_token_and_person_has_a_count_of_its_own(cast: Cast) -> None:
    for _ in range(4):
        cast.api(Role.VIEWER).get("/api/v1/costs/")
    assert cast.api(Role.FINANCE).get("/api/v1/costs/").status_code == 200
    victor, fiona = cast.browser("victor"), cast.browser("fiona")
    statuses = [victor.get("/api/v1/costs/").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert fiona.get("/api/v1/costs/").status_code == 200


def test_pages_are_never_throttled(cast: Cast) -> None:
    victor = cast.browser("victor")
    assert {victor.get("/healthz").status_code for _ in range(5)} == {200}
    assert {victor.get("/o/acme/").status_code for _ in range(5)} == {200}


def test_no_rate_means_no_limit(cast: Cast, settings: Settings) -> None:
    settings.API_RATE = 0
    api = cast.api(Role.VIEWER)
    assert {api.get("/api/v1/imports/").status_code for _ in range(5)} == {200}


def test_processes_count_together() -> None:
    caches["requests"].set("test-shared", 7)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env=environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "8"
    assert caches["requests"].get("test-shared") == 8


def test_costs_are_answered_also_while_the_broker_is_gone(
    cast: Cast, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    gone = {**settings.CACHES["requests"], "LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {**settings.CACHES, "requests": gone}
    assert cast.api(Role.VIEWER).get("/api/v1/costs/").status_code == 200
    assert "cannot be counted" in caplog.text
