"""Budgets and anomalies in a real Chromium: set, test, change, delete; nothing for axe to find."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing.anomalies.models import Anomaly
from tests.cast import Cast
from tests.pages.bill import PAYER
from tests.pages.test_browser import chromium, complaints, page, portal, sign_in

__all__ = ["chromium", "complaints", "page", "portal"]  # fixtures of the portal in a browser


def seen(page: Page) -> list[str]:
    """What axe finds on the page as it is."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]


@pytest.mark.django_db(transaction=True)
def test_somebody_sets_tests_changes_and_deletes_a_budget(
    page: Page, complaints: list[str]
) -> None:
    sign_in(page, "fiona")
    page.goto("/o/acme/explore/?service=AmazonEC2&metric=amortized_cost")
    page.get_by_role("link", name="Set a budget").click()
    expect(page.get_by_label("Filter 1: value")).to_have_value("AmazonEC2")
    assert seen(page) == []
    page.get_by_label("Name").fill("Servers")
    page.get_by_label("Amount").fill("1")
    page.get_by_label("E-mail addresses").fill("ann at example.com")
    page.get_by_role("button", name="Set the budget").click()
    expect(page.get_by_text("“ann at example.com” is not an e-mail address.")).to_be_visible()
    expect(page.get_by_label("Filter 1: value")).to_have_value("AmazonEC2")
    assert seen(page) == []
    page.get_by_label("E-mail addresses").fill("ann@example.com")
    page.get_by_role("button", name="Set the budget").click()

    expect(page.get_by_text("The budget “Servers” is set.")).to_be_visible()
    expect(page.get_by_text("Over budget").first).to_be_visible()
    page.get_by_role("button", name="Send a test alert").click()
    expect(page.get_by_text("A test goes to 1 address")).to_be_visible()
    assert seen(page) == []
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Amount").fill("1000000")
    page.get_by_role("button", name="Save the budget").click()
    expect(page.get_by_text("Within budget").first).to_be_visible()
    page.goto("/o/acme/budgets/")
    assert seen(page) == []
    page.get_by_role("link", name="Servers").click()
    page.get_by_role("link", name="Delete this budget").click()
    page.get_by_role("button", name="Delete the budget").click()
    expect(page).to_have_url(re.compile(r"/o/acme/budgets/$"))
    expect(page.get_by_text("No budget yet")).to_be_visible()
    assert complaints == []


@pytest.mark.django_db(transaction=True)
def test_somebody_looks_at_an_anomaly_and_dismisses_it(
    page: Page, complaints: list[str], cast: Cast
) -> None:
    made = Anomaly.objects.create(
        organization=cast.acme,
        day=timezone.now().date() - timedelta(days=3),
        account_id=PAYER,
        service="AmazonEC2",
        currency="USD",
        metric="unblended_cost",
        actual=Decimal("10.5"),
        expected=Decimal("0.5"),
        impact=Decimal(10),
    )
    sign_in(page, "fiona")
    page.goto("/o/acme/anomalies/")
    assert seen(page) == []
    page.get_by_role("link", name="Amazon Elastic Compute Cloud").first.click()
    expect(page).to_have_url(re.compile(f"/anomalies/{made.pk}/$"))
    expect(page.locator(".chart-canvas.is-drawn canvas")).to_be_visible()
    assert seen(page) == []
    page.get_by_text("Dismiss", exact=False).first.click()
    page.get_by_label("Reason").fill("A load test")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("by fiona: A load test")).to_be_visible()
    assert complaints == []
