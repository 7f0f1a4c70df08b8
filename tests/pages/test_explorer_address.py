"""The explorer's form and its address say the same."""

from datetime import date

import pytest
from django.http import QueryDict

from billing.cost_query import Operator
from billing.explorer import FilterRow, read_address
from billing.explorer_fields import address_of
from billing.periods import PRESETS

TODAY = date(2026, 3, 30)


def form(**fields: str | list[str]) -> QueryDict:
    sent = QueryDict(mutable=True)
    defaults = {
        "edit": "1",
        "period": "this-month",
        "first_day": "2026-03-01",
        "last_day": "2026-03-31",
        "shown": "2026-03-01/2026-03-31",
        "granularity": "daily",
        "metric": "unblended_cost",
    }
    for name, value in {**defaults, **fields}.items():
        sent.setlist(name, value if isinstance(value, list) else [value])
    return sent


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("this-month", date(2026, 3, 1), date(2026, 4, 1)),
        ("last-month", date(2026, 2, 1), date(2026, 3, 1)),
        ("last-7-days", date(2026, 3, 23), date(2026, 3, 30)),
        ("last-30-days", date(2026, 2, 28), date(2026, 3, 30)),
        ("last-3-months", date(2025, 12, 1), date(2026, 3, 1)),
        ("last-6-months", date(2025, 9, 1), date(2026, 3, 1)),
        ("last-12-months", date(2025, 3, 1), date(2026, 3, 1)),
        ("this-week", date(2026, 3, 30), date(2026, 4, 6)),
        ("last-week", date(2026, 3, 23), date(2026, 3, 30)),
        ("last-90-days", date(2025, 12, 30), date(2026, 3, 30)),
        ("this-quarter", date(2026, 1, 1), date(2026, 4, 1)),
        ("last-quarter", date(2025, 10, 1), date(2026, 1, 1)),
        ("year-to-date", date(2026, 1, 1), date(2026, 3, 31)),
        ("this-year", date(2026, 1, 1), date(2027, 1, 1)),
        ("last-year", date(2025, 1, 1), date(2026, 1, 1)),
    ],
)
def test_a_period_by_name_has_its_days(name: str, start: date, end: date) -> None:
    assert PRESETS[name].days(TODAY) == (start, end)


def test_defaults_are_left_out_of_the_address() -> None:
    assert address_of(form(group_1="service"), TODAY) == ""


def test_nothing_to_group_by_is_said_where_an_empty_address_would_mean_services() -> None:
    assert address_of(form(), TODAY) == "group_by="
    assert read_address(QueryDict("group_by="), TODAY).groups == []
    assert address_of(form(compare="previous"), TODAY) == "compare=previous&group_by="


def test_a_period_by_name_stays_relative() -> None:
    assert address_of(form(period="last-month"), TODAY) == "period=last-month"


@pytest.mark.parametrize("address", ["", "format=csv", "page=2", "compare=previous", "sort=name"])
def test_how_the_page_is_shown_does_not_change_what_it_is_of(address: str) -> None:
    read = read_address(QueryDict(address), TODAY)
    assert read.groups == ["service"]
    assert read.problems == {}


def test_boxes_leave_out_charge_types_in_the_language_of_the_api() -> None:
    sent = form(
        group_1="service",
        leave_out=["Credit", "Tax"],
        filter_dimension=["charge_type", "charge_type"],
        filter_operator=["is_not", "contains_not"],
        filter_value=["Refund", "Credit"],
    )
    address = address_of(sent, TODAY)
    assert address == (
        "group_by=service&charge_type!=Credit&charge_type!=Tax&charge_type!=Refund"
        "&charge_type!~=Credit"
    )
    read = read_address(QueryDict(address), TODAY)
    assert read.left_out == ["Credit", "Tax", "Refund"]
    assert read.other_filters == [FilterRow("charge_type", Operator.CONTAINS_NOT, "Credit")]


