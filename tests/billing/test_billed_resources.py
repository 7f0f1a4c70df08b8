"""What billing tells the inventory: every resource with its cost, and that costs have changed."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal

import pytest

from connections import cost_news
from connections.models import ConnectionKind
from connections.resource_costs import ResourceKey, billed_resources
from tests.billing import bills
from tests.billing.bills import usage
from tests.billing.cost_facts import Item, connect, deliver
from tests.cast import Cast

PAYER, STRANGER = "111122223333", "999999999999"
MAY, JUNE = dt.date(2026, 5, 1), dt.date(2026, 6, 1)
Told = tuple[ResourceKey, str, str, str]


@pytest.mark.django_db
def test_everything_on_the_bill_is_told_by_resource_service_region_and_currency(
    cast: Cast,
) -> None:
    payer = connect(cast.acme, PAYER, ConnectionKind.ROOT)
    items = [
        Item(PAYER, dt.date(2026, 5, 2), Decimal("1.5"), resource="i-1"),
        Item(PAYER, dt.date(2026, 5, 3), Decimal(2), resource="i-1"),
        Item(PAYER, dt.date(2026, 5, 3), Decimal(4), resource="i-1", region="us-east-1"),
        Item(PAYER, dt.date(2026, 5, 3), Decimal(8), resource="i-1", service="Software"),
        Item(PAYER, dt.date(2026, 5, 3), Decimal(16), resource="arn:aws:s3:::b", currency="EUR"),
        Item(PAYER, dt.date(2026, 5, 4), Decimal(32), service="Tax"),
        Item(STRANGER, dt.date(2026, 5, 4), Decimal(64), resource="i-2"),
    ]
    deliver(payer, MAY, items)
    deliver(payer, JUNE, [Item(PAYER, JUNE, Decimal(128), resource="i-1")])
    told: defaultdict[Told, Decimal] = defaultdict(Decimal)
    for one in billed_resources(cast.acme, start=MAY, end=JUNE):
        told[one.key, one.service, one.region, one.currency] += one.amount

    def cost(amount: str) -> Decimal:
        return Item(PAYER, MAY, Decimal(amount)).measure("amortized_cost")

    instance, home = ResourceKey(PAYER, "i-1"), "eu-west-1"
    assert told == {
        (instance, "AmazonEC2", home, "USD"): cost("3.5"),
        (instance, "AmazonEC2", "us-east-1", "USD"): cost("4"),
        (instance, "Software", home, "USD"): cost("8"),
        (ResourceKey(PAYER, "b"), "AmazonEC2", home, "EUR"): cost("16"),
        (ResourceKey(PAYER, ""), "Tax", home, "USD"): cost("32"),
    }
    assert list(billed_resources(cast.bolt, start=MAY, end=JUNE)) == []


@pytest.mark.django_db(transaction=True)
def test_an_import_that_brought_something_says_so_and_one_that_did_not_is_silent(
    cast: Cast, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, bool]] = []
    monkeypatch.setattr(cost_news, "_listeners", [lambda pk, here: heard.append((pk, here))])
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill([usage("1.5")]))
    bills.run_import(connection)
    assert heard == [(cast.acme.pk, True)]
    bills.run_import(connection)
    assert len(heard) == 1
