"""The list of budgets as a sheet to download."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

from billing.budgets.reports import BudgetLine
from organizations.models import Organization
from organizations.sheets import Column, Kind, Sheet

_COLUMNS = (
    Column("Budget", width=32),
    Column("Period", width=16),
    Column("From", Kind.DATE, 12),
    Column("To, not included", Kind.DATE, 16),
    Column("Costs that count", width=48),
    Column("Measure", width=20),
    Column("Currency", width=10),
    Column("Budget amount", Kind.MONEY, 18),
    Column("Actual", Kind.MONEY, 24),
    Column("Spent", Kind.SHARE, 10),
    Column("Forecast", Kind.MONEY, 24),
    Column("Data through", Kind.DATE, 14),
    Column("State", width=22),
)


def sheet_of(organization: Organization, lines: Iterable[BudgetLine], by: str) -> Sheet:
    """Return the budgets in the order of the page. `by` names who asked for them."""
    about = {
        "Organization": organization.name,
        "What": "Budgets and how they stand, the one in most trouble first",
        "Currencies": "Each budget counts costs in its own currency; they are never added",
        "Downloaded": f"{timezone.now():%Y-%m-%d %H:%M} UTC by {by}",
    }
    return Sheet("Budgets", _COLUMNS, _rows(lines), about)


def _rows(lines: Iterable[BudgetLine]) -> Iterator[list[Any]]:
    for line in lines:
        budget, standing = line.budget, line.standing
        row = standing.row if standing else None
        yield [
            budget.name,
            line.label,
            line.period.start,
            line.period.end,
            "; ".join(line.conditions) or "All connected accounts",
            budget.get_metric_display(),
            budget.currency,
            budget.amount,
            row.actual if row else None,
            standing and standing.used / 100,
            row.forecast if row and row.forecast is not None else None,
            row and row.data_through,
            line.state_label,
        ]
