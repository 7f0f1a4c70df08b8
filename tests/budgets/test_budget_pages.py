"""The budget pages: what people enter is kept, checked and shown."""

import csv
import io
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from billing.budgets import notices, services
from billing.budgets.inputs import Threshold
from billing.budgets.models import AlertNotice, Budget
from billing.exact import plain
from connections.models import Connection
from tests.budgets.world import A_DAY, PAYER, bill, budget, days_so_far, entered, payer_of
from tests.cast import Cast

pytestmark = pytest.mark.django_db
D = Decimal
SECRET = "sixteen or more characters"
FORM: dict[str, Any] = {
    "name": "Team <web>",
    "amount": "1000.50",
    "currency": "USD",
    "period": "quarter",
    "metric": "amortized_cost",
    "filter_dimension": ["service", "service", "tag:team", ""],
    "filter_operator": ["is", "is", "contains_not", "is"],
    "filter_value": ["AmazonEC2", "AmazonS3", "Test", ""],
    "threshold_percent": ["100", "", "80"],
    "threshold_basis": ["forecast", "actual", "actual"],
    "recipients": "ann@example.com\n\n bob@example.com \nann@example.com",
    "webhook_url": "https://hooks.example.com/costs",
    "webhook_secret": SECRET,
    "is_active": "on",
}
NEW = "/o/acme/budgets/new/"


@pytest.fixture
def payer(cast: Cast) -> Connection:
    made = payer_of(cast.acme)
    bill(made)
    return made


def test_a_budget_is_what_was_entered(cast: Cast, payer: Connection) -> None:
    answer = cast.browser("fiona").post(NEW, FORM)

    made = Budget.objects.get()
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/o/acme/budgets/{made.pk}/"
    assert (made.name, made.amount, made.currency) == ("Team <web>", D("1000.50"), "USD")
    assert (made.period, made.metric) == ("quarter", "amortized_cost")
    assert made.filters == "service=AmazonEC2&service=AmazonS3&tag%3Ateam%21~=Test"
    assert services.thresholds_of(made) == (Threshold(80, "actual"), Threshold(100, "forecast"))
    assert made.recipients == ["ann@example.com", "bob@example.com"]
    assert made.webhook_secret == SECRET
    assert made.created_by == "fiona"


def test_the_pages_show_it_in_words_and_never_its_secret(cast: Cast, payer: Connection) -> None:
    fiona = cast.browser("fiona")
    fiona.post(NEW, FORM)
    made = Budget.objects.get()

    for path in ("", f"{made.pk}/", f"{made.pk}/edit/", f"{made.pk}/delete/"):
        text = fiona.get(f"/o/acme/budgets/{path}").content.decode()
        assert "Team &lt;web&gt;" in text
        assert SECRET not in text
    text = fiona.get(f"/o/acme/budgets/{made.pk}/").content.decode()
    assert "Service is AmazonEC2 or AmazonS3" in text
    assert "Tag team does not contain Test" in text


def test_the_edit_form_holds_what_there_is_and_saving_it_changes_nothing(
    cast: Cast, payer: Connection
) -> None:
    fiona = cast.browser("fiona")
    fiona.post(NEW, FORM)
    before = Budget.objects.values().get()

    page = fiona.get(f"/o/acme/budgets/{before['id']}/edit/")
    again = {
        **{name: page.context["form"][name].value() or "" for name in page.context["form"].fields},
        **{
            f"filter_{part}": [row[part] for row in page.context["filter_rows"]]
            for part in ("dimension", "operator", "value")
        },
        **{
            f"threshold_{part}": [row[part] for row in page.context["thresholds"]]
            for part in ("percent", "basis")
        },
    }
    assert fiona.post(f"/o/acme/budgets/{before['id']}/edit/", again).status_code == 302

    after = Budget.objects.values().get()
    kept = set(before) - {"changed_at", "evaluated_at"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "a\x00b"}, "Null characters"),
        ({"amount": ""}, "This field is required"),
        ({"amount": "0"}, "above zero"),
        ({"amount": "-5"}, "above zero"),
        ({"amount": "NaN"}, "Enter a number"),
        ({"amount": "Infinity"}, "Enter a number"),
        ({"amount": "1.001"}, "2 decimal places"),
        ({"amount": "1" * 30}, "digits"),
        ({"amount": "many"}, "Enter a number"),
        ({"currency": "usd"}, "three capital letters"),
        ({"currency": "USD\n"}, "three capital letters"),
        ({"period": "week"}, "not one of the available"),
        ({"metric": "blended"}, "not one of the available"),
        ({"filter_dimension": ["colour"], "filter_value": ["x"]}, "not known here"),
        ({"filter_dimension": ["tag:"], "filter_value": ["x"]}, "Name a key"),
        ({"filter_dimension": ["from"], "filter_value": ["x"]}, "is no filter"),
        ({"filter_operator": ["equals"] * 4}, "no comparison"),
        ({"filter_dimension": ["account"], "filter_value": ["999900001111"]}, "not an account"),
        ({"filter_value": ["a\x00b"] * 4}, "without NUL"),
        ({"threshold_percent": ["0"]}, "1 to 1000 percent"),
        ({"threshold_percent": ["1001"]}, "1 to 1000 percent"),
        ({"threshold_percent": ["-1"]}, "no whole number"),
        ({"threshold_percent": ["1.5"]}, "no whole number"),
        ({"threshold_percent": ["²"]}, "no whole number"),
        ({"threshold_percent": ["9" * 400]}, "1 to 1000 percent"),
        ({"threshold_percent": ["80"], "threshold_basis": ["guess"]}, "compared with"),
        (
            {"threshold_percent": ["80", "80"], "threshold_basis": ["actual", "actual"]},
            "named twice",
        ),
        (
            {
                "threshold_percent": [str(n) for n in range(1, 12)],
                "threshold_basis": ["actual"] * 11,
            },
            "at most 10",
        ),
        ({"recipients": "ann at example.com"}, "not an e-mail address"),
        ({"recipients": "ann@example.com, bob@example.com"}, "not an e-mail address"),
        ({"recipients": "\n".join(f"p{n}@example.com" for n in range(21))}, "at most 20"),
        ({"webhook_url": "http://hooks.example.com/"}, "begin with https"),
        ({"webhook_url": "https://169.254.169.254/"}, "public internet"),
        ({"webhook_secret": ""}, "needs a secret"),
        ({"webhook_secret": "short"}, "16 to 200"),
        ({"webhook_secret": "ü" * 20}, "letters, digits"),
    ],
)
def test_a_wrong_form_says_what_is_wrong_and_loses_nothing(
    cast: Cast, payer: Connection, change: dict[str, Any], sentence: str
) -> None:
    page = cast.browser("fiona").post(NEW, {**FORM, **change})

    text = page.content.decode()
    assert page.status_code == 400
    assert sentence in text.replace("&quot;", '"')
    assert not Budget.objects.exists()
    if "recipients" not in change:
        assert "bob@example.com" in text
    if "filter_value" not in change:
        assert 'value="AmazonS3"' in text
    assert SECRET not in text


