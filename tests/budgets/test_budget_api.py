"""Budgets in the API."""

from decimal import Decimal
from typing import Any

import pytest

from billing.budgets import services
from billing.budgets.models import Budget
from billing.exact import plain
from connections.models import Connection
from organizations.access import Role
from tests.budgets.world import A_DAY, bill, budget, days_so_far, first_of_month, payer_of
from tests.cast import Cast

pytestmark = pytest.mark.django_db
SECRET = "sixteen or more characters"
WHOLE: dict[str, Any] = {
    "name": "Data platform",
    "amount": "12.50",
    "currency": "USD",
    "metric": "unblended_cost",
    "period": "month",
    "filters": {"service": ["AmazonEC2"], "tag:team!": [""]},
    "thresholds": [{"percent": 50, "basis": "forecast"}, {"percent": 10, "basis": "actual"}],
    "recipients": ["ann@example.com"],
    "webhook_url": "https://hooks.example.com/costs",
    "webhook_secret": SECRET,
}
URL = "/api/v1/budgets/"


@pytest.fixture
def payer(cast: Cast) -> Connection:
    made = payer_of(cast.acme)
    bill(made)
    return made


def test_a_budget_is_set_read_changed_and_deleted(cast: Cast, payer: Connection) -> None:
    api, reader = cast.api(Role.FINANCE), cast.api(Role.VIEWER)
    made = api.post(URL, {**WHOLE, "filters": {"service": ["AmazonEC2"]}}, format="json")
    assert made.status_code == 201, made.content
    told = made.json()
    assert told["amount"] == "12.5"
    assert told["filters"] == {"service": ["AmazonEC2"]}
    assert told["standing"]["actual"] == plain(A_DAY * days_so_far())
    assert told["standing"]["from"] == first_of_month().isoformat()
    assert [(one["percent"], one["amount"]) for one in told["thresholds"]] == [
        (10, "1.25"),
        (50, "6.25"),
    ]
    assert all(one["alerted_at"] for one in told["thresholds"])
    assert told["has_webhook_secret"] is True
    assert SECRET not in made.content.decode()
    one = f"{URL}{told['id']}/"
    assert api.get(one).json() == told
    assert api.get(URL).json()["results"] == [told]

    changed = api.patch(one, {"amount": "99", "recipients": []}, format="json").json()

    assert (changed["amount"], changed["recipients"], changed["name"]) == ("99", [], WHOLE["name"])
    assert changed["has_webhook_secret"] is True
    assert reader.patch(one, {"amount": "1"}, format="json").status_code == 403
    assert api.delete(one).status_code == 204
    assert reader.get(one).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x\x00"}, "name"),
        ({"name": ["x"]}, "name"),
        ({"amount": "0"}, "amount"),
        ({"amount": "0.001"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "1e40"}, "amount"),
        ({"currency": "dollar"}, "currency"),
        ({"metric": "blended"}, "metric"),
        ({"period": "week"}, "period"),
        ({"filters": []}, "filters"),
        ({"filters": {"colour": ["red"]}}, "filters.colour"),
        ({"filters": {"from": ["2026-01-01"]}}, "filters.from"),
        ({"filters": {"service": []}}, "filters.service"),
        ({"filters": {"service": "AmazonEC2"}}, "filters.service"),
        ({"filters": {"account": ["999900001111"]}}, "filters.account"),
        ({"filters": {"service": ["\x00"]}}, "filters.service.0"),
        ({"filters": {"usage_type": [f"{n:0100d}" for n in range(100)]}}, "filters"),
        ({"thresholds": [{"percent": 0, "basis": "actual"}]}, "thresholds.0.percent"),
        ({"thresholds": [{"percent": 50}]}, "thresholds.0.basis"),
        ({"thresholds": [{"percent": 50, "basis": "x"}]}, "thresholds.0.basis"),
        ({"thresholds": [{"percent": 50, "basis": "actual"}] * 2}, "thresholds"),
        ({"thresholds": "80"}, "thresholds"),
        ({"recipients": ["ann"]}, "recipients"),
        ({"recipients": ['"\x01"@example.com']}, "recipients"),
        ({"recipients": [f"ann@{'ä' * 60}.com"]}, "recipients"),
        ({"recipients": "ann@example.com"}, "recipients"),
        ({"recipients": [f"p{n}@example.com" for n in range(21)]}, "recipients"),
        ({"webhook_url": "https://10.1.2.3/"}, "webhook_url"),
        ({"webhook_url": 5}, "webhook_url"),
        ({"webhook_secret": "short"}, "webhook_secret"),
        ({"is_active": "perhaps"}, "is_active"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_values_change_nothing_and_are_named(
    cast: Cast, payer: Connection, change: dict[str, Any], field: str
) -> None:
    api = cast.api(Role.FINANCE)
    made = budget(cast.acme)
    before = Budget.objects.values().get()

    for answer in (
        api.post(URL, {**WHOLE, **change}, format="json"),
        api.patch(f"{URL}{made.pk}/", change, format="json"),
    ):
        assert answer.status_code == 400, answer.content
        body = answer.json()
        assert set(body) == {"type", "title", "detail", "errors"}
        assert any(name == field or name.startswith(f"{field}.") for name in body["errors"]), body
    assert Budget.objects.values().get() == before


def test_a_webhook_without_a_secret_is_refused(cast: Cast, payer: Connection) -> None:
    without = {name: value for name, value in WHOLE.items() if name != "webhook_secret"}
    answer = cast.api(Role.FINANCE).post(URL, {**without, "filters": {}}, format="json")

    assert list(answer.json()["errors"]) == ["webhook_secret"]


@pytest.mark.parametrize("body", ["", "[]", "5", "{", "null", '"x"', '{"name": "\\ud800"}'])
def test_a_body_that_is_no_object_is_refused(cast: Cast, body: str) -> None:
    answer = cast.api(Role.FINANCE).generic("POST", URL, body, content_type="application/json")

    assert answer.status_code == 400


def test_a_name_is_taken_once(cast: Cast, payer: Connection) -> None:
    api = cast.api(Role.FINANCE)
    assert api.post(URL, WHOLE, format="json").status_code == 201
    answer = api.post(URL, WHOLE, format="json")

    assert list(answer.json()["errors"]) == ["name"]
    second = budget(cast.acme, name="second")
    taken = api.patch(f"{URL}{second.pk}/", {"name": WHOLE["name"]}, format="json")
    assert list(taken.json()["errors"]) == ["name"]


def test_before_any_bill_nothing_stands(cast: Cast) -> None:
    made = cast.api(Role.FINANCE).post(URL, {**WHOLE, "filters": {}}, format="json").json()

    assert made["standing"] is None
    assert made["state"] == "waiting"


def test_an_amount_that_a_database_holds_is_taken_whole(cast: Cast) -> None:
    most = "9" * 16 + ".99"
    made = cast.api(Role.FINANCE).post(URL, {**WHOLE, "amount": most}, format="json").json()

    assert made["amount"] == most
    assert Budget.objects.get().amount == Decimal(most)


def test_who_only_reads_does_not_learn_the_webhooks_path(cast: Cast) -> None:
    """With many receivers whoever knows the path may write to them."""
    made = budget(
        cast.acme, webhook_url="https://hooks.example.com/T0/secret-path", webhook_secret="x" * 16
    )
    services.send_test(made)

    for role, name, shown in (
        (Role.VIEWER, "victor", "https://hooks.example.com/…"),
        (Role.FINANCE, "fiona", "https://hooks.example.com/T0/secret-path"),
    ):
        for path in ("/api/v1/budgets/", f"/api/v1/budgets/{made.pk}/"):
            found = cast.api(role).get(path).json()
            (told,) = found.get("results", [found])
            assert told["webhook_url"] == shown
        page = cast.browser(name).get(f"/o/acme/budgets/{made.pk}/").content.decode()
        assert page.count(shown) == 2
        assert ("secret-path" in page) == (name == "fiona")
