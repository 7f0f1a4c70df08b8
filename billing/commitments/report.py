"""Coverage and utilization of Savings Plans and Reserved Instances, by month. Reads only.

used          amortized cost of what a commitment paid for
unused        amortized cost of its fee: the part of the commitment that nothing used
utilization   used / (used + unused)
coverage      list cost of what commitments paid for / that, and what they could have paid for
savings       list cost of what they paid for, less all that they cost, used or not
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from django.db import connection as database
from django.db import models
from psycopg import sql

from billing.commitments.eligible import Family, eligible_sql, family_of
from billing.counted import Counted
from billing.exact import added
from billing.facts import SERVICE_COST
from billing.models import Delivery
from billing.month_facts import counting, month_rows
from billing.months import MonthFrame
from billing.reports import names_for
from connections.models import ExportSchema

K = TypeVar("K")
_COLUMNS = ("account_id", "service", "charge_type")
_MEASURES = ("unblended_cost", "amortized_cost", "list_cost")


class Plan(models.TextChoices):
    """The two ways to commit."""

    SAVINGS_PLAN = "savings_plan", "Savings Plans"
    RESERVATION = "reservation", "Reserved Instances"


_USED = {"SavingsPlanCoveredUsage": Plan.SAVINGS_PLAN, "DiscountedUsage": Plan.RESERVATION}
_FEES = {"SavingsPlanRecurringFee": Plan.SAVINGS_PLAN, "RIFee": Plan.RESERVATION}
_NEGATION, _ON_DEMAND = "SavingsPlanNegation", "Usage"
_TYPES = (*_USED, *_FEES, _NEGATION)


class _Row(NamedTuple):
    month: date
    account_id: str
    service: str
    charge_type: str
    unblended: Decimal
    amortized: Decimal
    listed: Decimal


@dataclass(frozen=True)
class Use:
    """What commitments of one way came to.

    `is_amortized` False: the export lacks the columns that tell what is used and what is not.
    """

    listed: Decimal = Decimal(0)
    used: Decimal = Decimal(0)
    unused: Decimal = Decimal(0)
    is_amortized: bool = True

    @property
    def cost(self) -> Decimal:
        """Return all that the commitments cost, used or not."""
        return added([self.used, self.unused])

    @property
    def savings(self) -> Decimal:
        """Return what was saved against list prices; below zero where it cost more."""
        return added([self.listed, self.cost.copy_negate()])

    @property
    def exists(self) -> bool:
        """Say whether there was any commitment."""
        return bool(self.listed or self.used or self.unused)


@dataclass(frozen=True)
class Standing:
    """What commitments covered and what they did not, of a month, an account or a family.

    `on_demand` is the list cost of usage that they could have paid for.
    """

    plans: dict[Plan, Use] = field(default_factory=dict)
    on_demand: Decimal = Decimal(0)

    def of(self, plan: Plan) -> Use:
        """Return what one way of committing came to."""
        return self.plans.get(plan, Use())

    @property
    def covered(self) -> Decimal:
        """Return the list cost of what commitments paid for."""
        return added(one.listed for one in self.plans.values())

    @property
    def eligible(self) -> Decimal:
        """Return the list cost of what they paid for and of what they could have."""
        return added([self.covered, self.on_demand])

    @property
    def used(self) -> Decimal:
        """Return what the used part of all commitments cost."""
        return added(one.used for one in self.plans.values())

    @property
    def unused(self) -> Decimal:
        """Return what the unused part of all commitments cost."""
        return added(one.unused for one in self.plans.values())

    @property
    def cost(self) -> Decimal:
        """Return what all commitments cost."""
        return added([self.used, self.unused])

    @property
    def savings(self) -> Decimal:
        """Return what all commitments saved against list prices."""
        return added(one.savings for one in self.plans.values())

    @property
    def is_amortized(self) -> bool:
        """Say whether used and unused can be told apart."""
        return all(one.is_amortized for one in self.plans.values())

    @property
    def is_empty(self) -> bool:
        """Say whether nothing was committed and nothing could have been."""
        return not (self.covered or self.cost or self.on_demand)


@dataclass(frozen=True)
class Commitments:
    """The standing of each month up to the frame's, and of the last one in detail.

    silent   payers whose bill says nothing of commitments in some month: FOCUS exports
    """

    months: dict[date, Standing]
    accounts: list[tuple[str, str, Standing]]
    families: list[tuple[Family, Standing]]
    silent: list[str]

    @property
    def has_commitments(self) -> bool:
        """Say whether there was a commitment in any month."""
        return any(one.covered or one.cost for one in self.months.values())

    @property
    def is_amortized(self) -> bool:
        """Say whether every month tells used and unused apart."""
        return all(one.is_amortized for one in self.months.values())


def commitments(frame: MonthFrame) -> Commitments:
    """Return the commitments of the frame's months, in a constant number of queries."""
    telling, silent = _telling(frame)
    frame = replace(frame, what=telling)
    rows = _rows(frame)
    months = sorted({one.billing_period for one in telling.deliveries}, reverse=True)
    by_month = _standings(rows, lambda row: row.month)
    mine = [row for row in rows if row.month == frame.month]
    by_account = _standings(mine, lambda row: row.account_id)
    by_family = _standings(mine, lambda row: family_of(row.service))
    names = names_for(frame.organization, ("account",))
    accounts = [
        (account, names.of("account", account), one)
        for account, one in by_account.items()
        if not one.is_empty
    ]
    return Commitments(
        months={month: by_month.get(month, Standing()) for month in months},
        accounts=sorted(accounts, key=lambda one: (-one[2].eligible, -one[2].cost, one[0])),
        families=[
            (family, by_family[family])
            for family in Family
            if family in by_family and by_family[family].eligible
        ],
        silent=silent,
    )


