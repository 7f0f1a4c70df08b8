"""What each account in a payer's bill cost last: the answer to `connections.account_costs`."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.utils import timezone

from billing.exact import added
from billing.models import BillingMonth, DeliveryAccount
from connections.account_costs import AccountCost
from connections.models import Connection

# {currency: amounts} of each month
_Months = dict[date, dict[str, list[Decimal]]]


def last_month_costs(payer: Connection) -> Mapping[str, Sequence[AccountCost]]:
    """Return each account's costs in its last whole month in this payer's bills. Two queries."""
    periods = dict(
        BillingMonth.objects.filter(connection=payer).values_list("delivery_id", "billing_period")
    )
    billed: dict[str, _Months] = {}
    rows = DeliveryAccount.objects.filter(delivery_id__in=periods)
    for delivery, account, currency, amount in rows.values_list(
        "delivery_id", "account_id", "currency", "unblended_cost"
    ):
        months = billed.setdefault(account, {})
        months.setdefault(periods[delivery], {}).setdefault(currency, []).append(amount)
    return {account: _last(months) for account, months in billed.items()}


def _last(months: _Months) -> list[AccountCost]:
    this_month = timezone.now().date().replace(day=1)
    month = max((one for one in months if one < this_month), default=max(months))
    return [
        AccountCost(month, added(amounts), currency)
        for currency, amounts in sorted(months[month].items())
    ]
