"""Signing in: how often a name may fail from one address, and what is told about it."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from organizations import sign_in_limit
from organizations.models import AuditEvent, SignInAttempt
from organizations.sign_in_limit import LIMIT, WINDOW
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db
URL, WRONG = "/sign-in/", "not the one"
HOME, OFFICE = "203.0.113.7", "198.51.100.1"


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """A test fails often: names that nobody has cost a hash each."""
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]


@pytest.fixture(autouse=True)
def known(cast: Cast, quick_passwords: None) -> None:
    for person in cast.people.values():
        person.set_password(PASSWORD)
        person.save()


def attempt(name: str, password: str = WRONG, address: str = HOME, **more: Any) -> Any:
    sent = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post(URL, sent, **more)


def fail(name: str, times: int = LIMIT, address: str = HOME) -> list[int]:
    return [attempt(name, address=address).status_code for _ in range(times)]


@pytest.mark.parametrize(
    "name", ["fiona", "ada", "nobody at all", "<b>ann</b>", "n" * 200, "a\x00b"]
)
def test_the_eleventh_failure_is_refused_also_for_names_that_nobody_has(name: str) -> None:
    assert fail(name) == [200] * LIMIT
    answer = attempt(name)
    assert answer.status_code == 429
    text = answer.content.decode()
    assert "This name failed to sign in too often from here. Try again in 15 minutes." in text
    assert 0 < int(answer.headers["Retry-After"]) <= WINDOW.total_seconds()
    assert "<b>ann" not in text


def test_the_right_password_does_not_help_before_the_time_is_over(cast: Cast) -> None:
    fail("fiona")
    held = attempt("fiona", PASSWORD)
    assert held.status_code == 429
    assert "_auth_user_id" not in held.client.session
    assert 'value="fiona"' in held.content.decode()
    SignInAttempt.objects.update(at=timezone.now() - WINDOW)
    assert attempt("fiona", PASSWORD).status_code == 302


def test_whoever_is_refused_need_not_wait_longer_for_trying() -> None:
    fail("fiona")
    SignInAttempt.objects.update(at=timezone.now() - WINDOW + timedelta(minutes=2))
    assert {attempt("fiona").status_code for _ in range(3)} == {429}
    answer = attempt("fiona")
    assert "Try again in 2 minutes." in answer.content.decode()
    assert SignInAttempt.objects.count() == LIMIT


def test_others_behind_the_address_and_the_name_elsewhere_sign_in() -> None:
    fail("fiona", address=OFFICE)
    assert attempt("fiona", PASSWORD, OFFICE).status_code == 429
    assert attempt("victor", PASSWORD, OFFICE).status_code == 302
    assert attempt("fiona", PASSWORD, HOME).status_code == 302


def test_signing_in_starts_the_count_anew() -> None:
    fail("fiona", LIMIT - 1)
    assert attempt("fiona", PASSWORD).status_code == 302
    assert fail("fiona", LIMIT - 1) == [200] * (LIMIT - 1)


def test_a_name_is_the_same_however_it_is_written() -> None:
    for name in ("fiona", "FIONA", " fiona ", "\uff46iona"):
        fail(name, LIMIT // 4 + 1)
    assert attempt("fiona", PASSWORD).status_code == 429


def test_what_is_left_blank_is_no_try() -> None:
    for _ in range(LIMIT + 1):
        assert attempt("fiona", "").status_code == attempt("").status_code == 200
    assert not SignInAttempt.objects.exists()


def test_operators_come_through_the_same_door(cast: Cast) -> None:
    fail("oscar")
    for address in ("/admin/", "/admin/login/"):
        sent = {"username": "oscar", "password": PASSWORD, "next": "/admin/"}
        answer: Any = Client(REMOTE_ADDR=HOME).post(address, sent)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in/")
        assert "_auth_user_id" not in answer.client.session
    assert attempt("oscar", PASSWORD, next="/admin/").status_code == 429


def test_the_organization_learns_of_it_once_and_the_log_has_no_name(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "organizations.sign_in_limit"):
        fail("fiona", LIMIT + 3)
        fail("hunter2", LIMIT + 3)
    event = AuditEvent.objects.get(action="sign_in.held")
    assert (event.organization, event.object_label) == (cast.acme, "fiona")
    assert event.changes == {"address": HOME, "failures": LIMIT}
    told = [one for one in caplog.records if one.name == "organizations.sign_in_limit"]
    assert len(told) == 2
    assert HOME in told[0].getMessage()
    assert "fiona" not in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("said", "is_trusted", "address"),
    [
        ({"REMOTE_ADDR": HOME, "HTTP_X_FORWARDED_FOR": OFFICE}, False, HOME),
        ({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": f"{OFFICE}, {HOME}"}, True, HOME),
        ({"REMOTE_ADDR": HOME}, True, HOME),
        ({"REMOTE_ADDR": "2001:db8:1:2:3:4:5:6"}, False, "2001:db8:1:2::/64"),
        ({"REMOTE_ADDR": ""}, False, "an unknown address"),
        ({"REMOTE_ADDR": HOME, "HTTP_X_FORWARDED_FOR": "<x>"}, True, "an unknown address"),
    ],
)
def test_the_address_is_the_readers_own_or_what_a_trusted_proxy_says(
    rf: Any, settings: Settings, said: dict[str, str], is_trusted: bool, address: str
) -> None:
    settings.TRUST_PROXY = is_trusted
    assert sign_in_limit.address_of(rf.post(URL, **said)) == address


def test_old_tries_are_forgotten() -> None:
    fail("fiona", 3)
    SignInAttempt.objects.update(at=timezone.now() - WINDOW)
    attempt("victor")
    assert SignInAttempt.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_moment_are_counted_together() -> None:
    def one(_: int) -> bool:
        try:
            sign_in_limit.count_attempt("fiona", HOME)
        except sign_in_limit.TooManyAttemptsError:
            return False
        else:
            return True
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        allowed = list(pool.map(one, range(4 * LIMIT)))
    assert sum(allowed) <= LIMIT
    assert SignInAttempt.objects.count() <= LIMIT