def test_a_name_is_taken_once(cast: Cast, payer: Connection) -> None:
    fiona = cast.browser("fiona")
    budget(cast.acme, name="Team <web>")

    page = fiona.post(NEW, FORM)

    assert page.status_code == 400
    assert "A budget of this name exists" in page.content.decode()
    assert Budget.objects.count() == 1


def test_a_link_fills_in_measure_currency_and_filters(cast: Cast, payer: Connection) -> None:
    explored = "metric=net_unblended_cost&currency=EUR&service!=AmazonEC2&tag:team=&region~=eu"
    page = cast.browser("fiona").get(f"{NEW}?{explored}")

    assert page.status_code == 200
    rows = [
        (row["dimension"], row["operator"], row["value"]) for row in page.context["filter_rows"]
    ]
    assert rows[:3] == [
        ("service", "is_not", "AmazonEC2"),
        ("tag:team", "is", ""),
        ("region", "contains", "eu"),
    ]
    assert page.context["form"]["metric"].value() == "net_unblended_cost"
    assert page.context["form"]["currency"].value() == "EUR"


def test_the_list_puts_trouble_first(cast: Cast, payer: Connection) -> None:
    budget(cast.acme, name="calm", amount=D(10**6))
    budget(cast.acme, name="blown", amount=D(1))
    budget(cast.acme, name="off", amount=D(1), is_active=False)
    budget(cast.acme, name="broken", filters="account=999900001111")

    page = cast.browser("victor").get("/o/acme/budgets/")

    assert [(line.budget.name, line.state) for line in page.context["lines"]] == [
        ("blown", "failing"),
        ("calm", "healthy"),
        ("broken", "failing"),
        ("off", "off"),
    ]
    assert page.context["lines"][0].standing.row.actual == A_DAY * days_so_far()
    text = page.content.decode()
    assert "New budget" not in text


def test_the_file_says_what_the_list_says(cast: Cast, payer: Connection) -> None:
    budget(cast.acme, name="+calm", amount=D(10**6))
    budget(cast.acme, name="blown", amount=D(1), filters=f"account={PAYER}")
    budget(cast.bolt, name="of others")

    answer = cast.browser("victor").get("/o/acme/budgets/?format=csv")

    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert [row["Budget"] for row in rows] == ["blown", "'+calm"]
    assert rows[0]["Actual"] == plain(A_DAY * days_so_far())
    assert rows[0]["Costs that count"] == f"Account is {PAYER}"
    book = cast.browser("victor").get("/o/acme/budgets/?format=xlsx")
    assert b"".join(book).startswith(b"PK")
    assert cast.browser("victor").get("/o/acme/budgets/?format=pdf").status_code == 400
    empty = b"".join(cast.browser("boris").get("/o/bolt/budgets/?format=csv")).decode()
    assert "of others," in empty
    assert "No bill yet" in empty


