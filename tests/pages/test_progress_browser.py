"""The line at the top while the next page is on its way, in a real Chromium."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.test_browser import CHROMIUM, chromium, complaints, portal, sign_in

__all__ = ["chromium", "complaints", "portal"]  # fixtures of the portal in a browser
pytestmark = pytest.mark.django_db(transaction=True)

RUNNING = ".progress.is-running"
BUSY = "[aria-busy=true]"
LINE = "getComputedStyle(document.querySelector('.progress'))"
REACHES_HALF = """() => new Promise((done) => {
  const line = document.querySelector(".progress"), end = Date.now() + 30000;
  const look = () => {
    const is_wide = line.getBoundingClientRect().width > innerWidth / 2;
    if (is_wide || Date.now() > end) done(is_wide);
    else requestAnimationFrame(look);
  };
  look();
})"""
# Notes each page that the line ran on, in a place that outlives the page.
NOTE = """
addEventListener("DOMContentLoaded", () => {
  new MutationObserver(() => {
    if (!document.querySelector(".progress.is-running")) return;
    const busy = document.querySelector("main[aria-busy=true]") ? " busy" : "";
    sessionStorage.ran = `${sessionStorage.ran ?? ""}${location.pathname}${busy};`;
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["class"] });
});
"""


@pytest.fixture
def page(chromium: Browser, portal: str) -> Iterator[Page]:
    context = chromium.new_context(base_url=portal)
    context.add_init_script(NOTE)
    yield context.new_page()
    context.close()


def ran_on(page: Page) -> list[str]:
    """Return the pages on which the line ran, and forget them."""
    ran: str = page.evaluate("sessionStorage.ran ?? ''")
    page.evaluate("sessionStorage.removeItem('ran')")
    return ran.split(";")[:-1]


def is_quiet(page: Page) -> bool:
    return page.locator(RUNNING).count() == page.locator(BUSY).count() == 0


def test_links_and_forms_run_the_line_until_the_next_page_is_there(
    page: Page, complaints: list[str]
) -> None:
    sign_in(page, "oscar")
    expect(page).to_have_url(re.compile(r"/o/acme/$"))
    assert ran_on(page) == ["/sign-in/ busy"]
    page.get_by_role("link", name="Explore", exact=True).first.click()
    expect(page.get_by_role("heading", name="Explore costs")).to_be_visible()
    assert is_quiet(page)
    page.get_by_role("link", name="Operators").click()
    expect(page.get_by_role("heading", name="Operators")).to_be_visible()
    assert ran_on(page) == ["/o/acme/ busy", "/o/acme/explore/ busy"]
    page.locator("a[href='/admin/connections/connection/']").first.click()
    expect(page).to_have_url(re.compile(r"/admin/connections/connection/$"))
    expect(page.get_by_role("heading", name="Connections")).to_be_visible()
    assert ran_on(page) == ["/admin/ busy"]
    assert is_quiet(page)
    assert complaints == []


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_line_is_seen_while_it_takes_long_and_escape_ends_it(page: Page, motion: str) -> None:
    page.emulate_media(reduced_motion="reduce" if motion == "reduce" else "no-preference")
    page.goto("/sign-in/")
    assert page.evaluate(f"{LINE}.opacity") == "0"
    # An answer without a page leaves this one as it is: on its way for ever.
    page.route("**/sign-in/", lambda route: route.fulfill(status=204))
    page.get_by_label("Username").fill("fiona")
    page.get_by_label("Password").fill("any")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".progress")).to_have_css("opacity", "1")
    if motion == "reduce":
        assert page.evaluate(f"[{LINE}.transform, {LINE}.transitionDuration]") == ["none", "0s"]
    assert page.evaluate(REACHES_HALF)
    assert page.locator(BUSY).count() == 1
    page.keyboard.press("Escape")
    assert is_quiet(page)


def test_downloads_places_on_the_page_and_other_windows_leave_it_alone(page: Page) -> None:
    sign_in(page, "fiona")
    page.goto("/o/acme/statement/")
    ran_on(page)
    for kind in ("CSV", "Excel"):
        with page.expect_download():
            page.get_by_role("link", name=f"Download {kind}").click()
    page.evaluate(
        "document.querySelectorAll('a[download]').forEach((a) => a.removeAttribute('download'))"
    )
    with page.expect_download():
        page.get_by_role("link", name="Download CSV").click()
    page.locator("a.skip").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Explore", exact=True).first.click(modifiers=["Control"])
    opened.value.close()
    assert ran_on(page) == []
    assert is_quiet(page)


def test_going_back_shows_the_page_without_the_line(chromium: Browser, portal: str) -> None:
    # The page as it was left is shown again, script and all: no load would clear the line.
    browser = chromium.browser_type.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox"],
        ignore_default_args=["--disable-back-forward-cache"],
    )
    page = browser.new_page(base_url=portal)
    sign_in(page, "fiona")
    page.goto("/o/acme/statement/")
    page.evaluate("window.wasLeft = true")
    page.get_by_role("link", name="Explore", exact=True).first.click()
    expect(page).to_have_url(re.compile("/explore/$"))
    page.evaluate("history.back()")
    expect(page).to_have_url(re.compile("/statement/$"))
    assert page.evaluate("window.wasLeft")
    assert is_quiet(page)
    browser.close()
