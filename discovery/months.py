"""The two months that costs of resources are told for."""

from datetime import date, timedelta

# From the first day on, up to the day before the second.
Days = tuple[date, date]


def months(today: date) -> tuple[Days, Days]:
    """Return the days of this month, up to today, and those of the whole last month."""
    this_month = today.replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    return (this_month, today + timedelta(days=1)), (last_month, this_month)
