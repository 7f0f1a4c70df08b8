"""On which days a schedule is due."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from billing.periods import month_start
from billing.saved_reports.models import Frequency, ReportSchedule

SEND_HOUR = 6  # UTC; bills of the day before have come by then


def due_on_or_before(schedule: ReportSchedule, day: date) -> date:
    """Return the latest day on which a letter was due, as the calendar alone has it."""
    if schedule.frequency == Frequency.DAILY:
        return day
    if schedule.frequency == Frequency.WEEKLY:
        return day - timedelta(days=(day.isoweekday() - schedule.weekday) % 7)
    this = day.replace(day=schedule.day)
    return this if this <= day else month_start(day, -1).replace(day=schedule.day)


def due_after(schedule: ReportSchedule, day: date) -> date:
    """Return the first day after this one on which a letter is due."""
    steps: dict[str, Callable[[date], date]] = {
        Frequency.DAILY: lambda due: due + timedelta(days=1),
        Frequency.WEEKLY: lambda due: due + timedelta(days=7),
        Frequency.MONTHLY: lambda due: month_start(due, 1).replace(day=schedule.day),
    }
    return steps[schedule.frequency](due_on_or_before(schedule, day))


def last_sending_day(now: datetime) -> date:
    """Return the latest day whose hour of sending has come (UTC)."""
    return now.date() if now.hour >= SEND_HOUR else now.date() - timedelta(days=1)
