"""Whatever somebody writes into an address of the admin, it answers."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from tests.access_table import ADMIN
from tests.belongings import Belongings
from tests.cast import Cast

pytestmark = pytest.mark.django_db

OURS = [label for label in ADMIN if not label.startswith("django_celery_beat")]
FIELDS = (
    *("q", "o", "p", "action", "account_id", "billing_period__gte", "connection__id__exact"),
    *("organization__id__exact", "role__exact", "state__exact", "type__exact", "_to_field"),
)
VALUES = ("%00", "9" * 30, "%27")
WHOLE = ("billing_period__year=99999", "p=999999", "e=1")


@pytest.mark.parametrize("label", ADMIN)
def test_no_address_breaks_a_list(cast: Cast, belongings: Belongings, label: str) -> None:
    opts = apps.get_model(label)._meta
    browser: Any = cast.browser("ada")
    browser.raise_request_exception = False
    here = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    queries = [*WHOLE, *(f"{field}={value}" for field in FIELDS for value in VALUES)]
    addresses = [
        *(f"{here}?{query}" for query in queries),
        *(f"{here}{pk}/{page}/" for pk in VALUES for page in ("change", "delete", "history")),
    ]
    broken = [one for one in addresses if browser.get(one).status_code >= 500]
    assert not broken


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("label", ["organizations.user", "django_celery_beat.periodictask"])
def test_what_postgresql_refuses_leads_back_to_the_list(cast: Cast, label: str) -> None:
    opts = apps.get_model(label)._meta
    browser: Any = cast.browser("ada")
    browser.raise_request_exception = False
    here = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    answer = browser.get(f"{here}?id__regex=(")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{here}?e=1")


@pytest.mark.parametrize("label", OURS)
def test_ticked_rows_that_cannot_be_are_refused(
    cast: Cast, belongings: Belongings, label: str
) -> None:
    opts = apps.get_model(label)._meta
    browser: Any = cast.browser("olivia")
    browser.raise_request_exception = False
    here = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    for ticked in ("a\x00b", "x", "9" * 30):
        sent = {"action": "delete_selected", "_selected_action": ticked}
        assert browser.post(here, sent).status_code < 500
    assert belongings.everything_is_unchanged()


def choices_by_search() -> list[tuple[str, str, str]]:
    """(app, model, field) of every choice that the admin can offer by search."""
    fields = (field for model in apps.get_models() for field in model._meta.get_fields())
    return [
        (field.model._meta.app_label, field.model._meta.model_name, field.name)
        for field in fields
        if field.concrete
        and field.related_model in admin.site._registry
        and admin.site._registry[field.related_model].search_fields
    ]


def test_no_search_for_a_choice_breaks(cast: Cast, belongings: Belongings) -> None:
    browser: Any = cast.browser("ada")
    browser.raise_request_exception = False
    url, found = reverse("admin:autocomplete"), choices_by_search()
    answers = {}
    for app, model, field in found:
        for query in ("term=%00", "term=a&page=%00", "term=%FF", f"term=a&page={'9' * 30}"):
            source = f"app_label={app}&model_name={model}&field_name={field}"
            answers[f"{source}&{query}"] = browser.get(f"{url}?{source}&{query}").status_code
    assert ("organizations", "membership", "user") in found
    assert {one: status for one, status in answers.items() if status >= 500} == {}
    assert {status for one, status in answers.items() if "%00" in one} == {400}
    plain = {"app_label": "organizations", "model_name": "membership", "field_name": "user"}
    offered = browser.get(url, {**plain, "term": "fion"}).json()["results"]
    assert [one["text"] for one in offered] == ["fiona"]
    assert cast.browser("olivia").get(url, {**plain, "term": "fion"}).status_code == 403
