"""Every route x every role x own and foreign organization, from `access_table`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from organizations.access import Action, Role, roles_allowing
from organizations.checks import OUR_APPS
from organizations.scoping import ScopedModel
from tests.access_table import ADMIN, API, PAGES, Guard, Route
from tests.belongings import Belongings
from tests.cast import Cast

pytestmark = pytest.mark.django_db

ROLE_OF = {
    "victor": Role.VIEWER,
    "fiona": Role.FINANCE,
    "oscar": Role.OPERATOR,
    "olivia": Role.OWNER,
}
PEOPLE = [None, "victor", "fiona", "oscar", "olivia", "boris", "nora", "ada"]


def routes_of_the_portal() -> Iterator[tuple[str, str]]:
    """Yield (name, pattern) of every route but those of the admin site."""

    def walk(patterns: list[Any], prefix: str, space: str) -> Iterator[tuple[str, str]]:
        for one in patterns:
            path = prefix + str(one.pattern)
            if isinstance(one, URLResolver):
                if one.app_name == "admin":
                    continue
                inner = f"{space}{one.namespace}:" if one.namespace else space
                yield from walk(one.url_patterns, path, inner)
            elif isinstance(one, URLPattern):
                yield f"{space}{one.name}", path

    yield from walk(get_resolver().url_patterns, "/", "")


def test_every_route_is_in_the_table() -> None:
    known = {route.name for route in (*PAGES, *API)}
    found = {name for name, _ in routes_of_the_portal()}
    assert found == known


def test_every_admin_page_is_in_the_table() -> None:
    assert {model._meta.label_lower for model in admin.site._registry} == set(ADMIN)


def test_acme_owns_one_of_each_model(belongings: Belongings) -> None:
    scoped = {
        model
        for model in apps.get_models()
        if issubclass(model, ScopedModel) and model._meta.app_label in OUR_APPS
    }
    assert scoped == set(belongings.rows)


def may(person: str | None, needs: Action | Guard) -> bool:
    """Say what the table means for a member of Acme (or somebody without a role there)."""
    if needs == Guard.PUBLIC or person == "ada":
        return True
    if person is None or needs == Guard.ADMINISTRATOR:
        return False
    if needs == Guard.SIGNED_IN:
        return True
    if needs == Guard.OPERATOR:
        return person in ("oscar", "olivia", "boris")
    return person in ROLE_OF and ROLE_OF[person] in roles_allowing(needs)


def call(client: Any, route: Route, belongings: Belongings) -> Any:
    url = route.url.format(**belongings.names)
    if route.method == "get":
        return client.get(url, route.query)
    return getattr(client, route.method)(url, {}, **_json(route))


def _json(route: Route) -> dict[str, str]:
    return {"content_type": "application/json"} if route in API else {}


@contextmanager
def undone() -> Iterator[None]:
    """What the block changes is as it was: whoever comes next finds the same."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("route", PAGES, ids=lambda route: route.name)
def test_pages_open_to_whom_the_table_says(
    cast: Cast, belongings: Belongings, subtests: pytest.Subtests, route: Route
) -> None:
    for person in PEOPLE:
        with subtests.test(person=person), undone():
            _page_opens(cast, belongings, route, person)


def _page_opens(cast: Cast, belongings: Belongings, route: Route, person: str | None) -> None:
    response = call(cast.browser(person), route, belongings)
    if route.of_object and person == "boris":
        assert response.status_code == 404
    elif may(person, route.needs):
        assert response.status_code in (200, 302), response.status_code
        assert "/sign-in/" not in response.headers.get("Location", "") or route.name == "sign-out"
    elif person is None:
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/sign-in/")
    else:
        is_known_to_exist = person in ROLE_OF or route.needs == Guard.OPERATOR
        assert response.status_code == (403 if is_known_to_exist else 404)


@pytest.mark.parametrize("route", API, ids=lambda route: f"{route.method} {route.name}")
def test_the_api_answers_whom_the_table_says(
    cast: Cast, belongings: Belongings, subtests: pytest.Subtests, route: Route
) -> None:
    for role in (None, *Role):
        with subtests.test(role=role), undone():
            _api_answers(cast, belongings, route, role)


def _api_answers(cast: Cast, belongings: Belongings, route: Route, role: Role | None) -> None:
    client: Any = Client() if role is None else cast.api(role)
    response = client.generic(
        route.method.upper(),
        route.url.format(**belongings.names),
        "{}",
        content_type="application/json",
        QUERY_STRING="&".join(f"{key}={value}" for key, value in route.query.items()),
    )
    if role is None:
        assert response.status_code == 401
    elif route.needs == Guard.SIGNED_IN or role in roles_allowing(_action(route)):
        assert response.status_code in (200, 201, 202, 204, 400), response.content
    else:
        assert response.status_code == 403
        assert response.json()["type"] == "forbidden"


@pytest.mark.parametrize(
    "route", [one for one in API if one.of_object], ids=lambda route: f"{route.method} {route.name}"
)
def test_the_api_answers_404_for_what_is_somebody_elses(
    cast: Cast, belongings: Belongings, route: Route
) -> None:
    client = cast.api(Role.OWNER, cast.bolt)
    response = client.generic(
        route.method.upper(), route.url.format(**belongings.names), "{}", "application/json"
    )
    assert response.status_code == 404
    assert belongings.everything_is_unchanged()


@pytest.mark.parametrize("label", ADMIN)
def test_admin_lists_open_to_whom_the_table_says(
    cast: Cast, belongings: Belongings, subtests: pytest.Subtests, label: str
) -> None:
    for person in PEOPLE:
        with subtests.test(person=person):
            _admin_list_opens(cast, belongings, label, person)


def _admin_list_opens(cast: Cast, belongings: Belongings, label: str, person: str | None) -> None:
    needs = ADMIN[label][0]
    opts = apps.get_model(label)._meta
    response = cast.browser(person).get(
        reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    )
    if may(person, needs) or (person == "boris" and isinstance(needs, Action)):
        assert response.status_code == 200
    else:
        assert response.status_code in (302, 403)
    if person == "boris":
        assert not belongings.shown_in(response.content.decode())


@pytest.mark.parametrize("label", ADMIN)
def test_admin_objects_of_others_are_not_there(
    cast: Cast, belongings: Belongings, label: str
) -> None:
    model = apps.get_model(label)
    opts = model._meta
    if not isinstance(ADMIN[label][0], Action):
        return
    row = belongings.of(model)
    for page in ("change", "delete", "history"):
        url = reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=[row.pk])
        for method in ("get", "post"):
            response = getattr(cast.browser("boris"), method)(url)
            assert response.status_code in (302, 403, 404), (page, method)
            assert not belongings.shown_in(response.content.decode())
    assert belongings.everything_is_unchanged()


@pytest.mark.parametrize("label", ADMIN)
def test_admin_pages_link_to_nothing_that_their_reader_may_not_open(
    cast: Cast, belongings: Belongings, label: str
) -> None:
    if not isinstance(ADMIN[label][0], Action):
        return
    opts = apps.get_model(label)._meta
    row = belongings.of(apps.get_model(label))
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
    for person in ("oscar", "olivia"):
        browser = cast.browser(person)
        shown = browser.get(url)
        if shown.status_code != 200:
            assert not may(person, ADMIN[label][0])
            continue
        for link in set(re.findall(r'href="(/[^"]*/change/)"', shown.content.decode())):
            assert browser.get(link).status_code == 200, (person, link)


def _action(route: Route) -> Action:
    assert isinstance(route.needs, Action)
    return route.needs
