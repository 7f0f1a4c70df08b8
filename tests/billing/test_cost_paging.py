"""Cost answers page by page: `limit`, `next` and its cursor."""

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import signing

from billing.models import BillingMonth
from connections.models import Account, Connection
from organizations.access import Role
from tests.billing.cost_facts import Item, connect, deliver
from tests.billing.cost_items import APRIL, PAYER, WEB, some_items
from tests.cast import Cast

pytestmark = pytest.mark.django_db

ASKED = "/api/v1/costs/?from=2026-02-01&to=2026-06-01&group_by=service,tag:team&group_by=region"


def get(cast: Cast, address: str) -> Any:
    return cast.api(Role.VIEWER).get(address)


def address_of(answer: Any) -> str:
    """The address of the next page, as a client would call it."""
    parts = urlsplit(answer.json()["next"])
    return f"{parts.path}?{parts.query}"


@pytest.mark.parametrize("granularity", ["daily", "monthly", "total"])
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_the_pages_together_are_the_whole_answer(
    cast: Cast, items: list[Item], granularity: str, limit: int
) -> None:
    asked = f"{ASKED}&granularity={granularity}"
    if granularity == "daily" and limit == 1:
        asked += "&service=AmazonS3&charge_type=Tax"
    whole = get(cast, asked).json()
    found, answer = [], get(cast, f"{asked}&limit={limit}")
    while True:
        page = answer.json()
        assert {**page, "rows": [], "next": None} == {**whole, "rows": [], "next": None}
        assert 0 < len(page["rows"]) <= limit
        found += page["rows"]
        if page["next"] is None:
            break
        answer = get(cast, address_of(answer))
    assert found == whole["rows"]
    assert sum(Decimal(row["amount"]) for row in found) == Decimal(whole["total"])


def test_following_next_keeps_the_organization_that_was_named(
    cast: Cast, items: list[Item]
) -> None:
    browser = cast.browser("ada")
    answer = browser.get(f"{ASKED}&limit=2&organization=acme")
    assert answer.status_code == 200
    assert browser.get(address_of(answer)).json()["rows"]
    elsewhere = address_of(answer).replace("organization=acme", "organization=bolt")
    assert browser.get(elsewhere).status_code == 400


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "a:b:c",
        "0" * 5000,
        "%F0%9F%98%80",
        signing.dumps(("a", "b", 3)),
        signing.dumps(["a", "b", -1], salt="billing.cost-cursor"),
        signing.dumps(3, salt="billing.cost-cursor"),
        signing.dumps(["a", "b"], salt="billing.cost-cursor"),
    ],
    # Signed cursors hold the time: as names they would differ from worker to worker.
    ids=[
        *("empty", "a letter", "three parts", "long", "no ASCII"),
        *("of another salt", "before the first row", "a number", "without a place"),
    ],
)
def test_a_cursor_that_was_never_given_is_answered_with_400(
    cast: Cast, items: list[Item], cursor: str
) -> None:
    answer = get(cast, f"{ASKED}&limit=2&cursor={cursor}")
    assert answer.status_code == 400
    assert "does not belong" in answer.json()["errors"]["cursor"][0]


@pytest.mark.parametrize(
    "change", [("limit=2", "limit=3"), ("to=2026-06-01", "to=2026-05-02"), ("region", "operation")]
)
def test_a_cursor_of_another_question_is_answered_with_400(
    cast: Cast, items: list[Item], change: tuple[str, str]
) -> None:
    answer = get(cast, address_of(get(cast, f"{ASKED}&limit=2")).replace(*change))
    assert answer.status_code == 400
    assert "does not belong" in answer.json()["errors"]["cursor"][0]


def test_a_cursor_of_another_organization_is_answered_with_400(
    cast: Cast, items: list[Item]
) -> None:
    address = address_of(get(cast, f"{ASKED}&limit=2"))
    answer = cast.api(Role.VIEWER, cast.bolt).get(address)
    assert answer.status_code == 400
    assert "cursor" in answer.json()["errors"]


def test_two_cursors_and_a_cursor_for_a_file_are_answered_with_400(
    cast: Cast, items: list[Item]
) -> None:
    address = address_of(get(cast, f"{ASKED}&limit=2"))
    for more in ("&cursor=x", "&format=csv"):
        answer = get(cast, address + more)
        assert answer.status_code == 400
        assert "cursor" in answer.json()["errors"]


def _new_delivery(cast: Cast, payer: Connection) -> None:
    deliver(payer, APRIL, some_items(APRIL, seed=9))


def _disconnect(cast: Cast, payer: Connection) -> None:
    Connection.objects.filter(account_id=WEB).update(disconnected_at=dt.datetime.now(dt.UTC))


def _no_month(cast: Cast, payer: Connection) -> None:
    BillingMonth.objects.filter(connection=payer).delete()


@pytest.mark.parametrize("change", [_new_delivery, _disconnect, _no_month])
def test_pages_of_different_facts_are_never_put_together(
    cast: Cast, payer: Connection, items: list[Item], change: Any
) -> None:
    address = address_of(get(cast, f"{ASKED}&limit=2"))
    change(cast, payer)
    answer = get(cast, address)
    assert answer.status_code == 409
    assert answer.json()["type"] == "conflict"
    assert "begin again" in answer.json()["detail"]


def test_pages_of_different_organizational_units_are_never_put_together(
    cast: Cast, items: list[Item]
) -> None:
    account = Account.objects.create(
        organization=cast.acme, account_id=PAYER, organizational_unit="Root"
    )
    address = address_of(get(cast, f"{ASKED}&group_by=organizational_unit&limit=2"))
    assert get(cast, address).status_code == 200
    account.organizational_unit = "Elsewhere"
    account.save()
    assert get(cast, address).status_code == 409


def test_a_later_page_takes_a_constant_number_of_queries(
    cast: Cast, items: list[Item], django_assert_max_num_queries: Any
) -> None:
    connect(cast.acme, "555566667777")
    address = address_of(get(cast, f"{ASKED}&limit=2"))
    with django_assert_max_num_queries(12):
        get(cast, address)
