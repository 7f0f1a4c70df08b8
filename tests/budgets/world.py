"""A bill up to yesterday, and a budget over it."""

import calendar
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from billing.budgets import services
from billing.budgets.inputs import BudgetInput, Threshold
from billing.budgets.models import Budget
from connections.models import Connection, ConnectionKind
from organizations.models import Organization
from tests.billing.cost_facts import Item, connect, deliver

PAYER, MEMBER = "111122223333", "444455556666"
# More digits than money has, so that rounding anywhere shows.
A_DAY = Decimal("10.000000000000001")


def today() -> date:
    return timezone.now().date()


def first_of_month(ago: int = 0) -> date:
    day = today().replace(day=1)
    for _ in range(ago):
        day = (day - timedelta(days=1)).replace(day=1)
    return day


def days_between(start: date, end: date) -> list[date]:
    return [start + timedelta(days=n) for n in range((end - start).days)]


def days_of_this_month() -> int:
    return calendar.monthrange(today().year, today().month)[1]


def bill(
    payer: Connection,
    items: list[Item] | None = None,
    *,
    a_day: Decimal = A_DAY,
    months: int = 3,
    through: date | None = None,
) -> None:
    """Deliver so many whole months and this one through yesterday (today on the first)."""
    last = through or max(first_of_month(), today() - timedelta(days=1))
    for ago in range(months, -1, -1):
        start = first_of_month(ago)
        end = min((start + timedelta(days=32)).replace(day=1), last + timedelta(days=1))
        own = [one for one in items or () if start <= one.day < end]
        made = [Item(PAYER, day, a_day) for day in days_between(start, end)]
        deliver(payer, start, [*made, *own], is_final=ago > 0)


def payer_of(organization: Organization) -> Connection:
    return connect(organization, PAYER, ConnectionKind.ROOT)


def days_so_far() -> int:
    return max(1, today().day - 1)


def entered(**given: Any) -> BudgetInput:
    return BudgetInput(
        **{
            "name": "Everything",
            "amount": Decimal(1000),
            "currency": "USD",
            "metric": "unblended_cost",
            "period": "month",
            "thresholds": (Threshold(50, "actual"),),
            "recipients": ("ann@example.com",),
            **given,
        }
    )


def budget(organization: Organization, **given: Any) -> Budget:
    return services.create_budget(organization, entered(**given))
