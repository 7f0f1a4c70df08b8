"""Which days the sample company is billed for, and how busy it was on each."""

import calendar
import datetime as dt
import random
from dataclasses import dataclass
from decimal import Decimal

MONTHS = 6
GROWTH = 1.035  # a month


@dataclass(frozen=True)
class Clock:
    """The months that are billed, seen from `today`."""

    today: dt.date

    @property
    def months(self) -> list[dt.date]:
        last = self.today.year * 12 + self.today.month - 1
        return [dt.date(n // 12, n % 12 + 1, 1) for n in range(last - MONTHS + 1, last + 1)]

    def is_open(self, month: dt.date) -> bool:
        return month == self.today.replace(day=1)

    def days(self, month: dt.date) -> list[dt.date]:
        """The days that have usage: to yesterday, and on the first of a month that day itself."""
        length = calendar.monthrange(month.year, month.month)[1]
        if self.is_open(month):
            length = max(self.today.day - 1, 1)
        return [month.replace(day=number) for number in range(1, length + 1)]

    @property
    def jump(self) -> dt.date:
        """The day since when someone's job pulls the lake through a NAT gateway."""
        return self.months[-2].replace(day=12)

    def level(self, day: dt.date, key: str, weekend: float = 0.82) -> Decimal:
        """How much of its usual amount something costs on a day: growth, weekend and noise."""
        months = (day.year - self.months[0].year) * 12 + day.month - self.months[0].month
        noise = random.Random(f"{key}|{day}").uniform(0.96, 1.04)
        week = weekend if day.weekday() >= 5 else 1.0
        return Decimal(str(round(0.9 * GROWTH**months * week * noise, 6)))
