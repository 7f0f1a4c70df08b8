"""What the pages say: to whom, in which figures, and to wrong input."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from organizations.models import AuditEvent
from tests.billing.cost_facts import connect
from tests.cast import Cast
from tests.pages.bill import LEFT_OUT, LINES, load_bill

pytestmark = pytest.mark.django_db
PAGES = (
    "/o/{}/",
    "/o/{}/explore/",
    "/o/{}/resources/",
    "/o/{}/statement/",
    "/o/{}/changes/",
    "/o/{}/tag-coverage/",
    "/o/{}/commitments/",
)

MONTH_PAGES = tuple(path.format("acme") for path in PAGES[3:])


@pytest.fixture
def today(cast: Cast) -> date:
    day = timezone.now().date()
    load_bill(cast.acme, today=day)
    return day


def test_the_explorer_adds_up_to_what_was_billed_to_the_connected_accounts(
    cast: Cast, today: date
) -> None:
    page = cast.browser("victor").get("/o/acme/explore/?period=last-month&group_by=service")
    days = (today.replace(day=1) - page.context["result"]["query"].start).days
    expected = sum(cost for account, _, cost in LINES if account != LEFT_OUT) * days
    result = page.context["result"]
    assert result["total"] == expected
    assert sum(row["amount"] for row in result["groups"]) == expected
    assert result["timeline"].total == expected
    assert len(result["timeline"].periods) == days


def test_amounts_left_out_are_named_and_counted_nowhere(cast: Cast, today: date) -> None:
    page = cast.browser("victor").get("/o/acme/")
    text = page.content.decode()
    assert "Skunkworks" in text
    assert all(row["label"] != "AmazonRDS" for row in page.context["services"])
    assert "/admin/" not in text
    assert "Connect<" in cast.browser("oscar").get("/o/acme/").content.decode()


def test_names_from_the_bill_are_text_and_never_markup(cast: Cast, today: date) -> None:
    for path in (
        "/o/acme/",
        "/o/acme/explore/",
        "/o/acme/explore/?group_by=tag:team",
        *MONTH_PAGES,
    ):
        text = cast.browser("victor").get(path).content.decode()
        assert "<script>alert" not in text
        assert "<b>Lab" not in text
        assert "<i>web" not in text


@pytest.mark.parametrize("path", PAGES)
def test_an_organization_without_anything_is_told_what_to_do(cast: Cast, path: str) -> None:
    page = cast.browser("boris").get(path.format("bolt"))
    assert page.status_code == 200
    text = page.content.decode()
    assert "connect" in text.lower()
    assert "$" not in text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("from=2026-02-02&to=2026-01-01", "The range is empty"),
        ("from=yesterday", "is not a day"),
        ("from=2026-02-30", "There is no day"),
        ("period=forever", "is no period"),
        ("metric=blended", "is not known here"),
        ("granularity=hourly", "is not known here"),
        ("group_by=colour", "is not a dimension"),
        ("group_by=service&group_by=account&group_by=region", "at most 2"),
        (f"account={LEFT_OUT}", "is not an account that is connected here"),
        ("account=' OR 1=1", "is not an account that is connected here"),
        ("colour=red", "not known here"),
        ("sort=colour", "is no order"),
        ("limit=3", "The API alone"),
        ("from=2000-01-01&to=2026-01-01", "do not fit on a page"),
        ("service=%00", "without NUL"),
        ("tag:=x", "Name a key"),
        ("&".join(f"tag:t{n}=x" for n in range(50)), "Use at most 20 filters at once"),
        ("service~=", "Write the text to look for"),
        ("account!=444444444444", "is not an account that is connected here"),
        ("page=9", "the last one is 1"),
        ("page=-1", "is no page"),
        ("format=pdf", "csv or xlsx"),
        ("compare=never", "Use previous"),
        ("sort=percent", "without compare=previous"),
    ],
)
def test_a_wrong_address_is_answered_with_a_sentence(
    cast: Cast, today: date, query: str, sentence: str
) -> None:
    page = cast.browser("fiona").get(f"/o/acme/explore/?{query}")
    assert page.status_code == 400
    assert sentence in page.content.decode()


@pytest.mark.parametrize("path", MONTH_PAGES)
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("month=yesterday", "is not a month"),
        ("month=2026-13", "is not a month"),
        ("month=0000-01", "is not a month"),
        ("month=1999-12", "Choose a month from"),
        ("month=9999-12", "Choose a month from"),
        ("month=2026-01&month=2026-02", "only once"),
        ("currency=dollars", "three capital letters"),
        ("currency=EUR", "Nothing was billed in EUR"),
        ("colour=red", "is not known here"),
        ("format=pdf", "is not known as"),
        ("month=%00", "is not known"),
    ],
)
def test_a_wrong_address_of_a_month_is_answered_with_a_sentence(
    cast: Cast, today: date, path: str, query: str, sentence: str
) -> None:
    page = cast.browser("fiona").get(f"{path}?{query}")
    assert page.status_code == 400
    text = page.content.decode()
    assert sentence in text or "without NUL" in text


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/o/acme/changes/?by=colour", "is not known as"),
        ("/o/acme/changes/?metric=colour", "is not known as"),
        (f"/o/acme/changes/?account={LEFT_OUT}", "is not an account that is connected here"),
        ("/o/acme/changes/?service=%00", "without NUL"),
        ("/o/acme/statement/?metric=list_cost", "is not known as"),
        ("/o/acme/tag-coverage/?key=%00", "without NUL"),
        ("/o/acme/tag-coverage/?metric=blended", "is not known as"),
    ],
)
def test_a_wrong_choice_on_a_page_is_answered_with_a_sentence(
    cast: Cast, today: date, path: str, sentence: str
) -> None:
    page = cast.browser("fiona").get(path)
    assert page.status_code == 400
    assert sentence in page.content.decode()


@pytest.mark.parametrize("path", MONTH_PAGES)
def test_a_month_without_a_bill_is_said_to_have_none(cast: Cast, today: date, path: str) -> None:
    page = cast.browser("fiona").get(f"{path}?month=2001-01")
    assert page.status_code == 200
    assert "No costs in this month" in page.content.decode()


@pytest.mark.parametrize("path", MONTH_PAGES)
def test_a_month_is_handed_out_as_csv_and_as_excel(cast: Cast, today: date, path: str) -> None:
    browser = cast.browser("victor")
    csv = browser.get(f"{path}?format=csv")
    assert csv.status_code == 200
    assert csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert b"".join(csv.streaming_content).count(b"\n") >= 1
    workbook = browser.get(f"{path}?format=xlsx")
    assert b"".join(workbook.streaming_content).startswith(b"PK")
    noted = AuditEvent.objects.filter(action="costs.exported", actor="victor").order_by("pk")
    assert [one.changes["format"] for one in noted] == ["csv", "xlsx"]


@pytest.mark.parametrize(
    "query", ["type=colour", "colour=red", "region=%27", "account=1", "page=0", "page=x", "q=%00"]
)
def test_wrong_filters_of_resources_are_answered_with_a_sentence(cast: Cast, query: str) -> None:
    page = cast.browser("fiona").get(f"/o/acme/resources/?{query}")
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "from=2003-01-01&to=2003-02-01",
        "from=2003-01-01&to=2003-02-01&granularity=weekly&compare=previous&group_by=service",
        "from=2099-01-01&to=2099-02-01&group_by=tag:nobody&granularity=total",
        "service=Nothing&group_by=resource&group_by=organizational_unit",
    ],
)
def test_a_range_without_costs_says_so(cast: Cast, today: date, query: str) -> None:
    cases = (
        ("fiona", "acme", "No costs in this range"),
        ("boris", "bolt", "No AWS account is connected yet"),
    )
    for name, company, sentence in cases:
        page = cast.browser(name).get(f"/o/{company}/explore/?{query}")
        assert page.status_code == 200
        assert sentence in page.content.decode()


@pytest.mark.parametrize("page", ["explore", "anomalies", "findings", "resources/not-found"])
def test_an_organization_without_connections_is_told_who_connects(
    cast: Cast, today: date, page: str
) -> None:
    operator = cast.browser("boris").get(f"/o/bolt/{page}/").content.decode()
    assert "No AWS account is connected yet" in operator
    connected = cast.browser("fiona").get(f"/o/acme/{page}/").content.decode()
    assert "No AWS account is connected yet" not in connected


def test_the_form_leads_to_an_address_that_says_the_same(cast: Cast, today: date) -> None:
    page = cast.browser("fiona").get(
        "/o/acme/explore/",
        {
            "edit": "1",
            "period": "last-month",
            "granularity": "monthly",
            "metric": "unblended_cost",
            "group_1": "tag:team",
            "filter_dimension": ["tag:team", ""],
            "filter_operator": ["is_not", "is"],
            "filter_value": ["", ""],
            "shown": "/",
        },
    )
    assert page.status_code == 302
    assert page.headers["Location"] == (
        "/o/acme/explore/?period=last-month&granularity=monthly&group_by=tag:team&tag:team!="
    )
    shown = cast.browser("fiona").get(page.headers["Location"])
    assert [row["label"] for group in shown.context["result"]["groups"] for row in group["cells"]]


@pytest.mark.parametrize("path", PAGES)
def test_the_number_of_queries_does_not_grow_with_the_accounts(
    cast: Cast, today: date, path: str
) -> None:
    browser = cast.browser("fiona")
    counts = []
    for more in (0, 5):
        for number in range(more):
            connect(cast.acme, f"{number:012d}")
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(path.format("acme")).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
