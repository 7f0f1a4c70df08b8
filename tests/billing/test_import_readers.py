"""Whoever reads while months are imported sees one delivery or the other, whole."""

import datetime as dt
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connections
from django.db.models import F

from billing import services
from billing.cost_query import CostQuery, Granularity
from billing.importing import cleanup
from billing.models import Delivery, DeliveryState
from billing.reports import cost_report
from organizations.models import Organization
from organizations.runs import RunState
from tests.billing import bills
from tests.billing.bills import PAYER, LineItem, usage
from tests.billing.breaking import is_clean
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
Sums = dict[str, Decimal]
IMPORTS = 12
BY = ("service", "charge_type", "resource", "tag:Team", "usage_type")


def delivery(seed: int) -> list[LineItem]:
    """A bill of which every part differs from the other one's."""
    return [
        usage(
            f"{(seed * 100 + number) / 7:.6f}",
            account=PAYER,
            day=1 + number % 28,
            product_code=f"Service{number % 3}",
            usage_type=f"Type{number % 7}",
            resource_id=f"i-{number % 11}",
            tags={"user:Team": f"team {number % 4}"},
        )
        for number in range(60)
    ]


def sums_by(items: Iterable[LineItem], name: str) -> Sums:
    """What the portal must say, added up here."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for item in items:
        value = {
            "service": item.product_code,
            "charge_type": item.type,
            "resource": item.resource_id,
            "tag:Team": item.tags.get("user:Team", ""),
            "usage_type": item.usage_type,
        }[name]
        found[value] += item.unblended_cost
    return dict(found)


A, B = delivery(1), delivery(2)
EXPECTED = {name: (sums_by(A, name), sums_by(B, name)) for name in BY}


def answer(organization: Organization, name: str) -> tuple[Sums, Decimal]:
    query = CostQuery(
        bills.APRIL, dt.date(2026, 5, 1), granularity=Granularity.TOTAL, group_by=(name,)
    )
    report = cost_report(organization, query)
    return {row.group[0]: row.amount for row in report.rows}, report.total


def test_readers_see_one_delivery_or_the_other_while_both_are_imported_in_turn(
    cast: Cast, aws: str
) -> None:
    cleanup.remove_strays()
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill(A))
    assert bills.run_import(connection).state == RunState.SUCCEEDED
    over = threading.Event()

    def read(first: int) -> Counter[tuple[str, bool]]:
        """Read again and again; which delivery was seen how often."""
        seen: Counter[tuple[str, bool]] = Counter()
        turn = first
        try:
            while not over.is_set():
                name = BY[turn % len(BY)]
                sums, total = answer(cast.acme, name)
                assert sums in EXPECTED[name], f"a mix, by {name}"
                assert total == sum(sums.values())
                seen[name, sums == EXPECTED[name][0]] += 1
                turn += 1
        finally:
            connections.close_all()
        return seen

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read, first) for first in range(3)]
        try:
            for turn in range(IMPORTS):
                bills.put_bill(bills.bill(B if turn % 2 == 0 else A))
                look = bills.run_import(connection)
                assert look.state == RunState.SUCCEEDED, look.error_message
        finally:
            over.set()
        seen = sum((reader.result() for reader in readers), Counter())

    assert {name for name, _ in seen} == set(BY)
    assert {was_first for _, was_first in seen} == {True, False}
    assert sum(seen.values()) > IMPORTS
    Delivery.objects.update(loaded_at=F("loaded_at") - dt.timedelta(hours=1))
    services.clean_up()
    assert Delivery.objects.filter(state=DeliveryState.LOADED).count() == 2
    assert is_clean()
