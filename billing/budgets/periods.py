"""The periods of budgets: calendar months, quarters and years."""

from dataclasses import dataclass
from datetime import date

from billing.budgets.models import BudgetPeriod
from billing.periods import month_start

_MONTHS = {BudgetPeriod.MONTH: 1, BudgetPeriod.QUARTER: 3, BudgetPeriod.YEAR: 12}
# How many past periods a budget shows.
HISTORY = {BudgetPeriod.MONTH: 6, BudgetPeriod.QUARTER: 4, BudgetPeriod.YEAR: 2}


@dataclass(frozen=True)
class Period:
    """The days start <= day < end."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return (self.end - self.start).days


def period_of(kind: str, day: date, *, ago: int = 0) -> Period:
    """Return the period that holds a day, or the one that many periods before."""
    months = _MONTHS[BudgetPeriod(kind)]
    first = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    return Period(month_start(first, -ago * months), month_start(first, (1 - ago) * months))


def label_of(kind: str, start: date) -> str:
    """Return a period as people write it: `November 2026`, `Q4 2026`, `2026`."""
    if kind == BudgetPeriod.MONTH:
        return f"{start:%B %Y}"
    if kind == BudgetPeriod.QUARTER:
        return f"Q{(start.month + 2) // 3} {start.year}"
    return str(start.year)
