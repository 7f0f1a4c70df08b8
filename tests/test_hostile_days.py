"""Every cost page on the days and with the bills that break sums, shares and comparisons."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from billing.anomalies import services as anomalies
from billing.budgets import services as budgets
from billing.periods import month_start
from connections.models import ConnectionKind
from organizations.access import Role
from tests.billing.cost_facts import Item, connect, deliver
from tests.budgets.world import budget
from tests.cast import Cast

pytestmark = pytest.mark.django_db

PAYER = "111122223333"
DAYS = (*(date(2028, 2, 29), date(2028, 3, 31), date(2027, 1, 1), date(2026, 12, 31)),)
PAGES = (
    *("/", "/explore/", "/statement/", "/changes/", "/tag-coverage/", "/commitments/"),
    *("/cost-centers/", "/budgets/", "/anomalies/", "/saved-reports/", "/statement/?format=xlsx"),
    *("/explore/?compare=previous&period=last-month", "/explore/?granularity=weekly&format=csv"),
    *("/changes/?by=account&format=csv", "/commitments/?format=csv", "/tag-coverage/?format=xlsx"),
)
APIS = ("/api/v1/costs/", "/api/v1/changes/", "/api/v1/budgets/", "/api/v1/anomalies/")


def items_of(kind: str, start: date, end: date) -> list[Item]:
    days = [start + timedelta(days=n) for n in range((end - start).days)]
    if kind == "nothing":
        return []
    if kind == "zero":
        return [Item(PAYER, day, Decimal(0)) for day in days]
    if kind == "refunds":
        refund = Item(PAYER, start, Decimal(-5000), charge_type="Refund")
        return [refund, *(Item(PAYER, day, Decimal("1.5")) for day in days)]
    if kind == "cancelling":
        given = [Item(PAYER, day, Decimal(-1), charge_type="Credit") for day in days]
        return [*given, *(Item(PAYER, day, Decimal(1)) for day in days)]
    return [
        Item(PAYER, day, Decimal(1), currency=currency) for day in days for currency in kind.split()
    ]


@pytest.mark.parametrize("kind", ["nothing", "zero", "refunds", "cancelling", "EUR", "EUR USD"])
@pytest.mark.parametrize("today", DAYS, ids=str)
def test_no_day_and_no_bill_breaks_a_page(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, today: date, kind: str
) -> None:
    now = datetime(today.year, today.month, today.day, 0, 0, 1, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    payer = connect(cast.acme, PAYER, ConnectionKind.ROOT)
    for ago in (3, 2, 1, 0):
        start, end = month_start(today, -ago), month_start(today, 1 - ago)
        deliver(payer, start, items_of(kind, start, min(end, today)), is_final=ago > 0)
    made = budget(cast.acme, amount=Decimal("0.01"))
    budgets.evaluate_organization(cast.acme, is_forced=True)
    anomalies.look(cast.acme)
    browser, client = cast.browser("fiona"), cast.api(Role.FINANCE)

    for path in (*PAGES, f"/budgets/{made.pk}/"):
        answer: Any = browser.get(f"/o/acme{path}")
        # Of two currencies the explorer wants one named, where the range holds both.
        wants_currency = kind == "EUR USD" and path.startswith("/explore")
        assert answer.status_code in ((200, 400) if wants_currency else (200,)), path
    for path in APIS:
        answer = client.get(path)
        wants_currency = kind == "EUR USD" and path.endswith(("costs/", "changes/"))
        assert answer.status_code in ((200, 400) if wants_currency else (200,)), path
