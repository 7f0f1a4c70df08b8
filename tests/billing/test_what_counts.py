"""Which deliveries and accounts costs are made of, against sums in plain Python."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from billing.cost_query import CostQueryError, Granularity
from billing.models import ServiceName
from billing.overview import overview
from billing.unconnected import unconnected_accounts
from connections.models import Account, Connection, ConnectionKind
from connections.resource_costs import (
    resource_costs,
)
from organizations.models import Organization
from tests.billing.cost_facts import Item, connect, deliver, sums
from tests.billing.cost_items import (
    APRIL,
    DATA,
    MARCH,
    MAY,
    PAYER,
    STRANGER,
    WEB,
    ask,
    counts,
    some_items,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_a_delivery_whose_days_are_unknown_counts_the_same(cast: Cast, payer: Connection) -> None:
    items = some_items(APRIL, seed=5)
    deliver(payer, APRIL, items, days_known=False)
    start, end = dt.date(2026, 4, 3), dt.date(2026, 4, 9)
    mine = [item for item in items if counts(item, start, end)]
    found = ask(cast.acme, start=start, end=end, granularity=Granularity.TOTAL)
    assert found.total == sums(mine, "unblended_cost")["", ()]


def test_two_organizations_never_mix(cast: Cast, items: list[Item]) -> None:
    bolt = connect(cast.bolt, PAYER, ConnectionKind.ROOT)
    connect(cast.bolt, WEB)
    theirs = some_items(APRIL, seed=9)
    deliver(bolt, APRIL, theirs)
    ServiceName.objects.create(organization=cast.bolt, code="AmazonEC2", name="Bolt's")
    Account.objects.create(organization=cast.bolt, account_id=WEB, name="Bolt's web")
    for organization, mine in (
        (cast.acme, [item for item in items if item.account != STRANGER]),
        (cast.bolt, theirs),
    ):
        found = ask(organization, granularity="total", group_by=("account", "service"))
        assert found.total == sums(mine, "unblended_cost")["", ()]
    report = ask(cast.acme, group_by=("account", "service"))
    assert report.names.of("account", WEB) == report.names.of("service", "AmazonEC2") == ""
    assert [one.account_id for one in unconnected_accounts(cast.bolt)] == []
    assert {key.account_id for key in _resources(cast.bolt)} == {PAYER, WEB}
    lone = Organization.objects.create(slug="lone", name="Lone")
    assert ask(lone).rows == []
    assert _resources(lone) == {}


def _resources(organization: Organization) -> Any:
    return resource_costs(organization, start=dt.date(2026, 2, 1), end=dt.date(2026, 6, 1))


def test_connecting_a_member_brings_its_past_at_once(cast: Cast, payer: Connection) -> None:
    april = some_items(APRIL, seed=6, accounts=(PAYER, WEB, DATA))
    deliver(payer, APRIL, april)
    without = [item for item in april if item.account != DATA]
    assert ask(cast.acme).total == sums(without, "unblended_cost")["", ()]
    data = connect(cast.acme, DATA)
    assert ask(cast.acme).total == sums(april, "unblended_cost")["", ()]
    data.disconnected_at = timezone.now()
    data.save()
    assert ask(cast.acme).total == sums(without, "unblended_cost")["", ()]


def test_an_account_in_two_deliveries_counts_once_from_its_payers_bill(
    cast: Cast, payer: Connection
) -> None:
    own = [Item(WEB, dt.date(2026, 4, 2), Decimal("5"), resource="i-1")]
    in_payers = [*own, Item(PAYER, dt.date(2026, 4, 2), Decimal("7"))]
    deliver(Connection.objects.get(account_id=WEB), APRIL, own)
    deliver(payer, APRIL, in_payers)
    for by in ((), ("account",), ("region",), ("resource",)):
        for granularity in Granularity:
            found = ask(cast.acme, group_by=by, granularity=granularity)
            assert found.total == Decimal("12"), (by, granularity)
    # Days that only the loser has are no reason to count it.
    later = Item(WEB, dt.date(2026, 4, 20), Decimal("100"))
    deliver(Connection.objects.get(account_id=WEB), APRIL, [*own, later])
    assert ask(cast.acme).total == Decimal("12")
    assert ask(cast.acme, start=dt.date(2026, 4, 15)).total == 0


@pytest.mark.parametrize("how", [{"disconnected_at": timezone.now()}, {"is_paused": True}])
def test_an_account_counts_from_what_still_delivers(
    cast: Cast, payer: Connection, how: dict[str, Any]
) -> None:
    early, late = (Item(WEB, dt.date(2026, 4, day), Decimal("5")) for day in (2, 20))
    deliver(payer, APRIL, [early])
    deliver(Connection.objects.get(account_id=WEB), APRIL, [early, late])
    assert ask(cast.acme).total == Decimal("5")
    Connection.objects.filter(pk=payer.pk).update(**how)
    found = ask(cast.acme)
    assert (found.total, found.data_through) == (Decimal("10"), late.day)


def test_a_paused_connection_holds_up_nobody(cast: Cast, payer: Connection) -> None:
    deliver(payer, APRIL, [Item(WEB, dt.date(2026, 4, 16), Decimal(1))])
    other = connect(cast.acme, DATA, ConnectionKind.ROOT)
    deliver(other, APRIL, [Item(DATA, dt.date(2026, 4, 9), Decimal(1), payer=DATA)])
    Connection.objects.filter(pk=other.pk).update(is_paused=True)
    found = ask(cast.acme, start=APRIL, end=MAY)
    assert (found.total, found.data_through) == (Decimal(2), dt.date(2026, 4, 16))


def test_an_account_that_moved_to_another_payer_counts_from_both_bills(
    cast: Cast, payer: Connection
) -> None:
    other = connect(cast.acme, DATA, ConnectionKind.ROOT)
    deliver(payer, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("5"))])
    deliver(other, APRIL, [Item(WEB, dt.date(2026, 4, 20), Decimal("3"), payer=DATA)])
    assert ask(cast.acme).total == Decimal("8")


def test_a_payer_connected_again_counts_once(cast: Cast, payer: Connection) -> None:
    deliver(payer, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("5"))])
    payer.disconnected_at = timezone.now()
    payer.save()
    assert ask(cast.acme).total == Decimal("5")
    again = connect(cast.acme, PAYER, ConnectionKind.ROOT)
    deliver(again, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("6"))])
    assert ask(cast.acme).total == Decimal("6")


def test_a_new_delivery_takes_the_place_of_the_old_one(cast: Cast, payer: Connection) -> None:
    deliver(payer, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("5"))])
    deliver(payer, APRIL, [Item(WEB, dt.date(2026, 4, 2), Decimal("4.5"))])
    assert ask(cast.acme).total == Decimal("4.5")


def test_two_currencies_are_never_added(cast: Cast, payer: Connection) -> None:
    day = dt.date(2026, 4, 2)
    deliver(
        payer,
        APRIL,
        [Item(WEB, day, Decimal("5")), Item(PAYER, day, Decimal("9"), currency="CNY")],
    )
    with pytest.raises(CostQueryError) as caught:
        ask(cast.acme)
    assert "CNY and USD" in caught.value.errors["currency"][0]
    assert ask(cast.acme, currency="CNY").total == Decimal("9")
    assert ask(cast.acme, currency="USD").total == Decimal("5")
    assert ask(cast.acme, currency="EUR").total == 0
    found = overview(cast.acme, dt.date(2026, 4, 10))
    assert (found.currency, found.currencies) == ("USD", ("CNY", "USD"))
    assert found.total.month_to_date == Decimal("5")


def test_a_range_says_how_far_it_reaches_and_whether_it_is_final(
    cast: Cast, payer: Connection
) -> None:
    nothing = ask(cast.acme)
    assert (nothing.data_through, nothing.is_final, nothing.currency) == (None, False, None)
    march, april = dt.date(2026, 3, 31), dt.date(2026, 4, 16)
    deliver(payer, MARCH, [Item(WEB, march, Decimal(1))], is_final=True)
    deliver(payer, APRIL, [Item(WEB, april, Decimal(1))])
    for start, end, through, final in (
        (MARCH, APRIL, march, True),
        (dt.date(2025, 12, 1), APRIL, march, True),
        (MARCH, MAY, april, False),
        (APRIL, MAY, april, False),
    ):
        found = ask(cast.acme, start=start, end=end)
        assert (found.data_through, found.is_final) == (through, final)
    assert ask(cast.acme, start=MAY, end=dt.date(2026, 6, 1)).is_final is False
    other = connect(cast.acme, DATA, ConnectionKind.ROOT)
    deliver(other, APRIL, [Item(DATA, dt.date(2026, 4, 9), Decimal(1), payer=DATA)])
    assert ask(cast.acme, start=APRIL, end=MAY).data_through == dt.date(2026, 4, 9)


def test_a_connection_whose_last_month_is_closed_holds_up_nobody(
    cast: Cast, payer: Connection
) -> None:
    march, april = dt.date(2026, 3, 12), dt.date(2026, 4, 16)
    deliver(payer, APRIL, [Item(WEB, april, Decimal(1))])
    other = connect(cast.acme, DATA, ConnectionKind.ROOT)
    mine = [Item(DATA, march, Decimal(1), payer=DATA)]
    deliver(other, MARCH, mine)
    assert ask(cast.acme, start=MARCH, end=MAY).data_through == march
    deliver(other, MARCH, mine, is_final=True)
    assert ask(cast.acme, start=MARCH, end=MAY).data_through == april
    assert ask(cast.acme, start=MARCH, end=APRIL).data_through == march
    assert overview(cast.acme, dt.date(2026, 4, 20)).through == april


def test_accounts_left_out_are_named_with_their_last_month(cast: Cast, payer: Connection) -> None:
    day = dt.timedelta(days=3)
    deliver(
        payer,
        MARCH,
        [
            Item(STRANGER, MARCH + day, Decimal("90")),
            Item(DATA, MARCH + day, Decimal("1.5")),
            Item(WEB, MARCH + day, Decimal("1")),
        ],
    )
    deliver(
        payer,
        APRIL,
        [
            Item(STRANGER, APRIL + day, Decimal("0.10")),
            Item(STRANGER, APRIL + day, Decimal("0.25"), currency="CNY"),
        ],
    )
    Account.objects.create(organization=cast.acme, account_id=STRANGER, name="sandbox")
    found = unconnected_accounts(cast.acme)
    assert [
        (one.account_id, one.name, one.last_month, one.amount, one.currency) for one in found
    ] == [
        (STRANGER, "sandbox", APRIL, Decimal("0.25"), "CNY"),
        (STRANGER, "sandbox", APRIL, Decimal("0.10"), "USD"),
        (DATA, "", MARCH, Decimal("1.5"), "USD"),
    ]
