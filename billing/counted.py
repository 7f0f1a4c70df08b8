"""Which facts count for an organization now.

Counted are the current deliveries of its billing months, and in them the accounts that are
connected now. A bill's account is told apart by its payer too: an account that moved to another
payer within a month stands in two bills, with different days in each, and both count. Where two
current deliveries hold the same month, account and payer, only one of them counts.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import QuerySet

from billing.models import BillingMonth, DeliveryAccount
from connections.models import Connection
from organizations.models import Organization

_BILLED = ("delivery_id", "account_id", "payer_account_id", "currency")


@dataclass(frozen=True)
class CountedDelivery:
    """A current delivery: whose, of which month, and how complete.

    `is_delivering`: its connection is neither disconnected nor paused.
    `rollup_rows` says in which tables it is summed that not every delivery has, and how many rows
    each dimension has there. `is_complete`: every account of it is counted from it.
    `first_day` and `last_day` are the first and last day of its facts, None where unknown: a
    delivery may hold days outside its month.
    """

    id: int
    billing_period: date
    connection_id: int
    connection_account_id: str
    is_delivering: bool
    first_day: date | None
    last_day: date | None
    data_through: date | None
    is_final: bool
    loaded_at: datetime | None
    rollup_rows: Mapping[str, Mapping[str, int]]
    is_complete: bool = False

    def touches(self, start: date, end: date) -> bool:
        """Say whether it may hold facts of the days start <= day < end."""
        return (self.first_day is None or self.first_day < end) and (
            self.last_day is None or self.last_day >= start
        )


class BilledAccount(NamedTuple):
    """An account in a delivery."""

    delivery_id: int
    account_id: str
    payer_account_id: str


@dataclass(frozen=True)
class Counted:
    """What counts.

    organization  whose
    deliveries  newest month first
    accounts    the accounts connected now
    elsewhere   accounts of these deliveries that are counted from another one of them
    currencies  the currencies that the connected accounts were billed in, sorted
    """

    organization: Organization
    deliveries: tuple[CountedDelivery, ...]
    accounts: tuple[str, ...]
    elsewhere: tuple[BilledAccount, ...]
    currencies: tuple[str, ...]

    @property
    def first_currency(self) -> str | None:
        """Return what to show where none is asked for: US dollars, else the first by name."""
        return "USD" if "USD" in self.currencies else next(iter(self.currencies), None)

    @property
    def delivery_ids(self) -> list[int]:
        """Return the ids of the deliveries."""
        return [delivery.id for delivery in self.deliveries]

    def touching(self, start: date, end: date) -> "Counted":
        """Return the same without the deliveries that hold nothing of start <= day < end."""
        return replace(
            self, deliveries=tuple(one for one in self.deliveries if one.touches(start, end))
        )


def counted(organization: Organization, start: date, end: date) -> Counted:
    """Return what counts of the days start <= day < end. Takes three queries."""
    current = current_deliveries(organization)
    return _of(organization, current, [one for one in current if one.touches(start, end)])


def counted_in(organization: Organization, first: date, last: date) -> Counted:
    """Return what counts of the billing periods first to last. Takes three queries.

    A bill may hold days outside its month: they belong to the bill, and so do they here.
    """
    current = current_deliveries(organization)
    return _of(
        organization, current, [one for one in current if first <= one.billing_period <= last]
    )


def _of(
    organization: Organization, current: list[CountedDelivery], wanted: list[CountedDelivery]
) -> Counted:
    # A rival counts for the whole month or not at all, whatever days are asked for.
    months = {one.billing_period for one in wanted}
    rivals = [one for one in current if one.billing_period in months]
    accounts = connected_accounts(organization)
    connected = set(accounts)
    ids = {one.id for one in wanted}
    billed = [
        (BilledAccount(*row[:3]), row[3]) for row in billed_accounts(rivals).values_list(*_BILLED)
    ]
    rows = [one for one in billed if one[0].account_id in connected]
    elsewhere = counted_elsewhere(rivals, (account for account, _ in rows))
    lacking = {account.delivery_id for account in elsewhere}
    lacking |= {account.delivery_id for account, _ in billed if account.account_id not in connected}
    complete = {account.delivery_id for account, _ in billed} - lacking
    return Counted(
        organization=organization,
        deliveries=tuple(replace(one, is_complete=one.id in complete) for one in wanted),
        accounts=accounts,
        elsewhere=tuple(sorted(account for account in elsewhere if account.delivery_id in ids)),
        currencies=tuple(sorted({currency for row, currency in rows if row.delivery_id in ids})),
    )


def fingerprint(what: Counted, today: date) -> str:
    """Return a digest of all that figures depend on: the day, the bills, the accounts."""
    seen = (today, sorted(what.delivery_ids), what.accounts, what.elsewhere)
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def connected_accounts(organization: Organization) -> tuple[str, ...]:
    """Return the ids of the accounts connected now, sorted."""
    connected = Connection.objects.of(organization).connected()
    return tuple(connected.order_by("account_id").values_list("account_id", flat=True))


def current_deliveries(organization: Organization) -> list[CountedDelivery]:
    """Return the deliveries that the organization's months point to, newest month first."""
    months = (
        BillingMonth.objects.of(organization)
        .select_related("delivery", "connection")
        .defer("connection__secret_access_key")
        .order_by("-billing_period", "connection_id")
    )
    return [
        CountedDelivery(
            id=month.delivery_id,
            billing_period=month.billing_period,
            connection_id=month.connection_id,
            connection_account_id=month.connection.account_id,
            is_delivering=month.connection.disconnected_at is None
            and not month.connection.is_paused,
            first_day=month.delivery.first_day,
            last_day=month.delivery.last_day,
            data_through=month.delivery.data_through,
            is_final=month.delivery.is_final,
            loaded_at=month.delivery.loaded_at,
            rollup_rows=month.delivery.rollup_rows,
        )
        for month in months
    ]


