"""What the pages and the API read of budgets. Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Prefetch, QuerySet

from billing.budgets.figures import query_of
from billing.budgets.inputs import Threshold
from billing.budgets.models import AlertNotice, Budget, BudgetAlert, BudgetPeriod, BudgetStanding
from billing.budgets.periods import Period, label_of, period_of
from billing.budgets.services import crossed, thresholds_of
from billing.cost_query import CostFilter, CostQueryError
from billing.cost_terms import EARLIEST, LATEST
from billing.dimensions import Dimension
from billing.exact import added
from billing.reports import NAMED_GROUPS, Names, names_for
from organizations.models import Organization

LAST_NOTICES = 50
_HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Bar:
    """A bar on a scale from 0 to 100: what was spent, where it leads, the marks, the budget."""

    actual: str
    forecast: str
    marks: tuple[str, ...]
    budget: str

    @classmethod
    def of(
        cls, amount: Decimal, actual: Decimal, leads_to: Decimal | None, percents: Iterable[int]
    ) -> "Bar":
        """Return the bar of these amounts; it is as long as the greatest of them."""
        marks = sorted({amount * one / _HUNDRED for one in percents})
        longest = max(amount, actual, leads_to or amount, *marks)

        def place(one: Decimal) -> str:
            return f"{max(one, Decimal(0)) / longest * _HUNDRED:.2f}"

        return cls(
            actual=place(actual),
            forecast=place(leads_to if leads_to is not None else actual),
            marks=tuple(place(one) for one in marks),
            budget=place(amount),
        )


@dataclass(frozen=True)
class Reached:
    """A threshold of the present period: what it comes to, and whether that is reached."""

    threshold: Threshold
    amount: Decimal
    is_crossed: bool
    alert: BudgetAlert | None


@dataclass(frozen=True)
class Standing:
    """One period of a budget as people read it; `used` and `leads_to` are percent of the amount."""

    label: str
    row: BudgetStanding
    used: Decimal
    leads_to: Decimal | None
    state: str
    state_label: str
    bar: Bar

    @property
    def left(self) -> Decimal:
        """Return what is left of the amount; negative when it is spent."""
        return added([self.row.budget_amount, self.row.actual.copy_negate()])

    @property
    def over(self) -> Decimal:
        """Return how much more than the amount was spent; negative where some is left."""
        return self.left.copy_negate()

    @property
    def is_partial(self) -> bool:
        """Say whether the bills begin within the period."""
        return self.row.data_from > self.row.period_start


@dataclass(frozen=True)
class BudgetLine:
    """A budget and its present period; `standing` is None before there is any bill."""

    budget: Budget
    period: Period
    label: str
    standing: Standing | None
    reached: tuple[Reached, ...]
    state: str
    state_label: str
    conditions: tuple[str, ...]


def budget_lines(organization: Organization, today: date) -> list[BudgetLine]:
    """Return all budgets, the one in most trouble first. A constant number of queries."""
    recent = BudgetStanding.objects.filter(period_end__gt=today)
    budgets = Budget.objects.of(organization).prefetch_related(
        Prefetch("standings", queryset=recent, to_attr="present"),
        Prefetch("alerts", queryset=_alerts_of_now(today), to_attr="alerts_now"),
    )
    found = list(budgets)
    names = names_for(organization, NAMED_GROUPS)
    lines = [_line(one, today, names) for one in found]
    return sorted(lines, key=_urgency)


def budget_line(budget: Budget, today: date) -> BudgetLine:
    """Return one budget with its present period."""
    budget.present = [one for one in budget.standings.all() if one.period_end > today]  # type: ignore[attr-defined]
    budget.alerts_now = list(_alerts_of_now(today).filter(budget=budget))  # type: ignore[attr-defined]
    return _line(budget, today, names_for(budget.organization, NAMED_GROUPS))


def history(budget: Budget) -> list[Standing]:
    """Return the periods of a budget, the newest first."""
    return [_standing(budget, row) for row in budget.standings.order_by("-period_start")]


def notices(budget: Budget) -> list[AlertNotice]:
    """Return the last messages about a budget, the newest first."""
    found = AlertNotice.objects.filter(budget=budget).select_related("alert")
    return list(found[:LAST_NOTICES])


def condition_texts(budget: Budget, names: Names) -> tuple[str, ...]:
    """Return a budget's filters in words: `Service is Amazon S3`."""
    return tuple(
        f"{Dimension.named(one.dimension).label} {one.operator.label} "
        + " or ".join(names.of(one.dimension, value) or value or "none" for value in one.values)
        for one in conditions_of(budget)
    )


def conditions_of(budget: Budget) -> tuple[CostFilter, ...]:
    """Return the filters of a budget; none where they cannot be asked for any more."""
    try:
        return query_of(budget, EARLIEST, LATEST).filters
    except CostQueryError:
        return ()


def _alerts_of_now(today: date) -> "QuerySet[BudgetAlert]":
    found: QuerySet[BudgetAlert] = BudgetAlert.objects.filter(period_end__gt=today)
    return found


def _line(budget: Budget, today: date, names: Names) -> BudgetLine:
    period = period_of(budget.period, today)
    row = next((one for one in budget.present if one.period_start == period.start), None)  # type: ignore[attr-defined]
    standing = _standing(budget, row) if row else None
    state, label = _state(budget, standing)
    return BudgetLine(
        budget=budget,
        period=period,
        label=label_of(budget.period, period.start),
        standing=standing,
        reached=_reached(budget, row, period),
        state=state,
        state_label=label,
        conditions=condition_texts(budget, names),
    )


def _reached(budget: Budget, row: BudgetStanding | None, period: Period) -> tuple[Reached, ...]:
    alerts = {
        (one.percent, one.basis): one
        for one in budget.alerts_now  # type: ignore[attr-defined]
        if one.period_start == period.start and one.revision == budget.revision
    }
    return tuple(
        Reached(
            threshold=one,
            amount=budget.amount * one.percent / _HUNDRED,
            is_crossed=row is not None and crossed(budget, one, row),
            alert=alerts.get((one.percent, one.basis)),
        )
        for one in thresholds_of(budget)
    )


def _standing(budget: Budget, row: BudgetStanding) -> Standing:
    amount = row.budget_amount
    leads_to = None if row.forecast is None else row.forecast / amount * _HUNDRED
    state, label = _state_of(row)
    return Standing(
        label=label_of(BudgetPeriod(budget.period), row.period_start),
        row=row,
        used=row.actual / amount * _HUNDRED,
        leads_to=leads_to,
        state=state,
        state_label=label,
        bar=Bar.of(
            amount, row.actual, row.forecast, [one.percent for one in thresholds_of(budget)]
        ),
    )


def _state(budget: Budget, standing: Standing | None) -> tuple[str, str]:
    """Return the state of a budget as a badge's colour and words."""
    if not budget.is_active:
        return "off", "Switched off"
    if budget.problem:
        return "failing", "Cannot be told"
    if standing is None:
        return "waiting", "No bill yet"
    return standing.state, standing.state_label


def _state_of(row: BudgetStanding) -> tuple[str, str]:
    if row.actual > row.budget_amount:
        return "failing", "Over budget"
    if row.forecast is not None and row.forecast > row.budget_amount:
        return "degraded", "Forecast over budget"
    return "healthy", "Within budget"


def _urgency(line: BudgetLine) -> tuple[bool, Decimal, str]:
    standing = line.standing
    most = max(standing.used, standing.leads_to or Decimal(0)) if standing else Decimal(-1)
    return (not line.budget.is_active, -most, line.budget.name.lower())
