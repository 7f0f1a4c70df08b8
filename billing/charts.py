"""Charts as data: which bars, in which colours. The template shows the same figures as a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from zlib import crc32

from billing.exact import added

SLOTS = 9  # colours in static/css/tokens.css; what does not fit is "other"
OTHER = "other"


@dataclass(frozen=True)
class Series:
    """One colour of a stacked chart: an amount for each period, in the chart's order."""

    key: str
    label: str
    slot: int | str
    amounts: tuple[Decimal, ...]

    @property
    def total(self) -> Decimal:
        """Return the sum over all periods."""
        return added(self.amounts)


@dataclass(frozen=True)
class StackedChart:
    """Bars over time, made up of at most nine series and the rest. `currency` is an ISO code."""

    periods: tuple[str, ...]
    series: tuple[Series, ...]
    currency: str

    @property
    def labels(self) -> list[str]:
        """Return the periods as people write them; the year where they span several."""
        with_year = len({period[:4] for period in self.periods}) > 1
        return [period_label(period, with_year=with_year) for period in self.periods]

    @property
    def data(self) -> dict[str, Any]:
        """Return what static/js/charts.js draws."""
        return {
            "kind": "stacked",
            "currency": self.currency,
            "labels": self.labels,
            "series": [
                {
                    "label": series.label,
                    "slot": series.slot,
                    "values": [float(amount) for amount in series.amounts],
                }
                for series in self.series
            ],
        }

    @property
    def table(self) -> list[tuple[str, list[Decimal], Decimal]]:
        """Return (label of the period, amount of each series, total) for each period."""
        columns = [series.amounts for series in self.series]
        rows = (list(amounts) for amounts in zip(*columns, strict=True))
        return [
            (period, amounts, added(amounts))
            for period, amounts in zip(self.labels, rows, strict=False)
        ]

    @property
    def total(self) -> Decimal:
        """Return the sum of all bars."""
        return added(series.total for series in self.series)


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars: the biggest first."""

    labels: tuple[str, ...]
    slots: tuple[int | str, ...]
    amounts: tuple[Decimal, ...]
    currency: str

    @property
    def data(self) -> dict[str, Any]:
        """Return what static/js/charts.js draws."""
        values = [float(amount) for amount in self.amounts]
        return {
            "kind": "bars",
            "currency": self.currency,
            "labels": [*self.labels],
            "series": [{"label": "", "slots": [*self.slots], "values": values}],
        }


def stacked(
    periods: Sequence[str],
    amounts: Mapping[tuple[str, str], Decimal],
    labels: Mapping[str, str],
    currency: str,
    *,
    per_period: Mapping[str, Decimal] | None = None,
    others: int = 0,
) -> StackedChart:
    """Build a chart from {(period, key): amount}; `labels` names the keys.

    Where `amounts` has the leading keys only, `per_period` holds the sums of all keys and
    `others` says how many more there are.
    """
    totals = _totals(amounts)
    top = leading(totals)
    none = Decimal(0)
    slots = colours(top)
    series = [
        Series(
            key,
            labels.get(key, key),
            slots[key],
            tuple(amounts.get((period, key), none) for period in periods),
        )
        for key in top
    ]
    others += len(totals) - len(top)
    if others:
        whole = per_period if per_period is not None else _sums(amounts)
        rest = (
            added(
                [
                    whole.get(period, none),
                    *(amounts.get((period, key), none).copy_negate() for key in top),
                ]
            )
            for period in periods
        )
        series.append(Series(OTHER, _others(others), OTHER, tuple(rest)))
    return StackedChart(tuple(periods), tuple(series), currency)


def bars(
    amounts: Mapping[str, Decimal],
    labels: Mapping[str, str],
    currency: str,
    *,
    whole: Decimal | None = None,
    others: int = 0,
) -> BarChart:
    """Build a ranking from {key: amount}.

    Where `amounts` has the leading keys only, `whole` is the sum of all keys and `others` says how
    many more there are.
    """
    top = leading(amounts)
    others += len(amounts) - len(top)
    slots = colours(top)
    rows: list[tuple[str, int | str, Decimal]] = [
        (labels.get(key, key), slots[key], amounts[key]) for key in top
    ]
    if others:
        whole = added(amounts.values()) if whole is None else whole
        rest = added([whole, *(amounts[key].copy_negate() for key in top)])
        rows.append((_others(others), OTHER, rest))
    return BarChart(
        tuple(row[0] for row in rows),
        tuple(row[1] for row in rows),
        tuple(row[2] for row in rows),
        currency,
    )


def colours(keys: Iterable[str]) -> dict[str, int]:
    """Give each key a colour of its own: its own favourite, on every page, unless that is taken.

    `keys` come in order of importance; there are at most SLOTS of them.
    """
    given: dict[str, int] = {}
    for key in keys:
        favourite = crc32(key.encode()) % SLOTS
        free = (slot % SLOTS for slot in range(favourite, favourite + SLOTS))
        given[key] = next(slot for slot in free if slot not in given.values())
    return given


def period_label(period: str, *, with_year: bool) -> str:
    """Return a period as people write it: `5 Nov`, `5 Nov 2026`, `Nov 2026`."""
    if len(period) == len("2026-11"):
        return f"{date.fromisoformat(f'{period}-01'):%b %Y}"
    day = date.fromisoformat(period)
    return f"{day.day} {day:%b %Y}" if with_year else f"{day.day} {day:%b}"


def leading(totals: Mapping[str, Decimal]) -> list[str]:
    """Return the keys that get a colour of their own: the biggest amounts, credits too."""
    return sorted(totals, key=lambda key: (-abs(totals[key]), key))[:SLOTS]


def _others(count: int) -> str:
    return "1 other" if count == 1 else f"{count} others"


def _totals(amounts: Mapping[tuple[str, str], Decimal]) -> dict[str, Decimal]:
    parts: dict[str, list[Decimal]] = {}
    for (_, key), amount in amounts.items():
        parts.setdefault(key, []).append(amount)
    return {key: added(part) for key, part in parts.items()}


def _sums(amounts: Mapping[tuple[str, str], Decimal]) -> dict[str, Decimal]:
    return _totals({(key, period): amount for (period, key), amount in amounts.items()})
