"""The overview: what this month came to so far, is it more, and what is left out. Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing.changes.sql import compared
from billing.charge_kinds import ChargeKind, charge_types_of
from billing.cost_query import CostFilter, CostQuery, Granularity
from billing.counted import Counted, counted
from billing.exact import added
from billing.forecast import Charge, Forecast, forecast, is_running
from billing.freshness import Freshness, data_through, freshness, is_final
from billing.measures import Measure
from billing.periods import month_start
from billing.reports import CostRow, Names, answer, names_for
from billing.unconnected import UnconnectedAccount, unconnected_accounts
from organizations.models import Organization

MOVERS = 8
# What comes once a month moves by the day it is billed on: it is compared by charge type.
_ONCE = tuple(
    name
    for kind in (ChargeKind.FEE, ChargeKind.TAX, ChargeKind.CREDIT, ChargeKind.REFUND)
    for name in charge_types_of(kind)
    if name != "SavingsPlanRecurringFee"
)


@dataclass(frozen=True)
class Comparison:
    """What something cost this month so far, on the same days last month, all last month."""

    value: str
    name: str
    month_to_date: Decimal
    same_days_last_month: Decimal
    last_month: Decimal


@dataclass(frozen=True)
class DayCost:
    """One day's costs by product code, the highest first; `amount` is their sum."""

    day: date
    services: dict[str, Decimal]
    amount: Decimal


@dataclass(frozen=True)
class Mover:
    """What a service cost in an account, this month so far and on the same days last month."""

    service: str
    account_id: str
    month_to_date: Decimal
    same_days_last_month: Decimal

    @property
    def difference(self) -> Decimal:
        """Return how much more it is."""
        return added([self.month_to_date, self.same_days_last_month.copy_negate()])


@dataclass(frozen=True)
class Overview:
    """The overview in one currency.

    month, last_month     the first days of the two months
    through               the last day that month to date counts; the day before `month` where this
                          month has no data yet
    same_days_end         the first day of last month that is not compared any more
    total                 all of it, under the empty value
    running               what is charged day by day, without what comes once a month
    services, accounts, charge_types   each with a cost in either month, the highest first
    movers                where usage changed most, the largest difference first
    forecast              of the whole month; None where there is too little to say
    daily                 every day from `last_month` on that has a cost
    currencies            all that the two months hold; they are never added
    """

    currency: str | None
    currencies: tuple[str, ...]
    metric: Measure
    month: date
    last_month: date
    through: date
    same_days_end: date
    data_through: date | None
    is_last_month_final: bool
    total: Comparison
    running: Comparison
    services: list[Comparison]
    accounts: list[Comparison]
    charge_types: list[Comparison]
    movers: list[Mover]
    forecast: Forecast | None
    daily: list[DayCost]
    names: Names
    freshness: list[Freshness]
    left_out: list[UnconnectedAccount]

    @property
    def has_data_this_month(self) -> bool:
        """Say whether anything of this month was delivered."""
        return self.through >= self.month


@dataclass(frozen=True)
class _Days:
    """The two months and how much of each is compared."""

    last_month: date
    same_days_end: date
    month: date
    month_to_date_end: date

    @classmethod
    def of(cls, today: date, through: date | None) -> "_Days":
        month = today.replace(day=1)
        last_month = (month - timedelta(days=1)).replace(day=1)
        reached = min(today, through) if through else month - timedelta(days=1)
        end = max(month, reached + timedelta(days=1))
        same_days_end = min(month, last_month + (end - month))
        return cls(last_month, same_days_end, month, end)


def overview(
    organization: Organization,
    today: date,
    *,
    currency: str | None = None,
    metric: Measure = Measure.UNBLENDED,
) -> Overview:
    """Return the overview of the month of `today`, in a constant number of queries.

    Compared are whole days that both months have: up to the last day delivered, today at the most.
    Without `currency`: US dollars if there are any, else the first by name.
    """
    month = today.replace(day=1)
    what = counted(organization, month_start(month, -1), month_start(month, 1))
    through = data_through(what.deliveries)
    days = _Days.of(today, through)
    chosen = currency or what.first_currency
    names = names_for(organization, ("account", "service"))
    by_day = _by_day(what, chosen, metric, days)
    services = _by_first(by_day, days, names)
    kinds = _by_charge_type(by_day, days, names)
    charges = [*_charges(by_day), *_month_before(what, days, chosen, metric)]
    return Overview(
        currency=chosen,
        currencies=what.currencies,
        metric=metric,
        month=days.month,
        last_month=days.last_month,
        through=days.month_to_date_end - timedelta(days=1),
        same_days_end=days.same_days_end,
        data_through=through,
        is_last_month_final=_is_final(what, days),
        total=_total(services),
        running=_total(one for one in kinds if is_running(one.value)),
        services=services,
        accounts=_accounts(what, chosen, metric, days, names),
        charge_types=kinds,
        movers=_movers(what, chosen, metric, days),
        forecast=forecast(charges, month, through=through, today=today),
        daily=_daily(by_day),
        names=names,
        freshness=freshness(organization),
        left_out=unconnected_accounts(organization),
    )


