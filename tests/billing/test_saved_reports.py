"""Saved reports: whose they are, what they keep, and that they lead back to the explorer."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from billing.cost_query import CostQueryError
from billing.saved_reports import addresses, services
from billing.saved_reports.models import SavedReport
from organizations.access import Role
from organizations.models import AuditEvent, Membership, User
from tests.cast import Cast

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 4, 20)
HOME = "/o/acme/saved-reports/"


def save(cast: Cast, person: str, **given: Any) -> SavedReport:
    fields = {"name": "By service", "query": "period=last-month", "is_shared": False, **given}
    return services.create(cast.acme, cast.people[person], today=TODAY, **fields)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", "period=this-month&group_by=service"),
        (
            "?period=last-month&group_by=service,region",
            "period=last-month&group_by=service&group_by=region",
        ),
        (
            "service!=B&service!=A&group_by=account&sort=-name&compare=previous&page=3&format=csv",
            "period=this-month&group_by=account&service!=A&service!=B&compare=previous&sort=-name",
        ),
        ("from=2026-01-01&to=2026-02-01", "from=2026-01-01&to=2026-02-01"),
        ("tag:a%26b%3D%22!=%C3%9C+%25", "period=this-month&tag:a%26b%3D%22!=%C3%9C%20%25"),
        (
            "granularity=monthly&metric=amortized_cost&currency=USD",
            "period=this-month&granularity=monthly&metric=amortized_cost&currency=USD",
        ),
    ],
)
def test_an_address_is_kept_in_one_spelling_with_its_period_by_name(given: str, kept: str) -> None:
    assert addresses.canonical(given, TODAY) == kept
    assert addresses.canonical(kept, dt.date(2027, 1, 1)) == kept


@pytest.mark.parametrize(
    "query",
    [
        "colour=red",
        "period=forever",
        "from=2026-02-02&to=2026-01-01",
        "group_by=colour",
        "x" * 9000,
        "&".join(f"tag:{number}=1" for number in range(1200)),
        "service=%00",
    ],
)
def test_what_the_explorer_would_refuse_is_not_saved(cast: Cast, query: str) -> None:
    with pytest.raises(CostQueryError):
        addresses.canonical(query, TODAY)
    page = cast.browser("victor").post(f"{HOME}new/", {"name": "Kept name", "query": query})
    assert page.status_code == 400
    assert "Kept name" in page.content.decode()
    answer = cast.api(Role.FINANCE).post(
        "/api/v1/saved-reports/", {"name": "Kept name", "query": query}, format="json"
    )
    assert answer.status_code == 400
    assert answer.json()["errors"]["query"]
    assert not SavedReport.objects.exists()


def test_somebody_saves_from_the_explorer_and_opens_it_again(cast: Cast) -> None:
    browser = cast.browser("victor")
    page = browser.post(
        f"{HOME}new/", {"name": " Mine ", "query": "group_by=region&period=last-month"}
    )
    kept = "/o/acme/explore/?period=last-month&group_by=region"
    assert (page.status_code, page.headers["Location"]) == (302, kept)
    report = SavedReport.objects.get()
    assert (report.name, report.owner, report.is_shared) == ("Mine", cast.victor, False)
    assert browser.get(f"{HOME}{report.pk}/").headers["Location"] == kept
    assert "Mine" in browser.get(HOME).content.decode()
    event = AuditEvent.objects.get(action="saved_report.created")
    assert event.actor == "victor"
    again = browser.post(f"{HOME}new/", {"name": "mine", "query": ""})
    assert again.status_code == 400
    assert "of this name already" in again.content.decode()


def test_a_personal_report_is_its_owners_alone(cast: Cast) -> None:
    report = save(cast, "victor", name="Secret plan")
    for person in ("fiona", "olivia", "ada", "boris"):
        browser = cast.browser(person)
        assert b"Secret plan" not in browser.get(HOME).content
        for path in ("", "edit/", "schedule/"):
            assert browser.get(f"{HOME}{report.pk}/{path}").status_code == 404
        for path in ("edit/", "delete/", "schedule/", "unschedule/"):
            assert browser.post(f"{HOME}{report.pk}/{path}", {"name": "x"}).status_code == 404
    api = cast.api(Role.OWNER)
    assert api.get("/api/v1/saved-reports/").json()["results"] == []
    assert api.get(f"/api/v1/saved-reports/{report.pk}/").status_code == 404
    assert api.delete(f"/api/v1/saved-reports/{report.pk}/").status_code == 404


def test_sharing_takes_a_role_that_manages_reports(cast: Cast) -> None:
    refused = cast.browser("victor").post(
        f"{HOME}new/", {"name": "All", "query": "", "is_shared": "True"}
    )
    assert refused.status_code == 302
    assert not SavedReport.objects.get().is_shared
    report = save(cast, "fiona", name="Everybody's", is_shared=True)
    viewer = cast.browser("victor")
    assert b"Everybody&#x27;s" in viewer.get(HOME).content
    assert viewer.get(f"{HOME}{report.pk}/").status_code == 302
    for path in ("edit/", "delete/"):
        assert viewer.post(f"{HOME}{report.pk}/{path}", {"name": "x"}).status_code == 403
    renamed = cast.browser("oscar").post(
        f"{HOME}{report.pk}/edit/", {"name": "Ours", "is_shared": "True"}
    )
    assert renamed.status_code == 302
    report.refresh_from_db()
    assert (report.name, report.is_shared) == ("Ours", True)
    assert cast.browser("oscar").post(f"{HOME}{report.pk}/delete/").status_code == 302
    assert not SavedReport.objects.filter(pk=report.pk).exists()


def test_deleting_a_report_asks_first(cast: Cast) -> None:
    report = save(cast, "fiona", name="<b>Team</b>", is_shared=True)
    fiona, url = cast.browser("fiona"), f"{HOME}{report.pk}/delete/"
    assert f'href="{url}"' in fiona.get(HOME).content.decode()
    page = fiona.get(url)
    assert "Delete “&lt;b&gt;Team&lt;/b&gt;”?" in page.content.decode()
    assert "Everybody here loses it." in page.content.decode()
    assert fiona.get(f"{url}?sure=1").status_code == 400
    assert SavedReport.objects.filter(pk=report.pk).exists()
    assert cast.browser("victor").get(url).status_code == 403
    assert fiona.post(url).status_code == 302
    assert not SavedReport.objects.filter(pk=report.pk).exists()


def test_the_name_is_kept_when_it_is_wrong(cast: Cast) -> None:
    report = save(cast, "fiona", name="One")
    save(cast, "fiona", name="Two")
    page = cast.browser("fiona").post(f"{HOME}{report.pk}/edit/", {"name": "TWO"})
    assert page.status_code == 400
    text = page.content.decode()
    assert 'value="TWO"' in text
    assert "<h1>One</h1>" in text
    assert cast.browser("fiona").post(f"{HOME}{report.pk}/edit/", {"name": ""}).status_code == 400


def test_the_api_keeps_reports_for_integrations(cast: Cast) -> None:
    api = cast.api(Role.FINANCE)
    made = api.post(
        "/api/v1/saved-reports/",
        {"name": "Nightly", "query": "?period=last-month&group_by=account"},
        format="json",
    )
    assert made.status_code == 201
    body = made.json()
    assert body | {"id": 0, "created_at": "", "updated_at": ""} == {
        "id": 0,
        "name": "Nightly",
        "query": "period=last-month&group_by=account",
        "is_shared": True,
        "owner": None,
        "is_mine": False,
        "created_at": "",
        "updated_at": "",
    }
    url = f"/api/v1/saved-reports/{body['id']}/"
    assert api.patch(url, {"name": "Weekly"}, format="json").json()["name"] == "Weekly"
    stays = api.patch(url, {"is_shared": False}, format="json")
    assert (stays.status_code, list(stays.json()["errors"])) == (400, ["is_shared"])
    assert api.patch(url, {"query": "colour=red"}, format="json").status_code == 400
    assert cast.api(Role.VIEWER).patch(url, {"name": "No"}, format="json").status_code == 403
    assert cast.api(Role.VIEWER).get(url).json()["name"] == "Weekly"
    assert cast.api(Role.OWNER, cast.bolt).get(url).status_code == 404
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404


def test_a_signed_in_person_has_their_own_reports_in_the_api(cast: Cast) -> None:
    browser = cast.browser("victor")
    made = browser.post(
        "/api/v1/saved-reports/", {"name": "Own", "query": ""}, content_type="application/json"
    )
    assert made.status_code == 201
    assert (made.json()["owner"], made.json()["is_mine"]) == ("victor", True)
    shared = browser.post(
        "/api/v1/saved-reports/",
        {"name": "All", "query": "", "is_shared": True},
        content_type="application/json",
    )
    assert shared.status_code == 403


def test_the_list_takes_a_constant_number_of_queries(cast: Cast) -> None:
    browser = cast.browser("fiona")
    counts = []
    for more in (1, 6):
        for number in range(more):
            save(cast, "fiona", name=f"{more} {number}")
            other = User.objects.create(username=f"{more}-{number}")
            Membership.objects.create(user=other, organization=cast.acme, role=Role.FINANCE)
            services.create(cast.acme, other, name="Shared", query="", is_shared=True, today=TODAY)
        with CaptureQueriesContext(database) as queries:
            assert browser.get(HOME).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
