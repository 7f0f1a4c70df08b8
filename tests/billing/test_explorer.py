"""What the explorer comes to, against sums in plain Python: its table, comparison and files."""

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from pytest_django import DjangoAssertNumQueries

from billing import exploration
from billing.cost_query import CostQueryError
from billing.exact import added, plain
from billing.exploration import Exploration, explore
from billing.explorer import SORTS, read_address
from billing.explorer_question import Asked, question_of
from billing.explorer_sheet import sheet_of
from billing.models import ServiceName
from connections.models import Account, Connection, ConnectionKind
from organizations.models import AuditEvent, Organization
from organizations.sheets import csv_lines
from tests.billing.cost_facts import Item, connect, deliver, sums
from tests.billing.cost_items import APRIL, ARN, DATA, DIMENSIONS, MARCH, PAYER, WEB, counts
from tests.cast import Cast

pytestmark = pytest.mark.django_db

TODAY = dt.date(2026, 5, 20)
Sums = dict[tuple[str, ...], Decimal]


def question(organization: Organization, text: str, today: dt.date = TODAY) -> Asked:
    address = read_address(QueryDict(text), today)
    assert address.problems == {}
    return question_of(organization, address, today)


def show(organization: Organization, text: str, page: int = 1) -> Exploration:
    return explore(question(organization, text), page)


def by_group(items: list[Item], start: dt.date, end: dt.date, by: tuple[str, ...]) -> Sums:
    kept = [item for item in items if counts(item, start, end)]
    return {group: amount for (_, group), amount in sums(kept, "unblended_cost", by).items()}


def compared(items: list[Item], by: tuple[str, ...]) -> dict[tuple[str, ...], Any]:
    """{group: (cost in April, cost in March)}, by day."""
    now = by_group(items, APRIL, dt.date(2026, 5, 1), by)
    then = by_group(items, MARCH, APRIL, by)
    return {
        group: (now.get(group, Decimal(0)), then.get(group, Decimal(0))) for group in now | then
    }


RANGE = "from=2026-04-01&to=2026-05-01"
BY = [("service",), ("resource",), ("tag:team", "region"), ("account", "cost_category:Unit")]


@pytest.mark.parametrize("granularity", ["daily", "weekly", "monthly", "total"])
@pytest.mark.parametrize("by", BY)
def test_a_comparison_has_every_group_of_either_period(
    cast: Cast, items: list[Item], by: tuple[str, ...], granularity: str
) -> None:
    groups = "".join(f"&group_by={name}" for name in by)
    found = show(cast.acme, f"{RANGE}{groups}&compare=previous&granularity={granularity}")
    wanted = compared(items, by)
    assert {one.values: (one.amount, one.previous) for one in found.groups} == wanted
    assert found.ranking.total == added(now for now, _ in wanted.values())
    assert found.ranking.previous_total == added(then for _, then in wanted.values())
    assert found.ranking.row_count == len(wanted)


def test_a_comparison_keeps_the_filters(cast: Cast, items: list[Item]) -> None:
    found = show(cast.acme, f"{RANGE}&compare=previous&group_by=&tag:team~=WE&service!=AmazonS3")
    kept = [item for item in items if "team" in item.tags and item.service != "AmazonS3"]
    ((now, then),) = compared(kept, ()).values()
    assert (found.ranking.total, found.ranking.previous_total) == (now, then)
    assert found.groups == []


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("from=2026-02-01&to=2026-03-01", dt.date(2026, 1, 1), dt.date(2026, 2, 1)),
        ("from=2026-01-01&to=2026-04-01", dt.date(2025, 10, 1), dt.date(2026, 1, 1)),
        ("from=2026-03-05&to=2026-03-12", dt.date(2026, 2, 26), dt.date(2026, 3, 5)),
        ("period=last-week", dt.date(2026, 5, 4), dt.date(2026, 5, 11)),
        ("period=last-year", dt.date(2024, 1, 1), dt.date(2025, 1, 1)),
        ("period=last-30-days", dt.date(2026, 3, 21), dt.date(2026, 4, 20)),
    ],
)
def test_the_period_before_is_as_long(cast: Cast, text: str, start: dt.date, end: dt.date) -> None:
    previous = question(cast.acme, f"{text}&compare=previous").previous
    assert previous is not None
    assert (previous.start, previous.end) == (start, end)