def test_its_page_tells_its_periods_its_alerts_and_what_failed(
    cast: Cast, payer: Connection
) -> None:
    made = budget(cast.acme, amount=D(1), thresholds=(Threshold(100, "actual"),))
    notices.send(AlertNotice.objects.get().pk)
    page = cast.browser("victor").get(f"/o/acme/budgets/{made.pk}/")

    text = page.content.decode()
    assert len(page.context["history"]) == 4
    assert "ann@example.com" in text
    assert "Told on" in text
    assert "Over the budget by" in text
    assert "Send a test alert" not in text
    assert cast.browser("victor").get(page.context["explore_url"]).status_code == 200


def test_a_test_alert_is_sent_by_a_button(cast: Cast, payer: Connection) -> None:
    made = budget(cast.acme, thresholds=())
    fiona = cast.browser("fiona")

    page = fiona.post(f"/o/acme/budgets/{made.pk}/test/", follow=True)

    assert "A test goes to 1 address" in page.content.decode()
    assert AlertNotice.objects.get().alert is None
    again = fiona.post(f"/o/acme/budgets/{made.pk}/test/", follow=True)
    assert "Wait a minute" in again.content.decode()
    assert AlertNotice.objects.count() == 1


def test_deleting_asks_first(cast: Cast, payer: Connection) -> None:
    made = budget(cast.acme)
    fiona = cast.browser("fiona")

    assert (
        "Delete “Everything”?" in fiona.get(f"/o/acme/budgets/{made.pk}/delete/").content.decode()
    )
    assert Budget.objects.exists()
    assert fiona.post(f"/o/acme/budgets/{made.pk}/delete/").status_code == 302
    assert not Budget.objects.exists()


def test_leaving_the_secret_empty_keeps_it_and_leaving_the_webhook_out_forgets_it(
    cast: Cast, payer: Connection
) -> None:
    made = budget(cast.acme, webhook_url="https://hooks.example.com/", webhook_secret=SECRET)
    services.change_budget(made, entered(webhook_url="https://other.example.com/"))
    assert Budget.objects.get().webhook_secret == SECRET

    services.change_budget(made, entered(webhook_url=""))
    assert Budget.objects.get().webhook_secret == ""


def test_an_unknown_parameter_is_refused(cast: Cast, payer: Connection) -> None:
    made = budget(cast.acme)
    for path in ("", "new/", f"{made.pk}/", f"{made.pk}/edit/", f"{made.pk}/delete/"):
        page = cast.browser("fiona").get(f"/o/acme/budgets/{path}?colour=red")
        assert page.status_code == 400
        assert "colour" in page.content.decode()


def test_without_a_bill_or_a_budget_the_page_says_what_to_do(cast: Cast) -> None:
    boris = cast.browser("boris")
    assert "Set a budget" in boris.get("/o/bolt/budgets/").content.decode()
    made = budget(cast.bolt)

    assert "No bill yet" in boris.get("/o/bolt/budgets/").content.decode()
    page = boris.get(f"/o/bolt/budgets/{made.pk}/").content.decode()
    assert "has arrived yet" in page
    assert "$0.00" not in page


def test_the_number_of_queries_does_not_grow_with_the_budgets(
    cast: Cast, payer: Connection
) -> None:
    counts: dict[str, set[int]] = {}
    browser = cast.browser("fiona")
    for more in (1, 5):
        for n in range(more):
            made = budget(cast.acme, name=f"{more}-{n}", amount=D(1), filters=f"account={PAYER}")
        for url in ("/o/acme/budgets/", f"/o/acme/budgets/{made.pk}/", "/api/v1/budgets/"):
            with CaptureQueriesContext(database) as queries:
                assert browser.get(url).status_code == 200
            counts.setdefault(url.replace(str(made.pk), ""), set()).add(len(queries))
    assert all(len(found) == 1 for found in counts.values()), counts


@pytest.mark.parametrize(
    "query", ["period=last-month", "page=2", "metric=cheapest", "currency=usd", "metric=a&metric=b"]
)
def test_a_new_budget_takes_a_measure_a_currency_and_filters_and_refuses_the_rest(
    cast: Cast, payer: Connection, query: str
) -> None:
    page = cast.browser("fiona").get(f"/o/acme/budgets/new/?{query}")
    assert page.status_code == 400
    assert query.split("=", 1)[0] in page.content.decode().split('role="alert"')[1]


def test_the_explorer_leads_to_a_budget_of_what_it_shows(cast: Cast, payer: Connection) -> None:
    fiona = cast.browser("fiona")
    shown = fiona.get(
        "/o/acme/explore/?period=last-month&granularity=weekly&group_by=account"
        "&metric=amortized_cost&service!=AmazonS3&sort=-name&compare=previous"
    )
    link = re.search(r'href="(/o/acme/budgets/new/\?[^"]*)"', shown.content.decode())
    assert link
    form = fiona.get(link[1].replace("&amp;", "&"))
    assert form.status_code == 200
    assert form.context["form"]["metric"].value() == "amortized_cost"
    assert (
        form.context["filter_rows"][0]["dimension"],
        form.context["filter_rows"][0]["operator"],
    ) == (
        "service",
        "is_not",
    )
