"""What an organization's costs are: the answers to cost queries. Reads only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.allocation.codes import center_names, check_centers
from billing.charge_kinds import CHARGE_TYPE_NAMES
from billing.cost_cursor import CostCursor
from billing.cost_query import CostQuery, CostQueryError, Granularity
from billing.cost_sql import cost_statement
from billing.cost_terms import EARLIEST, LATEST
from billing.counted import Counted, counted
from billing.derivation import Derivation
from billing.derived import derivations
from billing.dimensions import ACCOUNT, COST_CENTER
from billing.freshness import data_through, is_final
from billing.models import ServiceName
from billing.statement import Statement
from connections.models import Account
from organizations.models import Organization

MAX_ROWS = 100_000
# Dimensions whose values have a readable name beside them.
NAMED_GROUPS = ("account", "service", "cost_center")


@dataclass(frozen=True)
class Names:
    """Readable names: {account id: name}, {product code: name} and {code of a center: name}."""

    accounts: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    centers: Mapping[str, str] = field(default_factory=dict)

    def of(self, dimension: str, value: str) -> str:
        """Return the readable name of a dimension's value, '' where there is none."""
        return self.all_of(dimension).get(value, "")

    def all_of(self, dimension: str) -> Mapping[str, str]:
        """Return {value: readable name} of a dimension."""
        known = {
            "account": self.accounts,
            "service": self.services,
            "charge_type": CHARGE_TYPE_NAMES,
            COST_CENTER: self.centers,
        }
        return known.get(dimension, {})


@dataclass(frozen=True)
class CostRow:
    """One row: `period` is YYYY-MM-DD (of a week its Monday), YYYY-MM (a billing period) or
    `from/to` of the range.

    `group` has one value for each name in the query's group_by; '' is cost without one.
    """

    period: str
    group: tuple[str, ...]
    amount: Decimal


@dataclass(frozen=True)
class CostReport:
    """The answer to a query.

    currency      None where nothing was ever billed to a connected account
    rows          by period, then the highest amount first
    total         of all rows, also of those beyond the query's limit; row_count likewise
    next          where the rows beyond the limit begin; None where there are none
    data_through  last day with usage that every connection has delivered; None without data
    is_final      whether AWS has closed every month of the range
    """

    query: CostQuery
    currency: str | None
    rows: list[CostRow]
    total: Decimal
    row_count: int
    data_through: date | None
    is_final: bool
    names: Names
    next: CostCursor | None = None


def cost_report(
    organization: Organization, query: CostQuery, cursor: str | None = None
) -> CostReport:
    """Answer the query for one organization, in a constant number of database queries.

    `cursor` is the text of an earlier answer's `next`. Raises CostQueryError: an account that is
    not connected, several currencies and none named, more than MAX_ROWS rows and no limit, a cursor
    of another question. Raises StaleCursorError.
    """
    what = counted(organization, query.start, query.end)
    check_accounts(query, what)
    check_centers(query, organization)
    currency = chosen_currency(organization, query, what)
    first = 0 if cursor is None else _start(query, what, currency).at(cursor).offset
    rows, total, row_count = answer(
        query, what, currency, limit=query.limit or MAX_ROWS, offset=first
    )
    if query.limit is None and row_count > MAX_ROWS:
        raise CostQueryError(
            {
                "limit": [
                    f"The answer has {row_count} rows, more than {MAX_ROWS}. Ask for fewer with "
                    "“limit” and follow “next”, for a shorter range, or for a CSV file."
                ]
            }
        )
    seen = first + len(rows)
    return CostReport(
        query=query,
        currency=currency,
        rows=rows,
        total=total,
        row_count=row_count,
        data_through=data_through(what.deliveries),
        is_final=is_final(what.deliveries, query.start, query.end),
        names=names_for(organization, query.group_by),
        next=_start(query, what, currency).after(seen) if seen < row_count else None,
    )


def _start(query: CostQuery, what: Counted, currency: str | None) -> CostCursor:
    what = what.touching(query.start, query.end)
    # Where costs are summed, or when, says nothing of what they are.
    what = replace(what, deliveries=tuple(replace(one, rollup_rows={}) for one in what.deliveries))
    statement = Statement.of("")
    if currency is not None and what.deliveries:
        derived = derivations(query, what, currency)
        statement = cost_statement(query, what, currency, derived, limit=None)
    return CostCursor.start(what.organization, query, statement)