def test_a_part_of_a_value_is_asked_for_with_a_tilde() -> None:
    sent = form(
        filter_dimension=["tag:wow!", "service"],
        filter_operator=["contains", "contains_not"],
        filter_value=["100 %", "&é"],
    )
    read = read_address(QueryDict(address_of(sent, TODAY)), TODAY)
    assert read.filters == [
        FilterRow("tag:wow!", Operator.CONTAINS, "100 %"),
        FilterRow("service", Operator.CONTAINS_NOT, "&é"),
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"sort": "-change", "compare": "previous"}, "-change"),
        ({"sort": "-change"}, None),
        ({"sort": "second", "group_1": "service"}, None),
        ({"sort": "second", "group_1": "service", "group_2": "region"}, "second"),
        ({"sort": "nonsense"}, None),
    ],
)
def test_an_order_that_the_new_table_lacks_is_dropped(
    given: dict[str, str | list[str]], kept: str | None
) -> None:
    assert QueryDict(address_of(form(**given), TODAY)).get("sort") == kept


def test_a_link_keeps_the_question_and_drops_the_page() -> None:
    read = read_address(
        QueryDict("period=last-week&compare=previous&page=3&service~=ec2&group_by=account"), TODAY
    )
    kept = "?period=last-week&compare=previous&service~=ec2&group_by=account"
    assert read.permalink() == kept
    assert read.fixed() == (
        "?compare=previous&service~=ec2&group_by=account&from=2026-03-23&to=2026-03-30"
    )
    assert read_address(QueryDict(read.fixed()[1:]), TODAY).fixed() == ""
    assert read.on_page(1) == kept
    assert read.on_page(2) == f"{kept}&page=2"
    assert read.download("xlsx") == f"{kept}&format=xlsx"
    assert read.sorted_by("name") == f"{kept}&sort=name"
    assert read.sorted_by("-amount") == kept
    assert read.closer("account", "1") == (
        "?period=last-week&compare=previous&service~=ec2&group_by=service&account=1"
    )


def test_days_that_somebody_changed_win_over_the_name() -> None:
    sent = form(first_day="2026-03-05", last_day="2026-03-09")
    assert address_of(sent, TODAY) == "from=2026-03-05&to=2026-03-10"


def test_days_that_are_no_days_reach_the_query_unchanged() -> None:
    assert address_of(form(first_day="soon"), TODAY) == "from=soon&to=2026-04-01"


def test_every_filter_row_becomes_a_parameter() -> None:
    sent = form(
        group_1="service",
        group_2="service",
        filter_dimension=["service", "service", "tag:cost=", "", "region"],
        filter_operator=["is_not", "is_not", "is", "is", "is"],
        filter_value=["AmazonEC2", "a&b", "x y ", "ignored", ""],
    )
    address = address_of(sent, TODAY)
    assert QueryDict(address).lists() != []
    assert dict(QueryDict(address).lists()) == {
        "group_by": ["service"],
        "service!": ["AmazonEC2", "a&b"],
        "tag:cost==": ["x y "],
        "region": [""],
    }
    read = read_address(QueryDict(address), TODAY)
    assert read.filters == [
        FilterRow("service", Operator.IS_NOT, "AmazonEC2"),
        FilterRow("service", Operator.IS_NOT, "a&b"),
        FilterRow("tag:cost=", Operator.IS, "x y "),
        FilterRow("region", Operator.IS, ""),
    ]
    assert read.problems == {}


def test_an_empty_address_shows_this_month_by_service() -> None:
    read = read_address(QueryDict(""), TODAY)
    assert read.cost_params.dict() == {
        "from": "2026-03-01",
        "to": "2026-04-01",
        "granularity": "daily",
        "group_by": "service",
    }
    assert read.form_data()["last_day"] == "2026-03-31"


@pytest.mark.parametrize(
    ("address", "parameter"),
    [
        ("period=eternity", "period"),
        ("period=last-month&from=2026-01-01", "period"),
        ("sort=colour", "sort"),
        ("sort=change", "sort"),
        ("sort=second&group_by=service", "sort"),
        ("compare=next", "compare"),
        ("compare=previous&compare=previous", "compare"),
        ("page=0", "page"),
        ("page=two", "page"),
        ("page=99999999999999999999", "page"),
        ("format=pdf", "format"),
        ("limit=3", "limit"),
        ("organization=acme", "organization"),
    ],
)
def test_a_wrong_address_is_answered_in_words(address: str, parameter: str) -> None:
    assert read_address(QueryDict(address), TODAY).problems[parameter]
