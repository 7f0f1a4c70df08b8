"""What the company's resources and services cost each day, as line items.

Everything follows from the resources, the calendar and seeded noise, so that a restart on the same
day bills the same to the last digit. A closed month does not change while the calendar month lasts.
"""

import datetime as dt
from collections.abc import Iterator

from demo.aws.company import cast, commitments, monthly, usage
from demo.aws.company.clock import Clock
from demo.aws.company.resources import Made
from demo.bills.line_items import Bill, LineItem


def bills(made: list[Made], today: dt.date) -> list[Bill]:
    """One bill a month, oldest first; the running month has no invoice yet."""
    clock = Clock(today)
    return [bill(made, clock, month) for month in clock.months]


def bill(made: list[Made], clock: Clock, month: dt.date) -> Bill:
    items = [item for day in clock.days(month) for item in _day(made, clock, day)]
    items += commitments.monthly(made, month, clock.days(month))
    items += monthly.charges(items, clock.months, month, is_open=clock.is_open(month))
    invoice = "" if clock.is_open(month) else f"{month:%y%m}481516"
    return Bill(month, items, cast.PAYER, cast.ACCOUNT_NAMES[cast.PAYER], invoice)


def _day(made: list[Made], clock: Clock, day: dt.date) -> Iterator[LineItem]:
    for resource in made:
        yield from usage.PRICED[resource.kind](resource, clock, day)
    for service in cast.services():
        yield usage.of_service(service, clock, day)
    yield from commitments.daily(made, day)