def test_a_range_under_way_is_compared_with_as_many_days_as_were_delivered(
    cast: Cast, payer: Connection
) -> None:
    days = [MARCH + dt.timedelta(days=n) for n in range(40)]
    deliver(payer, MARCH, [Item(WEB, day, Decimal(1)) for day in days if day < APRIL])
    deliver(payer, APRIL, [Item(WEB, day, Decimal(1)) for day in days if day >= APRIL])
    asked = question(cast.acme, "period=this-month&compare=previous", dt.date(2026, 4, 11))
    found = explore(asked)
    assert asked.previous is not None
    assert (asked.previous.start, asked.previous.end) == (MARCH, dt.date(2026, 3, 10))
    assert found.ranking.total == found.ranking.previous_total == Decimal(9)
    # A month later the range is over, whatever is still missing of it.
    later = question(cast.acme, f"{RANGE}&compare=previous")
    assert later.previous is not None
    assert later.previous.end == APRIL


KEYS: dict[str, Callable[[tuple[str, ...], Decimal, Decimal], Any]] = {
    "amount": lambda group, now, then: now,
    "previous": lambda group, now, then: then,
    "change": lambda group, now, then: now - then,
    "percent": lambda group, now, then: (now - then) / abs(then) if then else None,
    "name": lambda group, now, then: {"AmazonEC2": "zeta"}.get(group[0], group[0].lower()),
    "second": lambda group, now, then: {WEB: "all the web"}.get(group[1], group[1]),
}


@pytest.mark.parametrize("sort", SORTS)
def test_the_table_is_sorted_as_asked_for(cast: Cast, items: list[Item], sort: str) -> None:
    ServiceName.objects.create(organization=cast.acme, code="AmazonEC2", name="Zeta")
    Account.objects.create(organization=cast.acme, account_id=WEB, name="All the web")
    text = f"{RANGE}&group_by=service&group_by=account&compare=previous&sort={sort}"
    rows = show(cast.acme, text).groups
    assert len(rows) > 3
    keys = [KEYS[sort.lstrip("-")](one.values, one.amount, one.previous) for one in rows]
    known = [key for key in keys if key is not None]
    assert known == sorted(known, reverse=sort.startswith("-"))
    # A change from nothing is no percentage: it stands at the end either way.
    assert keys == known + [None] * (len(keys) - len(known))


