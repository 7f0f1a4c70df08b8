"""The forecast, against sums made by hand."""

import datetime as dt
from decimal import Decimal

from billing.forecast import Charge, Forecast, forecast

JANUARY, FEBRUARY, MARCH = (dt.date(2026, month, 1) for month in (1, 2, 3))
DAY = dt.timedelta(days=1)


def usage(first: dt.date, last: dt.date, weekday: str = "10", weekend: str = "4") -> list[Charge]:
    count = (last - first).days + 1
    return [
        Charge(day, "AmazonEC2", "Usage", Decimal(weekend if day.weekday() > 4 else weekday))
        for day in (first + n * DAY for n in range(count))
    ]


def made(charges: list[Charge], through: dt.date, today: dt.date | None = None) -> Forecast:
    found = forecast(charges, MARCH, through=through, today=today or through + DAY)
    assert found is not None
    return found


def test_a_steady_week_goes_on_to_the_end_of_the_month() -> None:
    found = made(usage(FEBRUARY, dt.date(2026, 3, 18)), dt.date(2026, 3, 18))
    # March 2026 has 22 working days and 9 days of weekends.
    assert found.amount == found.low == found.high == Decimal(22 * 10 + 9 * 4)
    assert found.last_whole_day == dt.date(2026, 3, 17)
    assert found.days == 28


def test_the_last_day_delivered_may_be_half_a_day_and_is_forecast() -> None:
    charges = usage(FEBRUARY, dt.date(2026, 3, 17))
    half = Charge(dt.date(2026, 3, 18), "AmazonEC2", "Usage", Decimal("0.5"))
    assert made([*charges, half], half.day).amount == Decimal(256)
    assert made([*charges, half], half.day).billed == Decimal(12 * 10 + 5 * 4) + half.amount


def test_days_that_stray_from_their_weekday_make_the_range() -> None:
    charges = usage(FEBRUARY, dt.date(2026, 3, 18), "0", "0")
    # In the 28 days to 17 March, every second week costs 12 a day and the others 8.
    first = dt.date(2026, 2, 18)
    charges = [
        one._replace(amount=Decimal(12 if ((one.day - first).days // 7) % 2 else 8))
        for one in charges
    ]
    found = made(charges, dt.date(2026, 3, 18))
    # Each weekday averages 10; 28 residuals of 2 make a variance of 112 / 21. Ahead are two of each
    # weekday: 14 days, and 7 averages of 4 days each that count twice.
    variance = Decimal(112) / 21
    half = Decimal("1.2816") * (variance * (14 + 7 * Decimal(4) / 4)).sqrt()
    so_far = sum(one.amount for one in charges if MARCH <= one.day < dt.date(2026, 3, 18))
    assert found.amount == so_far + 140
    assert abs(found.high - found.amount - half) < Decimal("0.0001")
    assert abs(found.amount - found.low - half) < Decimal("0.0001")


def test_tax_follows_the_costs_at_last_months_rate() -> None:
    charges = usage(FEBRUARY, dt.date(2026, 3, 18))
    in_february = sum(one.amount for one in charges if one.day < MARCH)
    charges.append(Charge(FEBRUARY, "AmazonEC2", "Tax", in_february / 10))
    charges.append(Charge(MARCH, "AmazonEC2", "Tax", Decimal(5)))
    assert made(charges, dt.date(2026, 3, 18)).amount == Decimal("256") * Decimal("1.1")


def test_a_fee_of_each_of_two_months_comes_again_and_a_single_one_does_not() -> None:
    charges = usage(FEBRUARY, dt.date(2026, 3, 18))
    charges += [
        Charge(JANUARY, "Support", "Fee", Decimal(90)),
        Charge(FEBRUARY, "Support", "Fee", Decimal(100)),
        Charge(FEBRUARY, "Upfront", "Fee", Decimal(5000)),
        Charge(JANUARY, "Contract", "Fee", Decimal(7)),
        Charge(FEBRUARY, "Contract", "Fee", Decimal(7)),
        Charge(MARCH, "Contract", "Fee", Decimal(8)),
    ]
    assert made(charges, dt.date(2026, 3, 18)).amount == Decimal(256 + 100 + 8)


def test_credits_and_refunds_count_as_billed_and_never_come_again() -> None:
    charges = usage(FEBRUARY, dt.date(2026, 3, 18))
    charges += [
        Charge(JANUARY, "AmazonEC2", "Credit", Decimal(-50)),
        Charge(FEBRUARY, "AmazonEC2", "Credit", Decimal(-50)),
        Charge(MARCH, "AmazonEC2", "Refund", Decimal(-6)),
    ]
    assert made(charges, dt.date(2026, 3, 18)).amount == Decimal(250)


def test_a_month_that_has_no_day_yet_is_forecast_from_the_one_before() -> None:
    found = made(usage(FEBRUARY, dt.date(2026, 2, 28)), dt.date(2026, 2, 28), MARCH)
    assert found.amount == Decimal(256)
    assert found.billed == 0


def test_less_than_two_weeks_of_whole_days_are_too_little() -> None:
    def of(last: dt.date) -> Forecast | None:
        return forecast(usage(MARCH, last), MARCH, through=last, today=last + DAY)

    assert of(dt.date(2026, 3, 14)) is None
    assert of(dt.date(2026, 3, 15)) is not None
    assert forecast([], MARCH, through=None, today=MARCH) is None
    assert forecast([], MARCH, through=MARCH, today=MARCH) is None


def test_a_month_that_is_over_has_no_forecast() -> None:
    last = dt.date(2026, 3, 31)
    assert forecast(usage(FEBRUARY, last), MARCH, through=last, today=last + DAY) is None
