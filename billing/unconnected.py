"""The accounts that a bill names and nobody connected: their money is in no total."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.counted import (
    BilledAccount,
    billed_accounts,
    connected_accounts,
    counted_elsewhere,
    current_deliveries,
)
from billing.exact import added
from connections.models import Account
from organizations.models import Organization


@dataclass(frozen=True)
class UnconnectedAccount:
    """An account, the last billing period it was billed in, and its unblended cost there."""

    account_id: str
    name: str
    last_month: date
    amount: Decimal
    currency: str


def unconnected_accounts(organization: Organization) -> list[UnconnectedAccount]:
    """Return the accounts left out, latest and most expensive first. Takes four queries.

    An account billed in two currencies in its last month is there twice.
    """
    deliveries = current_deliveries(organization)
    periods = {delivery.id: delivery.billing_period for delivery in deliveries}
    connected = connected_accounts(organization)
    names = dict(Account.objects.of(organization).values_list("account_id", "name"))
    billed = [
        (BilledAccount(*row[:3]), row[3], row[4])
        for row in billed_accounts(deliveries)
        .exclude(account_id__in=connected)
        .values_list("delivery_id", "account_id", "payer_account_id", "currency", "unblended_cost")
    ]
    elsewhere = counted_elsewhere(deliveries, (account for account, _, _ in billed))
    last_months: dict[str, date] = {}
    for account, _, _ in billed:
        period = periods[account.delivery_id]
        last_months[account.account_id] = max(last_months.get(account.account_id, period), period)
    amounts: dict[tuple[str, str], list[Decimal]] = {}
    for account, currency, amount in billed:
        in_last_month = periods[account.delivery_id] == last_months[account.account_id]
        if in_last_month and account not in elsewhere:
            amounts.setdefault((account.account_id, currency), []).append(amount)
    found = [
        UnconnectedAccount(
            account_id=account_id,
            name=names.get(account_id, ""),
            last_month=last_months[account_id],
            amount=added(parts),
            currency=currency,
        )
        for (account_id, currency), parts in amounts.items()
    ]
    return sorted(found, key=lambda one: (-one.last_month.toordinal(), -one.amount, one.account_id))
