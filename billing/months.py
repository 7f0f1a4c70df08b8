"""The month a page is about: which there are, what counts in it, and in which currency."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from billing.counted import Counted, counted_in, current_deliveries
from billing.freshness import is_final
from billing.periods import month_start
from organizations.models import Organization


@dataclass(frozen=True)
class MonthFrame:
    """One billing period of an organization.

    months      every month with a bill, newest first
    what        what counts of the months `first` to `month`
    currency    the one that is shown; None where nothing was billed to a connected account
    currencies  all that these months hold; they are never added
    """

    organization: Organization
    today: date
    first: date
    month: date
    months: tuple[date, ...]
    what: Counted
    currency: str | None
    currencies: tuple[str, ...]

    @property
    def end(self) -> date:
        """Return the first day after the month."""
        return month_start(self.month, 1)

    @property
    def is_final(self) -> bool:
        """Say whether AWS has closed the month in every bill of it."""
        found = [one for one in self.what.deliveries if one.billing_period == self.month]
        return is_final(found, self.month, self.end)

    @property
    def earlier(self) -> date | None:
        """Return the nearest month before this one that has a bill."""
        return max((one for one in self.months if one < self.month), default=None)

    @property
    def later(self) -> date | None:
        """Return the nearest month after this one that has a bill."""
        return min((one for one in self.months if one > self.month), default=None)


def latest(months: tuple[date, ...], today: date) -> date:
    """Return the newest month that has begun and has a bill; today's where there is none."""
    return next((one for one in months if one <= today), month_start(today))


def latest_over(months: tuple[date, ...], today: date) -> date:
    """Return the newest month that is over and has a bill; else the newest."""
    over = next((one for one in months if one < month_start(today)), None)
    return over or latest(months, today)


def month_frame(
    organization: Organization,
    today: date,
    *,
    month: date | None = None,
    currency: str | None = None,
    before: int = 0,
    default: Callable[[tuple[date, ...], date], date] = latest,
) -> MonthFrame:
    """Return the frame of a month and `before` months before it. Takes four queries.

    Without `month`, the one that `default` chooses. Without `currency`: US dollars if there are
    any, else the first by name.
    """
    periods = {one.billing_period for one in current_deliveries(organization)}
    months = tuple(sorted(periods, reverse=True))
    chosen = month or default(months, today)
    first = month_start(chosen, -before)
    what = counted_in(organization, first, chosen)
    return MonthFrame(
        organization=organization,
        today=today,
        first=first,
        month=chosen,
        months=months,
        what=what,
        currency=currency or what.first_currency,
        currencies=what.currencies,
    )
