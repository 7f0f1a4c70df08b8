"""What resources cost is kept beside them: brought up to date, sorted and filtered by."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connections import cost_news
from connections.models import AuthMethod, Connection, ConnectionKind
from discovery import tasks
from discovery.models import DiscoveryRun, Resource, ResourceCost
from organizations.access import Role
from organizations.runs import Trigger
from tests.cast import Cast
from tests.discovery.bill import (
    ACCOUNT,
    WrittenBill,
    last_month,
    refresh,
    this_month,
    written_bill,
)

pytestmark = pytest.mark.django_db

URL = "/api/v1/resources/"
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
Make = Callable[..., Resource]


@pytest.fixture
def bill(monkeypatch: pytest.MonkeyPatch) -> WrittenBill:
    return written_bill(monkeypatch)


@pytest.fixture
def make(cast: Cast) -> Make:
    """Return a function that makes a resource of Acme's connected account."""
    Connection.objects.create(
        organization=cast.acme,
        name="Payer",
        kind=ConnectionKind.ROOT,
        account_id=ACCOUNT,
        auth_method=AuthMethod.AMBIENT,
    )

    def resource(resource_id: str, **values: Any) -> Resource:
        defaults: dict[str, Any] = {
            "organization": cast.acme,
            "account_id": ACCOUNT,
            "region": "eu-west-1",
            "type": "ec2_instance",
            "family": "ec2_instances",
            "cost_id": resource_id,
            "fingerprint": "1",
            "first_seen": FIRST,
            "last_seen": FIRST,
        }
        return Resource.objects.create(resource_id=resource_id, **{**defaults, **values})

    return resource


def answered(cast: Cast, **query: Any) -> list[dict[str, Any]]:
    response = cast.api(Role.VIEWER).get(URL, query)
    assert response.status_code == 200, response.content
    return list(response.json()["results"])


def ids(cast: Cast, **query: Any) -> list[str]:
    return [one["resource_id"] for one in answered(cast, **query)]


def test_both_months_are_kept_with_every_digit_and_added_over_services(
    cast: Cast, make: Make, bill: WrittenBill
) -> None:
    make("i-1")
    bill.write("i-1", "1.0000000000000000000000000001")
    bill.write("i-1", "0.25", service="AWSDataTransfer", region="")
    bill.write("i-1", "7", month=last_month())
    refresh(cast.acme)
    [one] = answered(cast)
    assert one["month_to_date_cost"] == "1.2500000000000000000000000001"
    assert (one["last_month_cost"], one["currency"]) == ("7", "USD")
    tomorrow = timezone.now().date() + timedelta(days=1)
    assert bill.asked == [
        ("acme", this_month(), tomorrow),
        ("acme", last_month(), this_month()),
    ]


def test_a_refresh_writes_only_what_changed_and_forgets_what_is_no_more(
    cast: Cast, make: Make, bill: WrittenBill
) -> None:
    for name in ("i-1", "i-2", "i-3"):
        make(name)
        bill.write(name, "5")
    long_ago = ResourceCost.objects.create(
        resource=Resource.objects.get(resource_id="i-1"),
        month=FIRST.date(),
        amount=1,
        currency="USD",
    )
    refresh(cast.acme)
    assert not ResourceCost.objects.filter(pk=long_ago.pk).exists()
    before = dict(ResourceCost.objects.values_list("resource__resource_id", "pk"))
    bill.months.clear()
    bill.write("i-1", "5")
    bill.write("i-2", "6")
    with CaptureQueriesContext(database) as captured:
        refresh(cast.acme)
    written = [one["sql"] for one in captured if "INSERT" in one["sql"]]
    assert len(written) == 1 and written[0].count("'USD'") == 1
    after = ResourceCost.objects.order_by("resource__resource_id")
    assert [(one.pk, one.amount) for one in after] == [(before["i-1"], 5), (before["i-2"], 6)]


def test_of_two_currencies_the_one_with_more_is_told_and_they_are_never_added(
    cast: Cast, make: Make, bill: WrittenBill
) -> None:
    make("i-1")
    bill.write("i-1", "2", currency="EUR")
    bill.write("i-1", "3", currency="USD")
    refresh(cast.acme)
    [one] = answered(cast)
    assert (one["month_to_date_cost"], one["currency"]) == ("3", "USD")


def test_the_same_id_in_another_account_is_another_resource(
    cast: Cast, make: Make, bill: WrittenBill
) -> None:
    make("i-1")
    bill.write("i-1", "9", account="999999999999")
    refresh(cast.acme)
    assert answered(cast)[0]["month_to_date_cost"] is None


