"""The periods people ask for by name. They stay relative: a link to "last month" moves on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

DEFAULT = "this-month"


@dataclass(frozen=True)
class Preset:
    """A named period: `days(today)` gives its first day and the day after its last."""

    name: str
    label: str
    days: Callable[[date], tuple[date, date]]


def month_start(day: date, months: int = 0) -> date:
    """Return the first day of the month that lies `months` after the day's own."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _months(first: int, after_last: int) -> Callable[[date], tuple[date, date]]:
    return lambda today: (month_start(today, first), month_start(today, after_last))


def _last_days(count: int) -> Callable[[date], tuple[date, date]]:
    return lambda today: (today - timedelta(days=count), today)


PRESETS = {
    preset.name: preset
    for preset in (
        # To the end of the month: fees can lie on days to come.
        Preset("this-month", "This month", _months(0, 1)),
        Preset("last-month", "Last month", _months(-1, 0)),
        Preset("last-7-days", "Last 7 days", _last_days(7)),
        Preset("last-30-days", "Last 30 days", _last_days(30)),
        Preset("last-3-months", "Last 3 months", _months(-3, 0)),
        Preset("last-6-months", "Last 6 months", _months(-6, 0)),
        Preset("last-12-months", "Last 12 months", _months(-12, 0)),
        Preset(
            "this-year",
            "This year",
            lambda today: (today.replace(month=1, day=1), month_start(today, 1)),
        ),
    )
}
