"""What a day usually costs, and whether it cost far more (docs/decisions, "What is unusual").

Usual is the highest of three: the median of the same weekday in the last eight weeks, the median of
the last seven days, and what the same day of the last months cost. Far more is more than that by
the floor, by a fifth, and by what the weekday scatters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

from billing.exact import added
from billing.periods import month_start

WEEKS = 8
LEAST_WEEKS = 4
_MONTHS = 2
_FACTOR = Decimal("3.5") * Decimal("1.4826")  # 3.5 standard deviations, from the median deviation
_SHARE = Decimal("0.2")
_FLOOR = Decimal(10)
# Currencies whose unit is worth about a hundredth of the others'.
_SMALL = frozenset({"JPY", "KRW", "INR", "RUB", "HUF", "ISK", "CLP", "COP", "IDR", "VND"})

# The cost of a day; zero for a day without any.
Cost = Callable[[date], Decimal]


@dataclass(frozen=True)
class Unusual:
    """A day that cost far more than is usual. `is_new`: nothing was usual there."""

    actual: Decimal
    expected: Decimal
    is_new: bool

    @property
    def impact(self) -> Decimal:
        """Return how much more."""
        return added([self.actual, self.expected.copy_negate()])


def floor_of(currency: str) -> Decimal:
    """Return the least amount worth telling of."""
    return _FLOOR * 100 if currency in _SMALL else _FLOOR


def judge(day: date, cost: Cost, *, first: date, floor: Decimal) -> Unusual | None:
    """Say whether a day is unusual; `first` is the first day known. None too where nobody can tell.

    A day needs four earlier weeks.
    """
    weekdays = [day - timedelta(weeks=n) for n in range(1, WEEKS + 1)]
    alike = [cost(one) for one in weekdays if one >= first]
    actual = cost(day)
    if len(alike) < LEAST_WEEKS or actual < floor:
        return None
    middle = median(alike)
    week = [cost(day - timedelta(days=n)) for n in range(1, 8)]
    expected = max(middle, median(week), _monthly(day, cost, first), Decimal(0))
    scatter = median(abs(one - middle) for one in alike)
    limit = max(floor, expected * _SHARE, scatter * _FACTOR)
    if actual - expected <= limit:
        return None
    return Unusual(actual, expected, is_new=not any(alike) and not any(week))


def _monthly(day: date, cost: Cost, first: date) -> Decimal:
    """Return what the same day of each of the last months cost at the least: some come monthly."""
    found = []
    for ago in range(1, _MONTHS + 1):
        start, after = month_start(day, -ago), month_start(day, 1 - ago)
        same = min(start + timedelta(days=day.day - 1), after - timedelta(days=1))
        if same >= first:
            found.append(cost(same))
    return min(found, default=Decimal(0))
