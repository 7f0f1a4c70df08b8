"""Cost centers and rules: their pages, forms, changes and API."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.allocation import services
from billing.allocation.conditions import Condition
from billing.allocation.models import AllocationRule, CostCenter, FixedShare
from billing.allocation.reports import unallocated
from connections.models import ConnectionKind
from organizations.access import Role
from organizations.models import AuditEvent
from tests.billing.cost_facts import Item, connect, deliver
from tests.cast import Cast
from tests.pages.bill import LEFT_OUT, LINES, MEMBER, PAYER, load_bill

pytestmark = pytest.mark.django_db
HOME = "/o/acme/cost-centers/"
EURO_PAYER = "555566667777"


@pytest.fixture
def days(cast: Cast) -> int:
    """The number of days of last month, of which the bill has the same costs each."""
    today = timezone.now().date()
    load_bill(cast.acme, today=today)
    month = today.replace(day=1)
    return (month - (month - timedelta(days=1)).replace(day=1)).days


def cost(service: str | None = None, account: str | None = None) -> Decimal:
    return sum(
        (
            amount
            for one, name, amount in LINES
            if one != LEFT_OUT and service in (None, name) and account in (None, one)
        ),
        Decimal(0),
    )


def center(cast: Cast, code: str, split: str = "none", shares: Any = ()) -> CostCenter:
    return services.create_center(
        cast.acme, code=code, name=f"The {code}", split=split, shares=shares
    )


def rule(cast: Cast, target: CostCenter, on: str, *values: str) -> AllocationRule:
    conditions = [Condition(on, "is", values)]
    return services.add_rule(cast.acme, center=target, conditions=conditions)


def shown(page: Any) -> dict[str, tuple[Decimal, Decimal]]:
    """{code: (by the rules, after splitting)} of last month."""
    return {
        row.center.code if row.center else "": (row.own, row.last)
        for row in page.context["found"].rows
    }


def test_the_list_shows_every_center_and_what_is_unallocated(cast: Cast, days: int) -> None:
    lab, ec2 = center(cast, "LAB"), center(cast, "EC2")
    center(cast, "IDLE")
    rule(cast, lab, "account", MEMBER)
    rule(cast, ec2, "service", "AmazonEC2")
    page = cast.browser("victor").get(HOME)
    compute = Decimal("10.50") * days
    rest = cost("AmazonS3") * days
    assert shown(page) == {
        "EC2": (compute, compute),
        "IDLE": (0, 0),
        "LAB": (cost(account=MEMBER) * days, cost(account=MEMBER) * days),
        "": (rest, rest),
    }
    assert page.context["found"].total.last == cost() * days
    text = page.content.decode()
    assert "Unallocated" in text
    assert "Account id is “444455556666”" in text
    assert "New rule" not in text
    assert "New rule" in cast.browser("fiona").get(HOME).content.decode()


def test_a_shared_center_is_shown_before_and_after_it_is_split(cast: Cast, days: int) -> None:
    lab, ec2 = center(cast, "LAB"), center(cast, "EC2")
    shares = [(lab, Decimal("25")), (ec2, Decimal("75"))]
    storage = center(cast, "STORAGE", "fixed", shares)
    rule(cast, storage, "service", "AmazonS3")
    rule(cast, ec2, "service", "AmazonEC2")
    found = shown(cast.browser("fiona").get(HOME))
    own = cost("AmazonS3") * days
    assert found["STORAGE"] == (own, 0)
    assert found["LAB"] == (0, own / 4)
    assert found["EC2"] == (cost("AmazonEC2") * days, cost("AmazonEC2") * days + own * 3 / 4)


@pytest.mark.parametrize("path", ["", "new/", "rules/new/"])
def test_an_organization_without_anything_is_told_what_to_do(cast: Cast, path: str) -> None:
    page = cast.browser("boris").get(f"/o/bolt/cost-centers/{path}")
    assert page.status_code == 200
    assert "cost center" in page.content.decode()


@pytest.mark.parametrize("query", ["currency=XYZ", "colour=red", "currency=%00"])
def test_a_wrong_address_is_answered_with_a_sentence(cast: Cast, days: int, query: str) -> None:
    center(cast, "LAB")
    page = cast.browser("fiona").get(f"{HOME}?{query}")
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()


def test_a_center_is_made_changed_and_deleted_by_forms(cast: Cast) -> None:
    browser = cast.browser("fiona")
    fields = {"code": "MKT-210", "name": "<b>Märketing</b>", "split": "none"}
    assert browser.post(f"{HOME}new/", fields).status_code == 302
    made = CostCenter.objects.get()
    assert (made.code, made.name, made.organization) == ("MKT-210", "<b>Märketing</b>", cast.acme)
    assert "<b>Mär" not in browser.get(HOME).content.decode()
    again = browser.post(f"{HOME}new/", {**fields, "code": "mkt-210", "name": "Other"})
    assert again.status_code == 400
    assert "with this code already" in again.content.decode()
    assert 'value="Other"' in again.content.decode()
    changed = browser.post(f"{HOME}{made.pk}/", {"name": "Sales", "split": "proportional"})
    assert changed.status_code == 302
    made.refresh_from_db()
    assert (made.code, made.name, made.split) == ("MKT-210", "Sales", "proportional")
    event = AuditEvent.objects.get(action="cost_center.changed")
    assert event.changes["before"]["name"] == "<b>Märketing</b>"
    assert browser.post(f"{HOME}{made.pk}/delete/").status_code == 302
    assert not CostCenter.objects.exists()


def test_deleting_a_center_or_a_rule_asks_first(cast: Cast) -> None:
    lab = center(cast, "LAB")
    made = rule(cast, lab, "account", MEMBER)
    browser = cast.browser("fiona")
    for home, question in (
        (f"{HOME}{lab.pk}/", f"Delete the cost center {lab.name}?"),
        (f"{HOME}rules/{made.pk}/", f"Delete the rule for {lab.name}?"),
    ):
        assert f'href="{home}delete/"' in browser.get(home).content.decode()
        assert question in browser.get(f"{home}delete/").content.decode()
        assert browser.get(f"{home}delete/?now=1").status_code == 400
    assert CostCenter.objects.filter(pk=lab.pk).exists()
    assert AllocationRule.objects.filter(pk=made.pk).exists()


def test_a_center_that_rules_name_stays(cast: Cast) -> None:
    lab = center(cast, "LAB")
    rule(cast, lab, "account", MEMBER)
    page = cast.browser("fiona").post(f"{HOME}{lab.pk}/delete/", follow=True)
    assert "Rules put costs into" in page.content.decode()
    assert CostCenter.objects.filter(pk=lab.pk).exists()
    assert not AuditEvent.objects.filter(action="cost_center.deleted").exists()


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ({}, "must make exactly 100"),
        ({"A": "50", "B": "49.999999"}, "these make 99.999999"),
        ({"A": "50", "B": "50.0000001"}, "at most six decimals"),
        ({"A": "100", "B": "x"}, "write percent as a number"),
        ({"A": "101", "B": "-1"}, "at most 100 %"),
        ({"A": "1e2"}, "write percent as a number"),
        ({"A": "NaN"}, "write percent as a number"),
        ({"A": "100", "B": "0"}, "must be more than 0"),
        ({"S": "100"}, "must make exactly 100"),
    ],
)
def test_shares_that_do_not_make_a_whole_are_refused(
    cast: Cast, shares: dict[str, str], sentence: str
) -> None:
    made = {code: center(cast, code) for code in ("A", "B")}
    made["S"] = center(cast, "S", "proportional")
    other = center(cast, "X")
    fields = {"name": "Kept", "split": "fixed"} | {
        f"share_{made[code].pk}": percent for code, percent in shares.items()
    }
    for extra in ({}, {"preview": "1"}):
        page = cast.browser("fiona").post(f"{HOME}{other.pk}/", {**fields, **extra})
        assert page.status_code == 400
        text = page.content.decode()
        assert sentence in text
        assert 'value="Kept"' in text
    assert not FixedShare.objects.exists()


def test_a_center_that_bears_shares_is_not_shared_itself(cast: Cast) -> None:
    lab = center(cast, "LAB")
    center(cast, "POOL", "fixed", [(lab, Decimal(100))])
    page = cast.browser("fiona").post(f"{HOME}{lab.pk}/", {"name": "x", "split": "proportional"})
    assert page.status_code == 400
    assert "bears a fixed share" in page.content.decode()


def rule_form(target: CostCenter | None, *rows: tuple[str, str, str], **more: str) -> Any:
    on, operator, values = zip(*rows, strict=True) if rows else ((), (), ())
    return {
        "center": str(target.pk) if target else "",
        "on": on,
        "operator": operator,
        "values": values,
        **more,
    }


def test_a_rule_is_previewed_and_then_saved(cast: Cast, days: int) -> None:
    lab, web = center(cast, "LAB"), center(cast, "WEB")
    rule(cast, web, "service", "AmazonS3")
    browser = cast.browser("fiona")
    rows = [("account_name", "matches", "*lab*\n*none such*"), ("", "is", "")]
    form = rule_form(lab, *rows)
    preview = browser.post(f"{HOME}rules/new/", {**form, "preview": "1"})
    assert preview.status_code == 200
    [dollars] = preview.context["preview"].currencies
    moved = {one.code: (one.before, one.after) for one in dollars.rows}
    whole, mine = cost() * days, cost(account=MEMBER) * days
    assert moved == {
        "LAB": (0, mine),
        "": (whole - cost("AmazonS3") * days, whole - mine - cost("AmazonS3") * days),
    }
    assert (dollars.currency, dollars.total) == ("USD", whole)
    assert AllocationRule.objects.count() == 1
    assert browser.post(f"{HOME}rules/new/", form).status_code == 302
    saved = AllocationRule.objects.get(position=2)
    assert saved.conditions == [
        {"on": "account_name", "operator": "matches", "values": ["*lab*", "*none such*"]}
    ]
    assert shown(browser.get(HOME))["LAB"] == (mine, mine)


def euro_bill(cast: Cast, amount: str) -> None:
    """A second payer, whose bill of last month is in euros."""
    payer = connect(cast.acme, EURO_PAYER, ConnectionKind.ROOT)
    start = (timezone.now().date().replace(day=1) - timedelta(days=1)).replace(day=1)
    item = Item(EURO_PAYER, start, Decimal(amount), service="AmazonEC2", currency="EUR")
    deliver(payer, start, [item])


def test_a_preview_shows_each_currency_by_itself(cast: Cast, days: int) -> None:
    euro_bill(cast, "70.25")
    lab = center(cast, "LAB")
    form = rule_form(lab, ("service", "is", "AmazonEC2"), preview="1")
    page = cast.browser("fiona").post(f"{HOME}rules/new/", form)
    moved = {
        one.currency: ({row.code: (row.before, row.after) for row in one.rows}, one.total)
        for one in page.context["preview"].currencies
    }
    compute = cost("AmazonEC2") * days
    assert moved == {
        "EUR": ({"LAB": (0, Decimal("70.25")), "": (Decimal("70.25"), 0)}, Decimal("70.25")),
        "USD": (
            {"LAB": (0, compute), "": (cost() * days, cost() * days - compute)},
            cost() * days,
        ),
    }
    assert "Amounts in different currencies are never added." in page.content.decode()
    storage = rule_form(lab, ("service", "is", "AmazonS3"), preview="1")
    text = cast.browser("fiona").post(f"{HOME}rules/new/", storage).content.decode()
    assert "every cost in EUR would stay where it is" in text
    assert "every cost in USD" not in text


def test_the_file_has_the_centers_in_the_currency_of_the_page(cast: Cast, days: int) -> None:
    euro_bill(cast, "70.25")
    lab = center(cast, "LAB")
    rule(cast, lab, "account", MEMBER)
    browser = cast.browser("victor")
    assert (
        'href="?currency=USD&amp;format=csv"'
        in browser.get(f"{HOME}?currency=USD").content.decode()
    )
    answers: dict[str, Any] = {
        one: browser.get(f"{HOME}?currency={one}&format=csv") for one in ("USD", "EUR")
    }
    rows = {
        one: list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
        for one, answer in answers.items()
    }
    last = next(name for name in rows["USD"][0] if re.fullmatch(r"\d{4}-\d{2}", name))
    assert [(row["Code"], Decimal(row[last])) for row in rows["USD"]] == [
        ("LAB", cost(account=MEMBER) * days),
        ("", cost() * days - cost(account=MEMBER) * days),
    ]
    assert [(row["Cost center"], Decimal(row[last])) for row in rows["EUR"]] == [
        ("The LAB", 0),
        ("Unallocated", Decimal("70.25")),
    ]
    assert browser.get(f"{HOME}?format=pdf").status_code == 400
    assert AuditEvent.objects.filter(action="costs.exported").count() == 2


def test_a_rule_is_changed_and_the_audit_trail_keeps_the_old_one(cast: Cast, days: int) -> None:
    lab, web = center(cast, "LAB"), center(cast, "WEB")
    one = rule(cast, lab, "account", MEMBER)
    browser = cast.browser("fiona")
    assert MEMBER in browser.get(f"{HOME}rules/{one.pk}/").content.decode()
    form = rule_form(web, ("tag:team", "is", "(none)\nweb"), ("region", "is", "eu-west-1"))
    preview = browser.post(f"{HOME}rules/{one.pk}/", {**form, "preview": "1"})
    assert preview.status_code == 200
    assert browser.post(f"{HOME}rules/{one.pk}/", form).status_code == 302
    one.refresh_from_db()
    assert one.center == web
    assert one.conditions[0]["values"] == ["", "web"]
    event = AuditEvent.objects.get(action="allocation_rule.changed")
    assert event.changes["before"]["conditions"][0]["values"] == [MEMBER]
    assert "(none)" in browser.get(f"{HOME}rules/{one.pk}/").content.decode()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "at least one condition"),
        ([("service", "is", "  ")], "at least one value"),
        ([("colour", "is", "x")], "nothing a rule can look at"),
        ([("service", "like", "x")], "is no operator"),
        ([("tag:", "is", "x")], "Name the key"),
        ([("resource", "is", "i-1")], "nothing a rule can look at"),
        ([("service", "is", "x" * 301)], "at most 300 characters"),
        ([("service", "is", "a\x00b")], "without NUL"),
        ([("service", "is", "\n".join(map(str, range(101))))], "at most 100 values"),
        ([("service", "is", "x")] * 6, "at most 5 conditions"),
        ([("", "is", "AmazonEC2")], "nothing a rule can look at"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_was_entered(
    cast: Cast, rows: list[tuple[str, str, str]], sentence: str
) -> None:
    lab = center(cast, "LAB")
    page = cast.browser("fiona").post(f"{HOME}rules/new/", rule_form(lab, *rows))
    assert page.status_code == 400
    assert sentence in page.content.decode()
    assert [row["on"] for row in page.context["form"].rows] == [on for on, _, _ in rows]
    assert not AllocationRule.objects.exists()


@pytest.mark.parametrize("chosen", ["", "x", "0", "foreign"])
def test_a_rule_needs_a_center_of_its_own_organization(cast: Cast, chosen: str) -> None:
    center(cast, "LAB")
    foreign = CostCenter.objects.create(organization=cast.bolt, code="B", name="Bolt's")
    form = rule_form(None, ("service", "is", "x"))
    form["center"] = str(foreign.pk) if chosen == "foreign" else chosen
    page = cast.browser("fiona").post(f"{HOME}rules/new/", form)
    assert page.status_code == 400
    assert "Choose the cost center" in page.content.decode()
    assert "Bolt" not in page.content.decode()


def test_rules_move_by_one_place_and_the_first_that_holds_decides(cast: Cast, days: int) -> None:
    lab, web = center(cast, "LAB"), center(cast, "WEB")
    first, second = rule(cast, lab, "service", "AmazonEC2"), rule(cast, web, "account", MEMBER)
    browser = cast.browser("fiona")
    assert shown(browser.get(HOME))["LAB"][0] == cost("AmazonEC2") * days
    assert browser.post(f"{HOME}rules/{second.pk}/move/", {"direction": "up"}).status_code == 302
    assert [one.pk for one in AllocationRule.objects.all()] == [second.pk, first.pk]
    assert shown(browser.get(HOME))["LAB"][0] == Decimal("10.50") * days
    for direction in ("up", "sideways", ""):
        browser.post(f"{HOME}rules/{second.pk}/move/", {"direction": direction})
    assert [one.pk for one in AllocationRule.objects.all()] == [second.pk, first.pk]
    assert browser.post(f"{HOME}rules/{second.pk}/delete/").status_code == 302
    assert shown(browser.get(HOME))["WEB"] == (0, 0)


def test_the_api_lists_centers_and_rules_and_answers_costs_by_them(cast: Cast, days: int) -> None:
    lab = center(cast, "LAB")
    pool = center(cast, "POOL", "fixed", [(lab, Decimal(100))])
    made = rule(cast, pool, "service", "AmazonS3")
    api = cast.api(Role.VIEWER)
    centers = api.get("/api/v1/cost-centers/").json()["results"]
    assert [(one["code"], one["split"], one["shares"]) for one in centers] == [
        ("LAB", "none", []),
        ("POOL", "fixed", [{"center": "LAB", "percent": "100"}]),
    ]
    assert api.get("/api/v1/allocation-rules/").json()["results"] == [
        {
            "id": made.pk,
            "position": 1,
            "cost_center": "POOL",
            "conditions": [{"on": "service", "operator": "is", "values": ["AmazonS3"]}],
        }
    ]
    rows = api.get("/api/v1/costs/?granularity=total&group_by=cost_center").json()["rows"]
    groups = [row["group"] for row in rows]
    assert {"cost_center": "LAB", "cost_center_name": "The LAB"} in groups
    assert {"cost_center": "", "cost_center_name": "Unallocated"} in groups
    assert api.get("/api/v1/costs/?cost_center=NOPE").status_code == 400
    assert cast.api(Role.OWNER, cast.bolt).get("/api/v1/cost-centers/").json()["count"] == 0


def test_the_explorer_groups_filters_and_exports_by_cost_center(cast: Cast, days: int) -> None:
    lab = center(cast, "LAB")
    rule(cast, lab, "account", MEMBER)
    browser = cast.browser("victor")
    address = "/o/acme/explore/?period=last-month&group_by=cost_center&compare=previous"
    text = browser.get(address).content.decode()
    assert "The LAB" in text
    assert "Unallocated" in text
    file = b"".join(browser.get(f"{address}&format=csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "The LAB,LAB," in file
    only = browser.get("/o/acme/explore/?period=last-month&cost_center=LAB&group_by=service")
    assert only.status_code == 200
    assert "Shared costs are split" not in text
    center(cast, "POOL", "proportional")
    assert "Shared costs are split" in browser.get(address).content.decode()
    wrong = browser.get("/o/acme/explore/?cost_center=NOPE")
    assert wrong.status_code == 400
    assert "There is no cost center “NOPE” here" in wrong.content.decode()


def test_what_is_unallocated_is_told_once_there_are_centers(cast: Cast, days: int) -> None:
    today = timezone.now().date()
    assert unallocated(cast.acme, today, "USD") is None
    rule(cast, center(cast, "LAB"), "account", MEMBER)
    found = unallocated(cast.acme, today, "USD")
    assert found is not None
    assert found["amount"] * cost() == found["share_of"] * (cost() - cost(account=MEMBER))
    assert unallocated(cast.acme, today, None) is None


def test_the_pages_take_a_constant_number_of_queries(cast: Cast, days: int) -> None:
    pool = center(cast, "POOL", "proportional")
    one = rule(cast, pool, "service", "AmazonS3")
    browser = cast.browser("fiona")
    counts = []
    for more in (1, 8):
        for number in range(more):
            made = center(cast, f"C{more}-{number}")
            rule(cast, made, "service", f"{more}-{number}")
        found = []
        for path in ("", f"{pool.pk}/", f"rules/{one.pk}/"):
            with CaptureQueriesContext(database) as queries:
                assert browser.get(HOME + path).status_code == 200
            found.append(len(queries))
        counts.append(found)
    assert counts[0] == counts[1]


def test_the_overview_says_what_is_unallocated_once_there_are_centers(
    cast: Cast, days: int
) -> None:
    browser = cast.browser("victor")
    assert "belongs to no" not in browser.get("/o/acme/").content.decode()
    rule(cast, center(cast, "LAB"), "account", MEMBER)
    assert "belongs to no" in browser.get("/o/acme/").content.decode()
    rule(cast, center(cast, "REST"), "account", PAYER)
    assert "Every cost belongs to a" in browser.get("/o/acme/").content.decode()
