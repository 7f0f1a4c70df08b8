"""What the explorer shows: an answer as a ranking of groups and as bars over time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from billing import charts
from billing.cost_query import CostFilter, CostQuery, CostQueryError, Granularity
from billing.exact import added
from billing.periods import month_start
from billing.reports import CostReport, CostRow, cost_report, filtered
from organizations.models import Organization

MAX_GROUPS = 2
MAX_ROWS = 500
MAX_DAYS = 400
_SEPARATOR = "\x1f"  # joins the values of two groups into one key
ALL = "all"


@dataclass(frozen=True)
class Group:
    """One row of the ranking: the values and readable names of its dimensions, in their order."""

    values: tuple[str, ...]
    names: tuple[str, ...]
    amount: Decimal
    slot: int | str


@dataclass(frozen=True)
class Exploration:
    """The answer for a page.

    report        the totals by group, the biggest first, at most MAX_ROWS of them
    groups        its rows; empty when nothing is grouped by
    hidden_count  groups beyond those, `hidden_amount` what they cost together
    timeline      bars over time, None for a total
    ranking       bars by group, None unless a total is asked for
    """

    report: CostReport
    groups: list[Group]
    hidden_count: int
    hidden_amount: Decimal
    timeline: charts.StackedChart | None
    ranking: charts.BarChart | None

    @property
    def is_empty(self) -> bool:
        """Say whether there is no cost at all to show."""
        return not self.report.rows


def explore(organization: Organization, query: CostQuery) -> Exploration:
    """Answer for a page, in a constant number of database queries. Raises CostQueryError."""
    _check(query)
    totals = replace(query, granularity=Granularity.TOTAL, limit=MAX_ROWS)
    report = cost_report(organization, totals)
    keys = {_key(row): row.amount for row in report.rows}
    labels = {_key(row): " · ".join(_names(report, row)) for row in report.rows}
    currency = report.currency or ""
    timeline = ranking = None
    if query.granularity != Granularity.TOTAL:
        timeline = _timeline(organization, query, report, labels)
    elif query.group_by:
        ranking = charts.bars(keys, labels, currency)
    shown = charts.colours(charts.leading(keys))
    return Exploration(
        report=report,
        groups=[
            Group(row.group, _names(report, row), row.amount, shown.get(_key(row), charts.OTHER))
            for row in report.rows
        ]
        if query.group_by
        else [],
        hidden_count=report.row_count - len(report.rows),
        hidden_amount=added([report.total, *(amount.copy_negate() for amount in keys.values())]),
        timeline=timeline,
        ranking=ranking,
    )


def _check(query: CostQuery) -> None:
    if len(query.group_by) > MAX_GROUPS:
        raise CostQueryError({"group_by": [f"A page groups by at most {MAX_GROUPS} dimensions."]})
    days = (query.end - query.start).days
    if query.granularity == Granularity.DAILY and days > MAX_DAYS:
        raise CostQueryError(
            {
                "granularity": [
                    f"Daily figures of more than {MAX_DAYS} days do not fit on a page ({days} "
                    "were asked for). Choose monthly figures or fewer days."
                ]
            }
        )


def _timeline(
    organization: Organization,
    query: CostQuery,
    report: CostReport,
    labels: Mapping[str, str],
) -> charts.StackedChart | None:
    """Return the bars: the leading groups, and all the rest as the difference to the whole."""
    query = replace(query, limit=None)
    whole = cost_report(organization, replace(query, group_by=()))
    if not whole.rows:
        return None
    periods = _periods([row.period for row in whole.rows], query.granularity)
    per_period = {row.period: row.amount for row in whole.rows}
    amounts: dict[tuple[str, str], Decimal] = {}
    leading = charts.leading({_key(row): row.amount for row in report.rows})
    if query.group_by:
        rows = cost_report(organization, _only(query, report, leading)).rows
        amounts = {(row.period, _key(row)): row.amount for row in rows if _key(row) in leading}
    else:
        amounts = {(period, ALL): amount for period, amount in per_period.items()}
        labels = {ALL: "Cost"}
    return charts.stacked(
        periods,
        amounts,
        labels,
        report.currency or "",
        per_period=per_period,
        others=report.row_count - len(leading),
    )


def _only(query: CostQuery, report: CostReport, leading: Iterable[str]) -> CostQuery:
    """Narrow the query to the values that the leading groups have."""
    wanted = set(leading)
    rows = [row for row in report.rows if _key(row) in wanted]
    filters = [
        CostFilter(dimension, False, tuple(sorted({row.group[n] for row in rows})))
        for n, dimension in enumerate(query.group_by)
    ]
    return filtered(query, *filters)


def _key(row: CostRow) -> str:
    return _SEPARATOR.join(row.group)


def _names(report: CostReport, row: CostRow) -> tuple[str, ...]:
    return tuple(
        report.names.of(dimension.name, value) or value or f"No {_in_a_sentence(dimension.label)}"
        for dimension, value in zip(report.query.groups, row.group, strict=True)
    )


def _in_a_sentence(label: str) -> str:
    return label[:1].lower() + label[1:]


def _periods(found: list[str], granularity: Granularity) -> list[str]:
    """Return every period from the first to the last that has costs: a gap is a zero."""
    if granularity == Granularity.MONTHLY:
        first, last = (date.fromisoformat(f"{one}-01") for one in (min(found), max(found)))
        count = (last.year - first.year) * 12 + last.month - first.month + 1
        return [f"{month_start(first, n):%Y-%m}" for n in range(count)]
    start, end = date.fromisoformat(min(found)), date.fromisoformat(max(found))
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]