def billed_accounts(deliveries: Iterable[CountedDelivery]) -> QuerySet[DeliveryAccount]:
    """Return what each account cost in the deliveries."""
    found: QuerySet[DeliveryAccount] = DeliveryAccount.objects.filter(
        delivery_id__in=[delivery.id for delivery in deliveries]
    )
    return found


def known_from(what: Counted) -> dict[str, date]:
    """Return, for each account, the first month that the connections which bill it have delivered.

    Before it nobody knows what the account cost. Takes one query.
    """
    connections = {one.id: one.connection_id for one in what.deliveries}
    first: dict[int, date] = {}
    for one in what.deliveries:
        first[one.connection_id] = min(
            first.get(one.connection_id, one.billing_period), one.billing_period
        )
    rows = billed_accounts(what.deliveries).filter(account_id__in=what.accounts)
    found: dict[str, date] = {}
    for delivery, account in rows.values_list("delivery_id", "account_id"):
        start = first[connections[delivery]]
        found[account] = min(found.get(account, start), start)
    return found


def counted_elsewhere(
    deliveries: Iterable[CountedDelivery], billed: Iterable[BilledAccount]
) -> set[BilledAccount]:
    """Return the accounts of deliveries that another delivery of the month counts."""
    by_id = {delivery.id: delivery for delivery in deliveries}
    rivals: dict[tuple[date, str, str], set[BilledAccount]] = {}
    for account in billed:
        delivery = by_id[account.delivery_id]
        # A bill without payer ids is that of the account it was fetched from.
        payer = account.payer_account_id or delivery.connection_account_id
        key = (delivery.billing_period, account.account_id, payer)
        rivals.setdefault(key, set()).add(account)
    losers: set[BilledAccount] = set()
    for (_, _, payer), accounts in rivals.items():
        winner = min(
            (by_id[account.delivery_id] for account in accounts),
            key=lambda delivery: _rank(delivery, payer),
        )
        losers |= {account for account in accounts if account.delivery_id != winner.id}
    return losers


def _rank(delivery: CountedDelivery, payer: str) -> tuple[bool, bool, int]:
    """Order rivals: one that still delivers first, of these the payer's own bill, then the oldest.

    The bill of a payer that was disconnected or paused stays as it was, also of a month that goes
    on.
    """
    return (
        not delivery.is_delivering,
        delivery.connection_account_id != payer,
        delivery.connection_id,
    )
