"""The periods people ask for by name. They stay relative: a link to "last month" moves on."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

DEFAULT = "this-month"
_MONTH = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Preset:
    """A named period: `days(today)` gives its first day and the day after its last."""

    name: str
    label: str
    days: Callable[[date], tuple[date, date]]


def month_named(text: str) -> date | None:
    """Return the first day of a month written as YYYY-MM, None where this is none."""
    found = _MONTH.fullmatch(text)
    return date(int(found[1]), int(found[2]), 1) if found else None


def month_start(day: date, months: int = 0) -> date:
    """Return the first day of the month that lies `months` after the day's own."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def week_start(day: date) -> date:
    """Return the Monday of the day's week."""
    return day - timedelta(days=day.weekday())


def _weeks(first: int) -> Callable[[date], tuple[date, date]]:
    def days(today: date) -> tuple[date, date]:
        start = week_start(today) + timedelta(weeks=first)
        return start, start + timedelta(weeks=1)

    return days


def _months(first: int, after_last: int) -> Callable[[date], tuple[date, date]]:
    return lambda today: (month_start(today, first), month_start(today, after_last))


def _spans(length: int, first: int) -> Callable[[date], tuple[date, date]]:
    """Return a span of the year, `length` months each: quarters, or the year itself."""

    def days(today: date) -> tuple[date, date]:
        start = month_start(today, first * length - (today.month - 1) % length)
        return start, month_start(start, length)

    return days


def _last_days(count: int) -> Callable[[date], tuple[date, date]]:
    return lambda today: (today - timedelta(days=count), today)


def _year_to_date(today: date) -> tuple[date, date]:
    return today.replace(month=1, day=1), today + timedelta(days=1)


# Those under way reach to their end: fees can lie on days to come.
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("this-month", "This month", _months(0, 1)),
        Preset("last-month", "Last month", _months(-1, 0)),
        Preset("this-week", "This week", _weeks(0)),
        Preset("last-week", "Last week", _weeks(-1)),
        Preset("last-7-days", "Last 7 days", _last_days(7)),
        Preset("last-30-days", "Last 30 days", _last_days(30)),
        Preset("last-90-days", "Last 90 days", _last_days(90)),
        Preset("last-3-months", "Last 3 months", _months(-3, 0)),
        Preset("last-6-months", "Last 6 months", _months(-6, 0)),
        Preset("last-12-months", "Last 12 months", _months(-12, 0)),
        Preset("this-quarter", "This quarter", _spans(3, 0)),
        Preset("last-quarter", "Last quarter", _spans(3, -1)),
        Preset("year-to-date", "Year to date", _year_to_date),
        Preset("this-year", "This year", _spans(12, 0)),
        Preset("last-year", "Last year", _spans(12, -1)),
    )
}


def before(start: date, end: date) -> tuple[date, date]:
    """Return the days before a range that compare with it: whole months with as many months,
    other ranges with as many days.
    """
    if start.day == end.day == 1:
        months = (end.year - start.year) * 12 + end.month - start.month
        return month_start(start, -months), start
    return start - (end - start), start
