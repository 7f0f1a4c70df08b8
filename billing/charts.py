"""Charts as data: which bars, in which colours. The template shows the same figures as a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any
from zlib import crc32

SLOTS = 9  # colours in static/css/tokens.css; what does not fit is "other"
OTHER = "other"
_EXACT = Context(prec=80)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Add without rounding: Python's default context keeps 28 digits, amounts have more."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


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
        return exact_sum(self.amounts)


@dataclass(frozen=True)
class StackedChart:
    """Bars over time, made up of at most nine series and the rest. `currency` is an ISO code."""

    periods: tuple[str, ...]
    series: tuple[Series, ...]
    currency: str

    @property
    def data(self) -> dict[str, Any]:
        """Return what static/js/charts.js draws."""
        return {
            "kind": "stacked",
            "currency": self.currency,
            "labels": [*self.periods],
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
        """Return (period, amount of each series, total) for each period."""
        columns = [series.amounts for series in self.series]
        rows = (list(amounts) for amounts in zip(*columns, strict=True))
        return [
            (period, amounts, exact_sum(amounts))
            for period, amounts in zip(self.periods, rows, strict=False)
        ]

    @property
    def total(self) -> Decimal:
        """Return the sum of all bars."""
        return exact_sum(series.total for series in self.series)


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
) -> StackedChart:
    """Build a chart from {(period, key): amount}; `labels` names the keys."""
    top, rest = _split(_totals(amounts))
    slots = colours(top)
    none = Decimal(0)
    series = [
        Series(
            key,
            labels.get(key, key),
            slots[key],
            tuple(amounts.get((period, key), none) for period in periods),
        )
        for key in top
    ]
    if rest:
        sums = (exact_sum(amounts.get((period, key), none) for key in rest) for period in periods)
        series.append(Series(OTHER, f"{len(rest)} others", OTHER, tuple(sums)))
    return StackedChart(tuple(periods), tuple(series), currency)


def bars(amounts: Mapping[str, Decimal], labels: Mapping[str, str], currency: str) -> BarChart:
    """Build a ranking from {key: amount}."""
    top, rest = _split(amounts)
    slots = colours(top)
    rows: list[tuple[str, int | str, Decimal]] = [
        (labels.get(key, key), slots[key], amounts[key]) for key in top
    ]
    if rest:
        rows.append((f"{len(rest)} others", OTHER, exact_sum(amounts[key] for key in rest)))
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


def _totals(amounts: Mapping[tuple[str, str], Decimal]) -> dict[str, Decimal]:
    parts: dict[str, list[Decimal]] = {}
    for (_, key), amount in amounts.items():
        parts.setdefault(key, []).append(amount)
    return {key: exact_sum(part) for key, part in parts.items()}


def _split(totals: Mapping[str, Decimal]) -> tuple[list[str], list[str]]:
    ranked = sorted(totals, key=lambda key: (-abs(totals[key]), key))
    return ranked[:SLOTS], ranked[SLOTS:]
