"""Reading what costs money and was not found. Nothing here writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from connections.models import Connection
from connections.resource_costs import exact_sum
from discovery.filters import FilterError, account_error, one_of
from discovery.models import NotFoundCost, NotFoundReason, ResourceCost
from discovery.months import months
from organizations.models import Organization

EXAMPLES = 10
PARAMETERS = frozenset({"month", "account", "reason"})


class Month(StrEnum):
    """Which month is looked at."""

    THIS = "this"
    LAST = "last"


@dataclass(frozen=True)
class NotFoundFilters:
    """What is asked for. Several values of one kind mean any of them."""

    month: Month = Month.THIS
    accounts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @classmethod
    def from_query(cls, query: Any) -> "NotFoundFilters":
        """Read a QueryDict. An empty value means any. Raises FilterError."""
        given = {name: tuple(one for one in query.getlist(name) if one) for name in PARAMETERS}
        errors: dict[str, list[str]] = {}
        for name, values in given.items():
            if said := [told for value in values if (told := _CHECKS[name](value))]:
                errors[name] = said
        if errors:
            raise FilterError(errors)
        month = Month((given["month"] or (Month.THIS,))[-1])
        return cls(month, accounts=given["account"], reasons=given["reason"])


@dataclass(frozen=True)
class NotFoundService:
    """What one service cost for one reason: sums over accounts and regions.

    `examples` are (id, amount), the most expensive first.
    """

    service: str
    service_name: str
    reason: NotFoundReason
    currency: str
    amount: Decimal
    ids: int
    accounts: Sequence[str]
    regions: Sequence[str]
    examples: Sequence[tuple[str, Decimal]]


@dataclass(frozen=True)
class NotFoundReport:
    """The first day of the month, what was not found by service, and both sums by currency."""

    month: date
    services: Sequence[NotFoundService]
    not_found: Mapping[str, Decimal]
    found: Mapping[str, Decimal]


def not_found_report(organization: Organization, filters: NotFoundFilters) -> NotFoundReport:
    """Return what costs money and is no known resource, what costs most first. Two queries."""
    this_month, last_month = months(timezone.now().date())
    month = (this_month if filters.month is Month.THIS else last_month)[0]
    connected = Connection.objects.of(organization).connected().values("account_id")
    rows = NotFoundCost.objects.of(organization).filter(month=month, account_id__in=connected)
    found = ResourceCost.objects.of(organization).filter(
        month=month, resource__account_id__in=connected
    )
    if filters.accounts:
        rows = rows.filter(account_id__in=filters.accounts)
        found = found.filter(resource__account_id__in=filters.accounts)
    if filters.reasons:
        rows = rows.filter(reason__in=filters.reasons)
    groups: dict[tuple[str, str, str], list[NotFoundCost]] = {}
    for row in rows:
        groups.setdefault((row.currency, row.service, row.reason), []).append(row)
    services = [_service(group) for group in groups.values()]
    services.sort(key=lambda one: (one.currency, -one.amount, one.service, one.reason))
    return NotFoundReport(
        month,
        services,
        not_found=_by_currency([(one.currency, one.amount) for one in services]),
        found=dict(found.order_by().values_list("currency").annotate(amount=Sum("amount"))),
    )


def _service(rows: Sequence[NotFoundCost]) -> NotFoundService:
    first = rows[0]
    examples = [(name, Decimal(amount)) for row in rows for name, amount in row.examples]
    examples.sort(key=lambda one: (-one[1], one[0]))
    return NotFoundService(
        service=first.service,
        service_name=first.service_name,
        reason=NotFoundReason(first.reason),
        currency=first.currency,
        amount=exact_sum(row.amount for row in rows),
        ids=sum(row.ids for row in rows),
        accounts=sorted({row.account_id for row in rows}),
        regions=sorted({row.region for row in rows if row.region}),
        examples=examples[:EXAMPLES],
    )


def _by_currency(amounts: Sequence[tuple[str, Decimal]]) -> dict[str, Decimal]:
    parts: dict[str, list[Decimal]] = {}
    for currency, amount in amounts:
        parts.setdefault(currency, []).append(amount)
    return {currency: exact_sum(told) for currency, told in sorted(parts.items())}


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "month": one_of(Month, "month of this list"),
    "reason": one_of(NotFoundReason.values, "reason"),
    "account": account_error,
}
