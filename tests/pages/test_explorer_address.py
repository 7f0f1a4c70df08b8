"""The explorer's form and its address say the same."""

from datetime import date

import pytest
from django.http import QueryDict

from billing.explorer import FilterRow, address_of, read_address
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
        ("this-year", date(2026, 1, 1), date(2026, 4, 1)),
    ],
)
def test_a_period_by_name_has_its_days(name: str, start: date, end: date) -> None:
    assert PRESETS[name].days(TODAY) == (start, end)


def test_defaults_are_left_out_of_the_address() -> None:
    assert address_of(form(), TODAY) == ""


def test_a_period_by_name_stays_relative() -> None:
    assert address_of(form(period="last-month"), TODAY) == "period=last-month"


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
        FilterRow("service", True, "AmazonEC2"),
        FilterRow("service", True, "a&b"),
        FilterRow("tag:cost=", False, "x y "),
        FilterRow("region", False, ""),
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
    ],
)
def test_a_wrong_address_is_answered_in_words(address: str, parameter: str) -> None:
    assert read_address(QueryDict(address), TODAY).problems[parameter]
