"""The explorer's table as a sheet to download: the rows of all its pages, in its order."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from django.utils import timezone

from billing.allocation.codes import shows_split_costs
from billing.cost_query import Granularity
from billing.exact import EXACT, added, plain
from billing.exploration import over_time
from billing.explorer_page import PERIOD_NAMES
from billing.explorer_question import Asked
from billing.ranking import Ranked, Ranking, streamed
from billing.reports import NAMED_GROUPS
from organizations.sheets import Column, Kind, Sheet

_SHARE = Decimal("0.000001")
_VALUE_TITLES = {
    "account": "Account id",
    "service": "Service code",
    "cost_center": "Cost center code",
}


def sheet_of(asked: Asked, by: str) -> Sheet:
    """Return the table that the page shows: its groups, else its periods, else its total.

    `by` names who asked for it. The rows are read while they are written, in constant memory.
    """
    totals, groups = streamed(asked.totals, asked.previous, asked.what, asked.currency, asked.order)
    if not asked.query.group_by and asked.query.granularity != Granularity.TOTAL:
        columns, rows = _periods(asked)
    else:
        columns = [*_group_columns(asked), *_amount_columns(asked)]
        rows = (_row(asked, one, totals) for one in groups)
    return Sheet(
        name="Costs", columns=columns, rows=rows, about=_about(asked, totals, by, timezone.now())
    )


def filename_of(asked: Asked) -> str:
    """Return the name of the file, without its ending."""
    return f"costs_{asked.query.start}_{_last_day(asked.query.end)}"


def _group_columns(asked: Asked) -> Iterator[Column]:
    for dimension in asked.query.groups:
        yield Column(dimension.label, width=32)
        if dimension.name in NAMED_GROUPS:
            yield Column(_VALUE_TITLES[dimension.name], width=24)


def _amount_columns(asked: Asked) -> Iterator[Column]:
    yield _money(asked, asked.query.metric.label)
    if asked.query.group_by:
        yield Column("Share", Kind.SHARE, 10)
    if asked.previous:
        yield _money(asked, "Before")
        yield _money(asked, "Change")
        yield Column("Change %", Kind.SHARE, 12)


def _money(asked: Asked, title: str) -> Column:
    return Column(f"{title} ({asked.currency})" if asked.currency else title, Kind.MONEY, 24)


def _row(asked: Asked, one: Ranked, totals: Ranking) -> list[Any]:
    cells: list[Any] = []
    readable = asked.readable(one.values)
    for name, value, label in zip(asked.query.group_by, one.values, readable, strict=True):
        cells += [label, value] if name in NAMED_GROUPS else [label]
    cells.append(one.amount)
    if asked.query.group_by:
        cells.append(_part(one.amount, totals.total))
    if asked.previous:
        change = added([one.amount, one.previous.copy_negate()])
        cells += [one.previous, change, _part(change, one.previous)]
    return cells


def _part(amount: Decimal, whole: Decimal) -> Decimal | None:
    """Return what part of the whole it is; none of a whole that is nothing or a credit."""
    with localcontext(EXACT):  # of next to nothing, it has more digits than Python's own context
        return (amount / whole).quantize(_SHARE) if whole > 0 else None


def _periods(asked: Asked) -> tuple[list[Column], Iterator[list[Any]]]:
    granularity = asked.query.granularity
    is_month = granularity == Granularity.MONTHLY
    columns = [
        Column(PERIOD_NAMES[granularity], Kind.TEXT if is_month else Kind.DATE, 14),
        _money(asked, asked.query.metric.label),
    ]
    found = over_time(asked)
    return columns, (
        [period if is_month else date.fromisoformat(period), amount]
        for period, amount in found.items()
    )


def _about(asked: Asked, totals: Ranking, by: str, now: datetime) -> dict[str, str]:
    query = asked.query
    about = {
        "Organization": asked.what.organization.name,
        "Range": _range(query.start, query.end),
        "Grouped by": ", ".join(dimension.label for dimension in query.groups) or "nothing",
        "Filters": "; ".join(asked.filters) or "none",
        "Measure": query.metric.label,
        "Currency": asked.currency or "nothing was billed",
        "Total": plain(totals.total),
    }
    if asked.previous:
        about["Before"] = _range(asked.previous.start, asked.previous.end)
        about["Total before"] = plain(totals.previous_total)
    if shows_split_costs(query, asked.what.organization):
        about["Shared costs"] = "Split to the cost centers that bear them."
    return about | {
        "Data through": asked.data_through.isoformat() if asked.data_through else "no data",
        "Final": "yes" if asked.is_final else "no: AWS may still change these figures",
        "Accounts": "Costs of accounts that are not connected are in no figure.",
        "Generated at": f"{now:%Y-%m-%d %H:%M} UTC",
        "Generated by": by,
    }


def _range(start: date, end: date) -> str:
    return f"{start} to {_last_day(end)}"


def _last_day(end: date) -> date:
    return end - timedelta(days=1)
