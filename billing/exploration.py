"""What the explorer shows: an answer as a ranking of groups and as bars over time. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from billing import charts
from billing.cost_query import CostFilter, CostQuery, CostQueryError, Granularity
from billing.exact import added
from billing.explorer_question import Asked
from billing.periods import month_start
from billing.ranking import Ranked, Ranking, ranking
from billing.reports import answer

PAGE_ROWS = 100
_SEPARATOR = "\x1f"  # joins the values of two groups into one key
ALL = "all"


@dataclass(frozen=True)
class Group:
    """One row of the ranking: the values and readable names of its dimensions, in their order."""

    values: tuple[str, ...]
    names: tuple[str, ...]
    amount: Decimal
    previous: Decimal
    slot: int | str


@dataclass(frozen=True)
class Exploration:
    """The answer for a page.

    ranking    a page of the groups, and the sums of all
    groups     its rows; empty when nothing is grouped by
    page       the number of the page, `page_count` of how many
    timeline   bars over time, None for a total
    bars       bars by group, None unless a total is asked for
    """

    asked: Asked
    ranking: Ranking
    groups: list[Group]
    page: int
    page_count: int
    timeline: charts.StackedChart | None
    bars: charts.BarChart | None

    @property
    def is_empty(self) -> bool:
        """Say whether there is no cost at all to show."""
        return not self.ranking.row_count

    @property
    def elsewhere(self) -> Ranked | None:
        """Return what the groups on other pages cost together, None where there are none."""
        if self.page_count < 2:
            return None
        return Ranked(
            (),
            added([self.ranking.total, *(one.amount.copy_negate() for one in self.groups)]),
            added(
                [self.ranking.previous_total, *(one.previous.copy_negate() for one in self.groups)]
            ),
        )


def explore(asked: Asked, page: int = 1) -> Exploration:
    """Answer for a page, in a constant number of database queries. Raises CostQueryError."""
    query = asked.query
    found = ranking(
        asked.totals,
        asked.previous,
        asked.what,
        asked.currency,
        asked.order,
        first=(page - 1) * PAGE_ROWS,
        count=PAGE_ROWS,
    )
    page_count = max(1, -(-found.row_count // PAGE_ROWS))
    if page > page_count:
        raise CostQueryError({"page": [f"There is no page {page}: the last one is {page_count}."]})
    labels = {_key(one.values): " · ".join(asked.readable(one.values)) for one in found.leading}
    timeline = bars = None
    if query.granularity != Granularity.TOTAL:
        timeline = _timeline(asked, found, labels)
    elif query.group_by:
        bars = _bars(asked, found, labels)
    return Exploration(
        asked=asked,
        ranking=found,
        groups=_groups(asked, found) if query.group_by else [],
        page=page,
        page_count=page_count,
        timeline=timeline,
        bars=bars,
    )


def _groups(asked: Asked, found: Ranking) -> list[Group]:
    """Return the rows of the table, the leading ones in the colours of the chart."""
    slots = charts.colours(_leading(found))
    return [
        Group(
            one.values,
            asked.readable(one.values),
            one.amount,
            one.previous,
            slots.get(_key(one.values), charts.OTHER),
        )
        for one in found.rows
    ]


def _bars(asked: Asked, found: Ranking, labels: Mapping[str, str]) -> charts.BarChart:
    """Return a bar for each leading group, and one for all the others."""
    leading = _leading(found)
    others = found.row_count - len(leading)
    return charts.bars(leading, labels, asked.currency or "", whole=found.total, others=others)


def _leading(found: Ranking) -> dict[str, Decimal]:
    return {_key(one.values): one.amount for one in found.leading}


def over_time(asked: Asked) -> dict[str, Decimal]:
    """Return {period: cost} of every period from the first to the last with costs."""
    query = replace(asked.query, group_by=(), limit=None)
    found = {row.period: row.amount for row in answer(query, asked.what, asked.currency)[0]}
    if not found:
        return {}
    return {period: found.get(period, Decimal(0)) for period in _periods(found, query.granularity)}


def _timeline(
    asked: Asked, found: Ranking, labels: Mapping[str, str]
) -> charts.StackedChart | None:
    """Return the bars: the leading groups, and all the rest as the difference to the whole."""
    whole = over_time(asked)
    if not whole:
        return None
    leading = {_key(one.values): one for one in found.leading}
    amounts = {(period, ALL): amount for period, amount in whole.items()}
    others = 0
    if asked.query.group_by:
        rows = answer(_only(asked.query, found.leading), asked.what, asked.currency)[0]
        amounts = {
            (row.period, _key(row.group)): row.amount for row in rows if _key(row.group) in leading
        }
        others = found.row_count - len(leading)
    else:
        labels = {ALL: "Cost"}
    return charts.stacked(
        list(whole), amounts, labels, asked.currency or "", per_period=whole, others=others
    )


def _only(query: CostQuery, leading: list[Ranked]) -> CostQuery:
    """Narrow the query to the values that the leading groups have."""
    narrowed = tuple(
        CostFilter(dimension, False, tuple({one.values[n] for one in leading}))
        for n, dimension in enumerate(query.group_by)
    )
    # What is asked for by value already holds for the leading groups: they take its place.
    kept = tuple(
        one
        for one in query.filters
        if one.dimension not in query.group_by or one.is_negated or one.is_part
    )
    return replace(query, filters=(*kept, *narrowed), limit=None)


def _key(values: tuple[str, ...]) -> str:
    return _SEPARATOR.join(values)


def _periods(found: Mapping[str, Decimal], granularity: Granularity) -> list[str]:
    """Return every period from the first to the last that has costs: a gap is a zero."""
    if granularity == Granularity.MONTHLY:
        first, last = (date.fromisoformat(f"{one}-01") for one in (min(found), max(found)))
        count = (last.year - first.year) * 12 + last.month - first.month + 1
        return [f"{month_start(first, n):%Y-%m}" for n in range(count)]
    start, end = date.fromisoformat(min(found)), date.fromisoformat(max(found))
    step = 7 if granularity == Granularity.WEEKLY else 1
    return [(start + timedelta(days=n)).isoformat() for n in range(0, (end - start).days + 1, step)]
