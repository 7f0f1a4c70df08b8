"""What is unusual and what is not: arithmetic by hand."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.anomalies.detection import Unusual, floor_of, judge

D = Decimal
DAY = date(2026, 9, 16)  # a Wednesday
LONG_AGO = date(2026, 1, 1)


def judged(
    cost: Callable[[date], Decimal], day: date = DAY, *, first: date = LONG_AGO
) -> Unusual | None:
    return judge(day, cost, first=first, floor=D(10))


def but(day: date, amount: str, usual: Callable[[date], Decimal]) -> Callable[[date], Decimal]:
    return lambda one: D(amount) if one == day else usual(one)


def flat(amount: str) -> Callable[[date], Decimal]:
    return lambda day: D(amount)


def test_a_peak_is_told_with_what_was_usual() -> None:
    found = judged(but(DAY, "250.5", flat("100.2")))

    assert found == Unusual(D("250.5"), D("100.2"), is_new=False)
    assert found.impact == D("150.3")


@pytest.mark.parametrize(
    ("usual", "actual"),
    [
        ("1", "10.9"),  # below the floor
        ("100", "119"),  # below a fifth more
        ("100", "60"),  # less is no anomaly
        ("0", "9.99"),
    ],
)
def test_a_little_more_is_not_unusual(usual: str, actual: str) -> None:
    assert judged(but(DAY, actual, flat(usual))) is None


def test_a_weekday_pattern_is_usual() -> None:
    def office(day: date) -> Decimal:
        return D(200) if day.weekday() < 5 else D(20)

    def batch(day: date) -> Decimal:
        return D(900) if day.weekday() == 6 else D(30)

    for cost in (office, batch):
        for n in range(7):
            assert judged(cost, DAY + timedelta(days=n)) is None


def test_a_weekday_s_cost_on_a_sunday_is_unusual_only_beyond_the_week() -> None:
    def office(day: date) -> Decimal:
        return D(200) if day.weekday() < 5 else D(20)

    sunday = DAY + timedelta(days=4)
    assert judged(but(sunday, "200", office), sunday) is None
    assert judged(but(sunday, "500", office), sunday) is not None


def test_what_comes_monthly_is_usual() -> None:
    def monthly(day: date) -> Decimal:
        return D(400) if day.day == 1 else D(5)

    first = date(2026, 9, 1)
    assert judged(monthly, first) is None
    assert judged(but(first, "700", monthly), first) == Unusual(D(700), D(400), is_new=False)


def test_the_end_of_a_short_month_is_compared_with_the_end_of_a_long_one() -> None:
    def last_days(day: date) -> Decimal:
        return D(400) if (day + timedelta(days=1)).day == 1 else D(5)

    assert judged(last_days, date(2026, 2, 28), first=date(2025, 6, 1)) is not None
    assert judged(last_days, date(2026, 8, 31)) is None


def test_a_new_level_is_told_for_some_days_and_then_is_the_usual_one() -> None:
    def grown(day: date) -> Decimal:
        return D(300) if day >= DAY else D(100)

    told = [n for n in range(14) if judged(grown, DAY + timedelta(days=n))]
    assert told == [0, 1, 2, 3]


def test_slow_growth_is_not_unusual() -> None:
    def growing(day: date) -> Decimal:
        return D(100) + D((day - LONG_AGO).days)

    assert all(judged(growing, DAY + timedelta(days=n)) is None for n in range(30))


def test_what_scatters_much_must_stand_out_more() -> None:
    scattered = {DAY - timedelta(weeks=n): D(100 + (-1) ** n * 60) for n in range(1, 9)}

    def cost(day: date) -> Decimal:
        return scattered.get(day, D(100))

    assert judged(but(DAY, "400", cost)) is None
    assert judged(but(DAY, "420", cost)) is not None


def test_one_peak_among_the_weeks_before_spoils_nothing() -> None:
    before = but(DAY - timedelta(weeks=2), "5000", flat("100"))

    assert judged(but(DAY, "300", before)) == Unusual(D(300), D(100), is_new=False)


def test_nothing_is_judged_by_less_than_four_weeks() -> None:
    cost = but(DAY, "5000", flat("1"))

    assert judged(cost, first=DAY - timedelta(weeks=4)) is not None
    assert judged(cost, first=DAY - timedelta(weeks=4) + timedelta(days=1)) is None


def test_a_service_that_was_never_there_is_new() -> None:
    found = judged(but(DAY, "50", flat("0")))

    assert found == Unusual(D(50), D(0), is_new=True)


def test_the_floor_is_worth_the_same_in_currencies_of_small_units() -> None:
    assert (floor_of("USD"), floor_of("EUR"), floor_of("JPY")) == (10, 10, 1000)
