"""The pages in a real Chromium: signing in, reading costs, signing out; light and dark."""

import csv
import io
import os
import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.cast import PASSWORD, Cast
from tests.pages.bill import load_bill

# A machine that is busy with other things makes no expectation fail.
expect.set_options(timeout=30_000)

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PAGES = (
    "/o/acme/",
    "/o/acme/explore/",
    "/o/acme/explore/?granularity=total&group_by=account",
    "/o/acme/explore/?granularity=weekly&group_by=service&group_by=account&compare=previous",
    "/o/acme/explore/?from=2026-02-02&to=2026-01-01&metric=none&nobody=1",
    "/o/acme/statement/",
    "/o/acme/changes/?by=service,account",
    "/o/acme/tag-coverage/",
    "/o/acme/commitments/",
    "/o/acme/statement/?month=never",
    "/o/acme/resources/",
    "/o/acme/resources/?type=none",
    "/password/",
    "/admin/",
    "/admin/connections/connection/",
    "/admin/connections/connection/add/",
    "/admin/connections/policies/?mode=read_only&bucket=bills&with_discovery=yes",
    "/nothing-here/",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, and nothing here is asynchronous.
        before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def portal(transactional_db: None, cast: Cast, live_server: Any) -> str:
    load_bill(cast.acme, today=timezone.now().date())
    return str(live_server.url)


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: Browser, portal: str) -> Iterator[Page]:
    context = chromium.new_context(base_url=portal, color_scheme=request.param)
    yield context.new_page()
    context.close()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complains of: a script's fault, a script or style that was refused."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))

    def note(message: ConsoleMessage) -> None:
        # Some pages answer 400 or 404 on purpose.
        if message.type in ("error", "warning") and "status of 40" not in message.text:
            found.append(message.text)

    page.on("console", note)
    return found


def sign_in(page: Page, name: str) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_somebody_signs_in_reads_costs_and_signs_out(page: Page) -> None:
    sign_in(page, "fiona")
    expect(page).to_have_url(re.compile(r"/o/acme/$"))
    expect(page.get_by_text("Month to date").first).to_be_visible()
    expect(page.get_by_text("1 account in the bill is not connected")).to_be_visible()
    expect(page.get_by_text("<b>Lab</b> & friends").first).to_be_visible()
    expect(page.locator(".chart-canvas.is-drawn canvas")).to_be_visible()

    page.get_by_role("link", name="Explore", exact=True).first.click()
    page.get_by_label("Group by").select_option(label="Account")
    page.locator("summary", has_text="Filters").click()
    page.get_by_label("Filter 1: by what").select_option(label="Service")
    page.get_by_label("Filter 1: is or is not").select_option(label="is not")
    page.get_by_label("Filter 1: value").fill("AmazonS3")
    page.get_by_role("button", name="Show costs").click()
    expect(page).to_have_url(re.compile(r"\?group_by=account&service!=AmazonS3$"))
    expect(page.get_by_role("heading", name="Unblended cost by account")).to_be_visible()

    page.get_by_role("link", name="Head office").click()
    expect(page).to_have_url(re.compile(r"account=111122223333"))
    expect(page.get_by_role("heading", name="Unblended cost by service")).to_be_visible()

    page.locator(".bar-end summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile(r"/sign-in/$"))
    page.goto("/o/acme/")
    expect(page).to_have_url(re.compile(r"/sign-in/\?next="))


def test_somebody_explores_filters_compares_and_takes_the_table_along(page: Page) -> None:
    sign_in(page, "fiona")
    page.goto("/o/acme/explore/")
    page.get_by_label("Period").select_option(label="Last month")
    page.get_by_label("Granularity").select_option(label="Weekly")
    page.get_by_label("Compare with").select_option(label="Period before")
    page.get_by_label("Tax").check()
    page.locator("summary", has_text="Filters").click()
    page.get_by_label("Filter 1: by what").select_option(label="Service")
    page.get_by_label("Filter 1: is or is not").select_option(label="contains")
    page.get_by_label("Filter 1: value").fill("amazon")
    page.get_by_role("button", name="Show costs").click()
    expect(page).to_have_url(
        re.compile(
            r"\?period=last-month&granularity=weekly&compare=previous&group_by=service"
            r"&charge_type!=Tax&service~=amazon$"
        )
    )
    expect(page.get_by_label("Tax")).to_be_checked()
    expect(page.get_by_label("Filter 1: value")).to_have_value("amazon")
    table = page.get_by_role("table", name="Costs by service")
    expect(table.get_by_role("row")).to_have_count(4)
    table.get_by_role("link", name="Change", exact=True).click()
    expect(page).to_have_url(re.compile(r"sort=-change"))
    expect(table.get_by_role("columnheader", name="Change ▼")).to_be_visible()
    total = table.get_by_role("row").last.get_by_role("cell").first.locator("data")
    exact = Decimal(total.get_attribute("value") or "0")

    for kind in ("CSV", "Excel"):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=f"Download {kind}").click()
        content = waiting.value.path().read_bytes()
        if kind == "Excel":
            assert content.startswith(b"PK")
            continue
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        assert {row["Service code"] for row in rows} == {"AmazonEC2", "AmazonS3"}
        assert sum(Decimal(row["Unblended cost (USD)"]) for row in rows) == exact > 0


