"""The overview's forecast and movers, and the links from one page to the next."""

from datetime import date
from decimal import Decimal

import pytest
from django.utils import timezone

from billing.overview import overview
from connections.models import ConnectionKind
from tests.billing.cost_facts import Item, connect, deliver
from tests.cast import Cast
from tests.pages.bill import LEFT_OUT, LINES, load_bill

pytestmark = pytest.mark.django_db


def test_the_overview_forecasts_a_steady_month_to_the_cent(cast: Cast) -> None:
    load_bill(cast.acme, today=date(2026, 4, 15))
    found = overview(cast.acme, date(2026, 4, 15))
    a_day = sum(cost for account, _, cost in LINES if account != LEFT_OUT)
    assert found.forecast is not None
    assert found.forecast.amount == found.forecast.low == found.forecast.high == a_day * 30
    assert found.forecast.billed == a_day * 14
    assert found.movers == []


def test_the_overview_says_when_there_is_too_little_for_a_forecast(cast: Cast) -> None:
    payer = connect(cast.acme, "111122223333", ConnectionKind.ROOT)
    today = timezone.now().date()
    deliver(payer, today.replace(day=1), [Item("111122223333", today, Decimal(5))])
    page = cast.browser("victor").get("/o/acme/").content.decode()
    assert "Not enough data" in page


def test_what_comes_once_a_month_is_told_apart_from_what_runs(cast: Cast) -> None:
    payer = connect(cast.acme, "111122223333", ConnectionKind.ROOT)
    march, april = date(2026, 3, 1), date(2026, 4, 1)
    for month, cost, fee in ((march, "10", "700"), (april, "13", "0.5")):
        deliver(
            payer,
            month,
            [
                *(Item("111122223333", month.replace(day=n), Decimal(cost)) for n in range(1, 11)),
                Item("111122223333", month, Decimal(fee), service="Support", charge_type="Fee"),
            ],
        )
    found = overview(cast.acme, date(2026, 4, 20))
    assert found.total.month_to_date < found.total.same_days_last_month
    assert (found.running.month_to_date, found.running.same_days_last_month) == (130, 100)
    assert [(one.service, one.difference) for one in found.movers] == [("AmazonEC2", 30)]


def test_a_mover_leads_to_the_resources_behind_it(cast: Cast) -> None:
    payer = connect(cast.acme, "111122223333", ConnectionKind.ROOT)
    today = timezone.now().date()
    month = today.replace(day=1)
    before = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
    for start, cost in ((before, "1"), (month, "3")):
        deliver(payer, start, [Item("111122223333", start, Decimal(cost), resource="i-grown")])
    browser = cast.browser("victor")
    (row,) = browser.get("/o/acme/").context["movers"]
    page = browser.get(row["url"])
    assert page.status_code == 200
    (change,) = page.context["report"].changes
    assert [(one.resource_id, one.difference) for one in change.resources] == [("i-grown", 2)]
    (shown,) = page.context["rows"]
    explored = browser.get(shown["resources"][0]["url"])
    assert explored.context["result"]["total"] == 4


def test_every_report_is_one_click_from_every_page(cast: Cast) -> None:
    text = cast.browser("victor").get("/o/acme/explore/").content.decode()
    for path in ("statement", "changes", "tag-coverage", "commitments"):
        assert f'href="/o/acme/{path}/"' in text