def _by_day(what: Counted, currency: str | None, metric: Measure, days: _Days) -> list[CostRow]:
    """Return both months' costs by day, service and charge type."""
    query = CostQuery(
        days.last_month,
        month_start(days.month, 1),
        metric=metric,
        group_by=("service", "charge_type"),
    )
    return answer(query, what, currency)[0]


def _is_final(what: Counted, days: _Days) -> bool:
    """Say whether last month is closed."""
    deliveries = what.touching(days.last_month, days.month).deliveries
    return is_final(deliveries, days.last_month, days.month)


def _charge(day: date, row: CostRow) -> Charge:
    service, charge_type = row.group
    return Charge(day, service, charge_type, row.amount)


def _charges(rows: Iterable[CostRow]) -> list[Charge]:
    return [_charge(date.fromisoformat(row.period), row) for row in rows]


def _month_before(
    what: Counted, days: _Days, currency: str | None, metric: Measure
) -> list[Charge]:
    """Return what the month before last month came to, on its first day: fees that come back."""
    start = month_start(days.last_month, -1)
    query = CostQuery(
        start, days.last_month, Granularity.TOTAL, metric, group_by=("service", "charge_type")
    )
    rows, _, _ = answer(query, counted(what.organization, start, days.last_month), currency)
    return [_charge(start, row) for row in rows]


def _movers(what: Counted, currency: str | None, metric: Measure, days: _Days) -> list[Mover]:
    if days.month == days.month_to_date_end or days.last_month == days.same_days_end:
        return []
    now, before = (
        CostQuery(
            start,
            end,
            Granularity.TOTAL,
            metric,
            group_by=("service", "account"),
            filters=(CostFilter("charge_type", True, _ONCE),),
        )
        for start, end in (
            (days.month, days.month_to_date_end),
            (days.last_month, days.same_days_end),
        )
    )
    rows = compared(now, before, what, currency, limit=MOVERS)
    return [
        Mover(service, account, amount_now, amount_before)
        for (service, account), amount_before, amount_now in rows
        if amount_now != amount_before
    ]


def _by_charge_type(rows: Iterable[CostRow], days: _Days, names: Names) -> list[Comparison]:
    turned = (CostRow(row.period, row.group[1:], row.amount) for row in rows)
    return _by_first(turned, days, names, "charge_type")


def _by_first(
    rows: Iterable[CostRow], days: _Days, names: Names, dimension: str = "service"
) -> list[Comparison]:
    """Compare by the first value of each row's group."""
    amounts: dict[str, tuple[list[Decimal], list[Decimal], list[Decimal]]] = {}
    for row in rows:
        day = date.fromisoformat(row.period)
        current, same_days, whole = amounts.setdefault(row.group[0], ([], [], []))
        if days.month <= day < days.month_to_date_end:
            current.append(row.amount)
        if days.last_month <= day < days.same_days_end:
            same_days.append(row.amount)
        if days.last_month <= day < days.month:
            whole.append(row.amount)
    return _compared(
        (
            (value, added(current), added(same_days), added(whole))
            for value, (current, same_days, whole) in amounts.items()
        ),
        dimension,
        names,
    )


def _accounts(
    what: Counted, currency: str | None, metric: Measure, days: _Days, names: Names
) -> list[Comparison]:
    columns = [
        _by_account(what, currency, metric, start, end)
        for start, end in (
            (days.month, days.month_to_date_end),
            (days.last_month, days.same_days_end),
            (days.last_month, days.month),
        )
    ]
    values = {value for column in columns for value in column}
    zero = Decimal(0)
    return _compared(
        (
            (
                value,
                columns[0].get(value, zero),
                columns[1].get(value, zero),
                columns[2].get(value, zero),
            )
            for value in values
        ),
        "account",
        names,
    )


def _by_account(
    what: Counted, currency: str | None, metric: Measure, start: date, end: date
) -> dict[str, Decimal]:
    if start == end:
        return {}
    query = CostQuery(start, end, Granularity.TOTAL, metric, group_by=("account",))
    rows, _, _ = answer(query, what, currency)
    return {row.group[0]: row.amount for row in rows}


def _compared(
    rows: Iterable[tuple[str, Decimal, Decimal, Decimal]], dimension: str, names: Names
) -> list[Comparison]:
    found = [
        Comparison(value, names.of(dimension, value), *amounts)
        for value, *amounts in rows
        if any(amounts)
    ]
    return sorted(found, key=lambda one: (-one.month_to_date, -one.last_month, one.value))


def _total(compared: Iterable[Comparison]) -> Comparison:
    parts = list(compared)
    return Comparison(
        value="",
        name="",
        month_to_date=added(one.month_to_date for one in parts),
        same_days_last_month=added(one.same_days_last_month for one in parts),
        last_month=added(one.last_month for one in parts),
    )


def _daily(rows: Iterable[CostRow]) -> list[DayCost]:
    days: dict[str, dict[str, list[Decimal]]] = {}
    for row in rows:
        days.setdefault(row.period, {}).setdefault(row.group[0], []).append(row.amount)
    found = []
    for day, parts in days.items():
        services = {service: added(amounts) for service, amounts in parts.items()}
        found.append(DayCost(date.fromisoformat(day), services, added(services.values())))
    return found
