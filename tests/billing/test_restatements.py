"""What changed between two deliveries of a month, against sums made by hand."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F

from billing import services
from billing.importing import cleanup
from billing.models import BillingMonth, Delivery, DeliveryState
from connections.models import Connection
from organizations.access import Role
from tests.billing import bills
from tests.billing.bills import DATA, PAYER, usage
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
OLD = [
    usage("0.1", account=PAYER),
    usage("0.2", account=PAYER, day=2),
    usage("5", account=PAYER, product_code="AmazonS3"),
    usage("9", account=PAYER, product_code="Gone"),
    usage("100", account=DATA),
]
NEW = [
    usage("0.3", account=PAYER),
    usage("5.000000000000001", account=PAYER, product_code="AmazonS3"),
    usage("-1.5", account=PAYER, type="Credit", product_code="AmazonS3"),
    usage("200", account=DATA),
]


@pytest.fixture
def restated(cast: Cast, aws: str) -> Connection:
    """April of Acme, delivered twice; the account DATA is not connected."""
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    for items in (OLD, NEW):
        bills.put_bill(bills.bill(items))
        look = bills.run_import(connection)
        assert look.error is None, look.error["message"]
    return connection


def ask(cast: Cast, connection: Connection, query: str = "") -> Any:
    return cast.api(Role.VIEWER).get(
        f"/api/v1/restatements/?connection={connection.pk}&billing_period=2026-04{query}"
    )


def test_only_what_differs_is_told_to_the_last_digit(cast: Cast, restated: Connection) -> None:
    answer = ask(cast, restated).json()

    assert [
        (row["service"], row["charge_type"], row["before"], row["after"], row["difference"])
        for row in answer["changes"]
    ] == [
        ("Gone", "Usage", "9", "0", "-9"),
        ("AmazonS3", "Credit", "0", "-1.5", "-1.5"),
        ("AmazonS3", "Usage", "5", "5.000000000000001", "0.000000000000001"),
    ]
    assert answer["differences"] == {"USD": "-10.499999999999999"}
    assert {row["account_id"] for row in answer["changes"]} == {PAYER}
    assert [one["id"] for one in answer["deliveries"]] == [
        answer["to_delivery"],
        answer["from_delivery"],
    ]


def test_any_two_kept_deliveries_are_compared_in_any_measure(
    cast: Cast, restated: Connection
) -> None:
    new, old = (one["id"] for one in ask(cast, restated).json()["deliveries"])

    back = ask(cast, restated, f"&from_delivery={new}&to_delivery={old}&metric=amortized_cost")
    assert back.json()["differences"] == {"USD": "10.499999999999999"}
    same = ask(cast, restated, f"&from_delivery={old}&to_delivery={old}").json()
    assert same["changes"] == []
    listed = ask(cast, restated, "&metric=list_cost").json()
    assert listed["changes"] == []


def test_a_delivery_whose_daily_costs_are_dropped_is_compared_all_the_same(
    cast: Cast, restated: Connection
) -> None:
    first, second = Delivery.objects.order_by("pk")
    for metric in ("unblended_cost", "list_cost"):
        question = f"&from_delivery={first.pk}&to_delivery={second.pk}&metric={metric}"
        before = ask(cast, restated, question).json()["changes"]
        bills.put_bill(bills.bill([usage("1", account=PAYER)]))
        bills.run_import(restated)
        Delivery.objects.update(loaded_at=F("loaded_at") - timedelta(hours=1))
        services.clean_up()
        first.refresh_from_db()
        assert first.state == DeliveryState.DROPPED
        assert first.pk not in cleanup.partitions_of(cleanup.FACT_TABLES)

        assert ask(cast, restated, question).json()["changes"] == before
    newest = BillingMonth.objects.get().delivery_id
    answer = ask(cast, restated, f"&from_delivery={first.pk}&to_delivery={newest}").json()
    # 14.3 of the payer's own account became 1.
    assert answer["differences"] == {"USD": "-13.3"}
    assert len(ask(cast, restated).json()["deliveries"]) == 4


def test_a_delivery_that_was_given_up_cannot_be_compared(cast: Cast, restated: Connection) -> None:
    first = ask(cast, restated).json()["from_delivery"]
    Delivery.objects.filter(pk=first).update(state=DeliveryState.DROPPED)

    answer = ask(cast, restated, f"&from_delivery={first}")

    assert answer.status_code == 400
    assert "from_delivery" in answer.json()["errors"]


def test_a_month_delivered_once_has_nothing_to_compare(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    assert ask(cast, connection).json()["to_delivery"] is None
    bills.put_bill(bills.bill(OLD))
    bills.run_import(connection)

    answer = ask(cast, connection).json()

    assert answer["from_delivery"] is None
    assert answer["to_delivery"] == BillingMonth.objects.get().delivery_id
    assert answer["changes"] == []


@pytest.mark.parametrize(
    "query",
    ["from_delivery=x", "to_delivery=²", "metric=free", "color=red", "from_delivery=999999999"],
)
def test_nonsense_is_a_bad_request(cast: Cast, restated: Connection, query: str) -> None:
    answer = ask(cast, restated, f"&{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["errors"]


def test_the_history_of_others_does_not_exist(cast: Cast, restated: Connection) -> None:
    other = cast.api(Role.OWNER, cast.bolt)
    url = f"/api/v1/restatements/?connection={restated.pk}&billing_period=2026-04"

    assert other.get(url).status_code == 404
    huge = url.replace(f"={restated.pk}&", f"={'9' * 18}&")
    assert other.get(huge).status_code == 404


def test_operators_see_what_a_delivery_changed(cast: Cast, restated: Connection) -> None:
    delivery = Delivery.objects.order_by("-loaded_at")[0]

    page = cast.browser("oscar").get(f"/admin/billing/delivery/{delivery.pk}/change/")

    text = page.content.decode()
    assert "0.000000000000001 USD" in text
    assert DATA not in text