def test_lists_sort_by_either_months_cost_with_the_unbilled_last(
    cast: Cast, make: Make, bill: WrittenBill
) -> None:
    for name, now, before in (("i-a", "3", "1"), ("i-b", "20", "9"), ("i-c", "100", "0.5")):
        make(name)
        bill.write(name, now)
        bill.write(name, before, month=last_month())
    make("i-unbilled")
    refresh(cast.acme)
    assert ids(cast, sort="-month_to_date_cost") == ["i-c", "i-b", "i-a", "i-unbilled"]
    assert ids(cast, sort="month_to_date_cost") == ["i-a", "i-b", "i-c", "i-unbilled"]
    assert ids(cast, sort="-last_month_cost") == ["i-b", "i-a", "i-c", "i-unbilled"]
    assert ids(cast, sort="-name") == ["i-unbilled", "i-c", "i-b", "i-a"]
    assert ids(cast) == ids(cast, sort="type") == ["i-a", "i-b", "i-c", "i-unbilled"]


def test_lists_narrow_by_cost_between_two_amounts(
    cast: Cast, make: Make, bill: WrittenBill
) -> None:
    for name, now, before in (("i-a", "-3", "1"), ("i-b", "20", "9"), ("i-c", "100", "0.5")):
        make(name)
        bill.write(name, now)
        bill.write(name, before, month=last_month())
    make("i-unbilled")
    refresh(cast.acme)
    assert ids(cast, min_month_to_date_cost="20") == ["i-b", "i-c"]
    assert ids(cast, max_month_to_date_cost="20") == ["i-a", "i-b"]
    assert ids(cast, min_month_to_date_cost="-3", max_month_to_date_cost="99.99") == ["i-a", "i-b"]
    assert ids(cast, min_last_month_cost="0.5", max_last_month_cost="1") == ["i-a", "i-c"]
    assert ids(cast, min_month_to_date_cost="10", min_last_month_cost="1") == ["i-b"]
    found = answered(cast, sort="-month_to_date_cost", min_last_month_cost="1")
    assert [one["resource_id"] for one in found] == ["i-b", "i-a"]


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ({"sort": "price"}, "sort", "-last_month_cost"),
        ({"min_month_to_date_cost": "1e3"}, "min_month_to_date_cost", "12.50"),
        ({"max_last_month_cost": "NaN"}, "max_last_month_cost", "no amount"),
        ({"max_last_month_cost": "9" * 99}, "max_last_month_cost", "no amount"),
    ],
)
def test_bad_orders_and_amounts_are_refused_in_a_sentence(
    cast: Cast, make: Make, query: dict[str, str], field: str, said: str
) -> None:
    response = cast.api(Role.VIEWER).get(URL, query)
    assert response.status_code == 400
    assert said in " ".join(response.json()["errors"][field])


def test_two_classic_load_balancers_of_one_name_have_a_cost_each(
    cast: Cast, make: Make, bill: WrittenBill
) -> None:
    for region, amount in (("eu-west-1", "1"), ("us-east-1", "2")):
        arn = f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:loadbalancer/web"
        make("web", region=region, type="load_balancer", cost_id=arn, arn=arn)
        bill.write(arn, amount, region=region, service="AWSELB")
    refresh(cast.acme)
    told = {one["region"]: one["month_to_date_cost"] for one in answered(cast)}
    assert told == {"eu-west-1": "1", "us-east-1": "2"}


def test_changed_costs_are_followed_by_task_or_at_once(
    cast: Cast,
    make: Make,
    bill: WrittenBill,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.refresh_costs, "apply_async", lambda ids, *_, **__: sent.extend(ids))
    make("i-1")
    bill.write("i-1", "5")
    with django_capture_on_commit_callbacks(execute=True):
        cost_news.costs_changed(cast.acme.pk)
    assert sent == [], "nothing was ever discovered"
    connection = Connection.objects.of(cast.acme).first()
    DiscoveryRun.objects.create(connection=connection, trigger=Trigger.COMMAND)
    with django_capture_on_commit_callbacks(execute=True):
        cost_news.costs_changed(cast.acme.pk)
        assert sent == []
    assert sent == [cast.acme.pk]
    assert not ResourceCost.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        cost_news.costs_changed(cast.acme.pk, here=True)
    assert ResourceCost.objects.get().amount == Decimal(5)
    bill.months.clear()
    tasks.refresh_all_costs()
    assert not ResourceCost.objects.exists()
    tasks.refresh_costs(0)