def test_pages_hold_every_row_once_and_add_up(
    cast: Cast, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exploration, "PAGE_ROWS", 7)
    text = f"{RANGE}&group_by=resource&group_by=region&compare=previous&sort=name"
    wanted = compared(items, ("resource", "region"))
    first = show(cast.acme, text)
    assert first.page_count == -(-len(wanted) // 7) > 1
    pages = [show(cast.acme, text, page) for page in range(1, first.page_count + 1)]
    rows = [row for page in pages for row in page.groups]
    assert len(rows) == len(wanted)
    assert {row.values: (row.amount, row.previous) for row in rows} == wanted
    for page in pages:
        assert page.elsewhere is not None
        shown = [row.amount for row in page.groups]
        assert added([*shown, page.elsewhere.amount]) == page.ranking.total == first.ranking.total
        before = [row.previous for row in page.groups]
        assert added([*before, page.elsewhere.previous]) == page.ranking.previous_total
        assert [one.values for one in page.ranking.leading] == [
            one.values for one in first.ranking.leading
        ]
    with pytest.raises(CostQueryError) as caught:
        show(cast.acme, text, first.page_count + 1)
    assert f"the last one is {first.page_count}" in caught.value.errors["page"][0]


@pytest.mark.parametrize("granularity", ["daily", "weekly", "monthly"])
@pytest.mark.parametrize("filters", ["", "&resource=i-1&resource=vol-2", "&tag:team!="])
def test_the_chart_names_the_biggest_nine_and_adds_up_to_the_table(
    cast: Cast, items: list[Item], granularity: str, filters: str
) -> None:
    by = "&group_by=usage_type&group_by=operation" if filters else "&group_by=resource,region"
    found = show(cast.acme, f"from=2026-03-01&to=2026-05-01&granularity={granularity}{by}{filters}")
    chart = found.timeline
    assert chart is not None
    assert chart.total == found.ranking.total
    sizes = sorted((abs(one.amount) for one in found.groups), reverse=True)
    named = [one for one in chart.series if one.key != "other"]
    assert [abs(one.total) for one in named] == sizes[: len(named)]
    assert len(named) == min(9, len(sizes))
    assert len(chart.series) == len(named) + (len(sizes) > 9)


def test_twenty_filters_and_two_groups_fit_on_a_page(cast: Cast, items: list[Item]) -> None:
    filters = "".join(f"&tag:t{n}!=x" for n in range(20))
    plainly = show(cast.acme, f"{RANGE}&group_by=service&group_by=region")
    found = show(cast.acme, f"{RANGE}&group_by=service&group_by=region{filters}")
    assert found.ranking.total == plainly.ranking.total
    assert found.timeline is not None
    with pytest.raises(CostQueryError) as caught:
        show(cast.acme, f"{RANGE}{filters}{''.join(f'&tag:u{n}=x' for n in range(30))}")
    assert caught.value.errors == {"filters": ["Use at most 20 filters at once."]}


AWKWARD = ["=", "&", "!", "~", "a!~", "a=~", "é 日本", "'\"", "a,b", "a;b", "%", "a b", "\\", "<i>"]


@pytest.mark.parametrize("key", AWKWARD)
def test_a_tag_key_of_any_characters_can_be_followed(
    cast: Cast, payer: Connection, key: str
) -> None:
    tagged = Item(WEB, APRIL, Decimal(3), tags={key: "x&=y"})
    deliver(payer, APRIL, [tagged, Item(WEB, APRIL, Decimal(4))])
    start = QueryDict(mutable=True)
    start["group_by"] = f"tag:{key}"
    start["from"], start["to"] = "2026-04-01", "2026-05-01"
    browser = cast.browser("victor")
    page = browser.get(f"/o/acme/explore/?{start.urlencode()}")
    rows = {row["cells"][0]["label"]: row for row in page.context["result"]["groups"]}
    assert rows["x&=y"]["amount"] == Decimal(3)
    closer = browser.get(f"/o/acme/explore/{rows['x&=y']['cells'][0]['url']}")
    assert closer.status_code == 200
    assert closer.context["result"]["total"] == Decimal(3)


def amounts(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_the_csv_file_is_the_table_on_the_screen(cast: Cast, items: list[Item]) -> None:
    Account.objects.create(organization=cast.acme, account_id=WEB, name="=web")
    text = f"{RANGE}&group_by=account&group_by=tag:team&compare=previous&sort=-change"
    browser = cast.browser("victor")
    page = browser.get(f"/o/acme/explore/?{text}")
    answer = browser.get(f"/o/acme/explore/?{text}&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="costs_2026-04-01_2026-04-30.csv"' in answer.headers["Content-Disposition"]
    head, *rows = amounts(b"".join(answer.streaming_content).decode())
    assert head == [
        "Account",
        "Account id",
        "Tag team",
        "Unblended cost (USD)",
        "Share",
        "Before (USD)",
        "Change (USD)",
        "Change %",
    ]
    shown = page.context["result"]["groups"]
    assert len(shown) == len(rows) > 4
    wanted = compared(items, ("account", "tag:team"))
    for row, group in zip(rows, shown, strict=True):
        account, team = group["cells"]
        assert row[0].lstrip("'") == account["label"]
        assert row[0] != "=web"
        assert row[2] == team["label"]
        now, then = wanted[row[1], "" if row[2] == "No tag team" else row[2]]
        assert (Decimal(row[3]), Decimal(row[5])) == (now, then)
        assert Decimal(row[6]) == added([now, -then])
        if then > 0:
            assert abs(Decimal(row[7]) - (now - then) / then) < Decimal("0.000001")
    assert abs(sum(Decimal(row[4]) for row in rows) - 1) < Decimal("0.0001")


@pytest.mark.parametrize(
    ("granularity", "head", "first"),
    [
        ("daily", "Day", "2026-03-31"),
        ("weekly", "Week from", "2026-03-30"),
        ("monthly", "Month", "2026-03"),
    ],
)
def test_without_groups_the_file_has_the_periods(
    cast: Cast, items: list[Item], granularity: str, head: str, first: str
) -> None:
    text = f"from=2026-03-31&to=2026-05-01&granularity={granularity}&group_by="
    asked = question(cast.acme, text)
    found = explore(asked)
    answer = cast.browser("victor").get(f"/o/acme/explore/?{text}&format=csv")
    heads, *rows = amounts(b"".join(answer.streaming_content).decode())
    assert heads == [head, "Unblended cost (USD)"]
    assert rows[0][0] == first
    assert found.timeline is not None
    assert [row[0] for row in rows] == list(found.timeline.periods)
    kept = by_group(items, dt.date(2026, 3, 31), dt.date(2026, 5, 1), ())
    assert added(Decimal(row[1]) for row in rows) == kept[()]


def test_a_total_without_groups_is_a_file_of_one_row(cast: Cast, items: list[Item]) -> None:
    text = f"{RANGE}&granularity=total&group_by=&compare=previous&format=csv"
    answer = cast.browser("victor").get(f"/o/acme/explore/?{text}")
    ((now, then),) = compared(items, ()).values()
    head, row = amounts(b"".join(answer.streaming_content).decode())
    assert head == ["Unblended cost (USD)", "Before (USD)", "Change (USD)", "Change %"]
    assert row[:3] == [plain(now), plain(then), plain(added([now, -then]))]


def test_a_change_from_next_to_nothing_is_a_line_like_any_other(
    cast: Cast, payer: Connection
) -> None:
    deliver(payer, MARCH, [Item(WEB, MARCH, Decimal("1e-20"))])
    deliver(payer, APRIL, [Item(WEB, APRIL, Decimal("1234567.25"))])
    text = f"{RANGE}&group_by=service&compare=previous&format=csv"
    answer = cast.browser("victor").get(f"/o/acme/explore/?{text}")
    _, row = amounts(b"".join(answer.streaming_content).decode())
    assert row[2:5] == ["1234567.25", "1", "0.00000000000000000001"]
    assert row[-1].startswith("1234567249999999999999")


def test_the_workbook_says_what_it_is(cast: Cast, items: list[Item]) -> None:
    text = (
        f"{RANGE}&group_by=resource&metric=list_cost&compare=previous"
        "&charge_type!=Credit&tag:team=&service~=amazon"
    )
    answer = cast.browser("fiona").get(f"/o/acme/explore/?{text}&format=xlsx")
    assert 'filename="costs_2026-04-01_2026-04-30.xlsx"' in answer.headers["Content-Disposition"]
    kept = [
        item
        for item in items
        if item.charge_type != "Credit"
        and "team" not in item.tags
        and item.service.startswith("Amazon")
        and counts(item, APRIL, dt.date(2026, 5, 1))
    ]
    total = sums(kept, "list_cost")["", ()]
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as book:
        table = book.read("xl/worksheets/sheet1.xml").decode()
        about = re.findall(r"<t[^>]*>([^<]*)</t>", book.read("xl/worksheets/sheet2.xml").decode())
    said = dict(zip(about[::2], about[1::2], strict=True))
    generated = said.pop("Generated at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", generated)
    through = max(item.day for item in items if item.account and item.day)
    assert said == {
        "Organization": "Acme Ltd",
        "Range": "2026-04-01 to 2026-04-30",
        "Grouped by": "Resource",
        "Filters": ("Charge type is not Credit; Service contains amazon; Tag team is (none)"),
        "Measure": "List cost",
        "Currency": "USD",
        "Total": plain(total),
        "Before": "2026-03-01 to 2026-03-31",
        "Total before": said["Total before"],
        "Data through": through.isoformat(),
        "Final": "no: AWS may still change these figures",
        "Accounts": "Costs of accounts that are not connected are in no figure.",
        "Generated by": "fiona",
    }
    assert "<f>" not in table
    assert ARN in table


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_every_download_is_noted(cast: Cast, items: list[Item], file_format: str) -> None:
    cast.browser("fiona").get(f"/o/acme/explore/?{RANGE}&service~=ec2&format={file_format}&page=1")
    event = AuditEvent.objects.of(cast.acme).get(action="costs.exported")
    assert event.actor == "fiona"
    assert event.changes == {"format": file_format, "query": f"?{RANGE}&service~=ec2"}


def test_a_wrong_question_is_no_file(cast: Cast, items: list[Item]) -> None:
    for text in ("format=pdf", "format=csv&from=2026-02-02&to=2026-01-01", "format=xlsx&page=x"):
        answer = cast.browser("fiona").get(f"/o/acme/explore/?{text}")
        assert answer.status_code == 400
        assert 'role="alert"' in answer.content.decode() or "errorlist" in answer.content.decode()
    assert not AuditEvent.objects.of(cast.acme).filter(action="costs.exported").exists()


def test_the_file_of_nothing_is_its_header(cast: Cast) -> None:
    answer = cast.browser("boris").get("/o/bolt/explore/?format=csv")
    assert amounts(b"".join(answer.streaming_content).decode()) == [
        ["Service", "Service code", "Unblended cost", "Share"]
    ]


def test_two_currencies_are_compared_in_the_one_named(cast: Cast, payer: Connection) -> None:
    other = Item(PAYER, MARCH, Decimal("9"), currency="CNY")
    deliver(payer, MARCH, [other, Item(WEB, MARCH, Decimal("2"))])
    deliver(payer, APRIL, [Item(WEB, APRIL, Decimal("5"))])
    text = f"{RANGE}&compare=previous&group_by=service"
    with pytest.raises(CostQueryError) as caught:
        show(cast.acme, text)
    assert "CNY and USD" in caught.value.errors["currency"][0]
    for currency, now, then in (("USD", 5, 2), ("CNY", 0, 9)):
        found = show(cast.acme, f"{text}&currency={currency}")
        assert (found.ranking.total, found.ranking.previous_total) == (now, then)


def test_the_oldest_range_has_none_before_it(cast: Cast, items: list[Item]) -> None:
    page = cast.browser("fiona").get(
        "/o/acme/explore/?from=2000-01-01&to=2026-01-01&granularity=monthly&compare=previous"
    )
    assert page.status_code == 400
    assert "No bill is as old" in page.content.decode()


# Of the page and of the file.
QUERIES = {
    "group_by=service": (23, 10),
    "group_by=service&compare=previous": (23, 10),
    "group_by=tag:team&granularity=total": (20, 9),
    "group_by=organizational_unit&group_by=account&granularity=weekly": (25, 11),
    "group_by=": (21, 10),
}


@pytest.mark.parametrize(("text", "counts"), QUERIES.items(), ids=QUERIES)
def test_the_number_of_queries_does_not_grow_with_the_data(
    cast: Cast,
    items: list[Item],
    django_assert_num_queries: DjangoAssertNumQueries,
    text: str,
    counts: tuple[int, int],
) -> None:
    browser = cast.browser("fiona")
    of_the_page, of_the_file = counts
    for account in (DATA, "444455556666", "555566667777"):
        with django_assert_num_queries(of_the_page):
            assert browser.get(f"/o/acme/explore/?{RANGE}&{text}").status_code == 200
        with django_assert_num_queries(of_the_file):
            answer = browser.get(f"/o/acme/explore/?{RANGE}&{text}&format=csv")
            assert b"".join(answer.streaming_content)
        other = connect(cast.acme, account, ConnectionKind.ROOT)
        more = [
            Item(account, dt.date(2026, 4, 9), Decimal(1), payer=account, resource=f"i-{n}")
            for n in range(20)
        ]
        deliver(other, APRIL, more)


@pytest.mark.parametrize("by", [(name,) for name in DIMENSIONS])
def test_a_part_of_a_value_is_found_in_every_dimension(
    cast: Cast, items: list[Item], by: tuple[str, ...]
) -> None:
    """Each value of the bill, its middle in capitals: the explorer finds what holds it."""
    values = {item.value(by[0]) for item in items}
    for value in sorted(values - {""}):
        part = value[1:].upper()
        wanted = {
            group: amount
            for group, amount in by_group(items, APRIL, dt.date(2026, 5, 1), by).items()
            if part in group[0].upper()
        }
        text = QueryDict(mutable=True)
        text["group_by"], text[f"{by[0]}~"] = by[0], part
        found = show(cast.acme, f"{RANGE}&granularity=total&{text.urlencode()}")
        assert {one.values: one.amount for one in found.groups} == wanted


def test_a_sheet_can_be_had_without_a_page(cast: Cast, items: list[Item]) -> None:
    asked = question(cast.acme, f"{RANGE}&group_by=account")
    lines = amounts("".join(csv_lines(sheet_of(asked, by="a schedule"))))
    assert {row[1] for row in lines[1:]} == {PAYER, WEB}