def answer(
    query: CostQuery,
    what: Counted,
    currency: str | None,
    *,
    limit: int | None = None,
    offset: int = 0,
    derived: Mapping[str, Derivation] | None = None,
) -> tuple[list[CostRow], Decimal, int]:
    """Return the rows of a query over what counts, the total and the number of all rows.

    `derived` replaces the organization's own derivations, to ask what others would make of it.
    Of no rows at all, as where the offset lies behind the last one, the total is 0.
    """
    what = what.touching(query.start, query.end)
    if currency is None or not what.deliveries:
        return [], Decimal(0), 0
    derived = derivations(query, what, currency) if derived is None else derived
    statement = cost_statement(query, what, currency, derived, limit=limit, offset=offset)
    with connection.cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        found = cursor.fetchall()
    if not found:
        return [], Decimal(0), 0
    return [_row(query, record) for record in found], found[0][-2], found[0][-1]


def stream(organization: Organization, query: CostQuery) -> tuple[str | None, Iterator[CostRow]]:
    """Return the currency and the rows one by one, however many, in constant memory.

    Raises CostQueryError as `cost_report` does, before the first row.
    """
    what = counted(organization, query.start, query.end)
    check_accounts(query, what)
    check_centers(query, organization)
    currency = chosen_currency(organization, query, what)
    return currency, _streamed(query, what, currency)


def _streamed(query: CostQuery, what: Counted, currency: str | None) -> Iterator[CostRow]:
    if currency is None or not what.deliveries:
        return
    derived = derivations(query, what, currency)
    statement = cost_statement(query, what, currency, derived, limit=query.limit)
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement.text, statement.params)
        while records := cursor.fetchmany(2000):
            for record in records:
                yield _row(query, record)


def _row(query: CostQuery, record: tuple[Any, ...]) -> CostRow:
    period, *group, amount, _, _ = record
    return CostRow(_period(query, period), tuple(group), amount)


def _period(query: CostQuery, day: date | None) -> str:
    if day is None:
        return f"{query.start}/{query.end}"
    return f"{day:%Y-%m}" if query.granularity == Granularity.MONTHLY else day.isoformat()


def check_accounts(query: CostQuery, what: Counted) -> None:
    """Raise CostQueryError for a filter on an account that is not connected here."""
    connected = set(what.accounts)
    errors = {
        one.parameter: [
            f"“{value}” is not an account that is connected here."
            for value in one.values
            if value not in connected
        ]
        for one in query.filters
        if one.dimension == ACCOUNT and not one.is_part
    }
    wrong = {name: sentences for name, sentences in errors.items() if sentences}
    if wrong:
        raise CostQueryError(wrong)


def chosen_currency(organization: Organization, query: CostQuery, what: Counted) -> str | None:
    """Return the currency to answer in; None where nothing was billed at all.

    Raises CostQueryError when several are in the range and none is named: they are never added.
    """
    if query.currency is not None:
        return query.currency
    if len(what.currencies) > 1:
        listed = " and ".join(what.currencies)
        raise CostQueryError(
            {
                "currency": [
                    f"The range holds costs in {listed}, which are never added. Name one, for "
                    f"example currency={what.currencies[0]}."
                ]
            }
        )
    if what.currencies:
        return what.currencies[0]
    ever = counted(organization, EARLIEST, LATEST).currencies
    return ever[0] if len(ever) == 1 else None


def names_for(organization: Organization, dimensions: Iterable[str]) -> Names:
    """Return the readable names of values, as far as the dimensions have and need them."""
    wanted = set(dimensions)
    accounts = Account.objects.of(organization).exclude(name="")
    services = ServiceName.objects.of(organization)
    return Names(
        accounts=dict(accounts.values_list("account_id", "name")) if "account" in wanted else {},
        services=dict(services.values_list("code", "name")) if "service" in wanted else {},
        centers=center_names(organization) if COST_CENTER in wanted else {},
    )