def test_no_page_has_an_accessibility_fault(page: Page) -> None:
    axe = Axe()
    page.goto("/sign-in/")
    faults = {"/sign-in/": axe.run(page).response["violations"]}
    sign_in(page, "olivia")
    for path in PAGES:
        page.goto(path)
        faults[path] = axe.run(page).response["violations"]
    told = {
        path: [(one["id"], one["nodes"][0]["html"]) for one in found]
        for path, found in faults.items()
        if found
    }
    assert told == {}


def test_every_page_fits_a_phone_and_keeps_the_content_security_policy(
    page: Page, complaints: list[str]
) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    sign_in(page, "olivia")
    too_wide = []
    for path in PAGES:
        page.goto(path)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            too_wide.append(path)
    assert too_wide == []
    assert complaints == []


def test_on_a_phone_the_fields_of_the_operators_forms_end_within_their_frame(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    sign_in(page, "olivia")
    page.goto("/admin/connections/connection/add/")

    beyond = page.evaluate(
        """() => [...document.querySelectorAll("fieldset .form-row :is(input, select, .help)")]
        .filter((one) => one.offsetWidth
            && one.getBoundingClientRect().right
                > one.closest("fieldset").getBoundingClientRect().right)
        .map((one) => one.id)"""
    )

    assert beyond == []


@pytest.mark.parametrize("has_scripts", [True, False])
def test_on_a_phone_the_explorer_shows_the_total_before_the_form(
    chromium: Browser, portal: str, has_scripts: bool
) -> None:
    context = chromium.new_context(
        base_url=portal,
        viewport={"width": 390, "height": 844},
        java_script_enabled=has_scripts,
    )
    page = context.new_page()
    sign_in(page, "fiona")
    page.goto("/o/acme/explore/")
    expect(page.get_by_label("Period")).to_be_hidden()
    expect(page.get_by_role("button", name="Show costs")).to_be_hidden()
    total = page.locator(".figure-amount").bounding_box()
    assert total
    assert total["y"] < 700
    page.get_by_text("Change what is shown").click()
    page.get_by_label("Period").select_option(label="Last month")
    page.get_by_role("button", name="Show costs").click()
    expect(page).to_have_url(re.compile(r"period=last-month"))
    expect(page.get_by_label("Period")).to_be_hidden()
    # Where something is wrong, the form says so at once; so it does where there is nothing to show.
    for query in ("metric=none", "from=2020-01-01&to=2020-01-02"):
        page.goto(f"/o/acme/explore/?{query}")
        expect(page.get_by_label("Period")).to_be_visible()
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto("/o/acme/explore/")
    expect(page.get_by_label("Period")).to_be_visible()
    expect(page.get_by_text("Change what is shown")).to_be_hidden()
    context.close()


def test_the_pages_say_everything_without_javascript(chromium: Browser, portal: str) -> None:
    context = chromium.new_context(base_url=portal, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, "victor")
    page.get_by_text("These figures as a table").click()
    expect(page.get_by_role("table", name="Cost by day and service")).to_be_visible()
    expect(page.locator(".chart-canvas").first).to_be_hidden()
    page.goto("/o/acme/explore/")
    page.get_by_label("Period").select_option(label="Last month")
    page.get_by_role("button", name="Show costs").click()
    expect(page).to_have_url(re.compile(r"\?period=last-month&group_by=service$"))
    expect(page.get_by_text("The bill is final.")).to_be_visible()
    context.close()