def _telling(frame: MonthFrame) -> tuple[Counted, list[str]]:
    """Return what counts without FOCUS exports, and the payers whose exports those are."""
    focus_bills = Delivery.objects.filter(
        pk__in=frame.what.delivery_ids,
        export__schema__in=(ExportSchema.FOCUS_1_0, ExportSchema.FOCUS_1_2),
    )
    focus = dict(focus_bills.values_list("pk", "export__connection__name"))
    kept = tuple(one for one in frame.what.deliveries if one.id not in focus)
    return replace(frame.what, deliveries=kept), sorted(set(focus.values()))


def _rows(frame: MonthFrame) -> list[_Row]:
    eligible, params = eligible_sql()
    periods = {one.id: one.billing_period for one in frame.what.deliveries}
    found = [
        _Row(periods[delivery], *rest)
        for delivery, *rest in month_rows(
            frame.what,
            frame.currency,
            _COLUMNS,
            _MEASURES,
            having=f" AND (f.charge_type = ANY(%s::text[]) OR f.charge_type = %s AND {eligible})",
            params=[list(_TYPES), _ON_DEMAND, *params],
        )
    ]
    return [*found, *_still_to_come(frame)]


def _still_to_come(frame: MonthFrame) -> list[_Row]:
    """Return, negated, the fees of days that have no usage yet: nothing could use them so far.

    AWS bills a Savings Plan's fee for the days to come as well.
    """
    ahead = [
        one
        for one in frame.what.deliveries
        if one.data_through and one.last_day and one.last_day > one.data_through
    ]
    if frame.currency is None or not ahead:
        return []
    source, params = counting(frame.what, frame.currency, SERVICE_COST)
    statement = sql.SQL(
        "SELECT d.period, f.account_id, f.service, f.charge_type, -sum(f.unblended_cost),"
        " -sum(f.amortized_cost), -sum(f.list_cost)"
        " FROM unnest(%s::bigint[], %s::date[], %s::date[]) AS d (id, period, through), {}"
        " AND f.delivery_id = d.id AND f.day > d.through AND f.charge_type = %s"
        " GROUP BY 1, 2, 3, 4"
    ).format(source)
    columns: list[Any] = [
        [one.id for one in ahead],
        [one.billing_period for one in ahead],
        [one.data_through for one in ahead],
    ]
    with database.cursor() as cursor:
        cursor.execute(statement, [*columns, *params, "SavingsPlanRecurringFee"])
        return [_Row(*row) for row in cursor.fetchall()]


def _standings(rows: Iterable[_Row], key: Callable[[_Row], K]) -> dict[K, Standing]:
    groups: dict[K, list[_Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {one: _standing(found) for one, found in groups.items()}


def _standing(rows: Iterable[_Row]) -> Standing:
    found = list(rows)
    on_demand = (row.listed for row in found if row.charge_type == _ON_DEMAND)
    plans = {plan: _use(plan, found) for plan in Plan}
    return Standing({plan: use for plan, use in plans.items() if use.exists}, added(on_demand))


def _use(plan: Plan, rows: Iterable[_Row]) -> Use:
    found = list(rows)
    covered = [row for row in found if _USED.get(row.charge_type) == plan]
    fees = [row for row in found if _FEES.get(row.charge_type) == plan]
    listed = added(row.listed for row in covered)
    used = added(row.amortized for row in covered)
    negated = [row for row in found if row.charge_type == _NEGATION]
    if plan == Plan.SAVINGS_PLAN:
        # Amortized, a negation is nothing.
        is_amortized = not any(row.amortized for row in negated)
    else:
        is_amortized = bool(used) or not listed
    return Use(listed, used, added(row.amortized for row in fees), is_amortized)
