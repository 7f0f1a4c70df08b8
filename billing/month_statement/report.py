"""A billing period by account, service and kind of charge, with its invoices. Reads only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.charge_kinds import ChargeKind, kind_of
from billing.exact import added
from billing.measures import Measure
from billing.month_facts import month_rows
from billing.month_statement.corrections import Correction, corrections
from billing.month_statement.sources import Source, sources
from billing.months import MonthFrame
from billing.reports import Names, names_for

# What an invoice can show: cost as billed, before or after discounts.
MEASURES = (Measure.UNBLENDED, Measure.NET_UNBLENDED)
_COLUMNS = ("account_id", "service", "charge_type", "invoice_id", "billing_entity")


@dataclass(frozen=True)
class Line:
    """What a service cost in an account, by kind of charge."""

    service: str
    name: str
    amounts: Mapping[ChargeKind, Decimal]

    @property
    def total(self) -> Decimal:
        """Return the sum of all kinds."""
        return added(self.amounts.values())


@dataclass(frozen=True)
class AccountStatement:
    """An account's lines, the most expensive first; `amounts` are their sums."""

    account_id: str
    name: str
    lines: list[Line]
    amounts: Mapping[ChargeKind, Decimal]

    @property
    def total(self) -> Decimal:
        """Return the sum of all lines."""
        return added(self.amounts.values())


@dataclass(frozen=True)
class Invoice:
    """What one invoice comes to for the connected accounts; `invoice_id` '' is not invoiced yet."""

    invoice_id: str
    billing_entity: str
    amount: Decimal


@dataclass(frozen=True)
class Statement:
    """The statement of a month in one currency and measure.

    kinds        the kinds of charge that occur, in one order
    accounts     the most expensive first
    amounts      by kind, of all accounts
    invoices     by billing entity, then id
    sources      the deliveries that the figures are from
    corrections  what AWS changed since the months were closed, one for each delivery that was
    """

    month: date
    currency: str
    measure: Measure
    kinds: list[ChargeKind]
    accounts: list[AccountStatement]
    amounts: Mapping[ChargeKind, Decimal]
    invoices: list[Invoice]
    sources: list[Source]
    corrections: list[Correction]

    @property
    def total(self) -> Decimal:
        """Return what the month comes to."""
        return added(self.amounts.values())


def statement(frame: MonthFrame, measure: Measure = Measure.UNBLENDED) -> Statement:
    """Return the statement of the frame's month, in a constant number of queries."""
    currency = frame.currency or ""
    rows = month_rows(frame.what, frame.currency, _COLUMNS, (measure.value,))
    names = names_for(frame.organization, ("account", "service"))
    accounts = _accounts(rows, names)
    amounts = _summed(one.amounts for one in accounts)
    return Statement(
        month=frame.month,
        currency=currency,
        measure=measure,
        kinds=[kind for kind in ChargeKind if any(kind in one.amounts for one in accounts)],
        accounts=accounts,
        amounts=amounts,
        invoices=_invoices(rows),
        sources=sources(frame),
        corrections=corrections(frame, measure),
    )


def _accounts(rows: Iterable[tuple[object, ...]], names: Names) -> list[AccountStatement]:
    parts: dict[str, dict[str, dict[ChargeKind, list[Decimal]]]] = {}
    for _, account, service, charge_type, _, _, amount in rows:
        lines = parts.setdefault(str(account), {})
        kinds = lines.setdefault(str(service), {})
        kinds.setdefault(kind_of(str(charge_type)), []).append(Decimal(str(amount)))
    found = [
        _account(account, names, [_line(service, names, kinds) for service, kinds in lines.items()])
        for account, lines in parts.items()
    ]
    return sorted(found, key=lambda one: (-one.total, one.account_id))


def _line(service: str, names: Names, kinds: Mapping[ChargeKind, list[Decimal]]) -> Line:
    amounts = {kind: added(parts) for kind, parts in kinds.items()}
    return Line(service, names.of("service", service), amounts)


def _account(account_id: str, names: Names, lines: list[Line]) -> AccountStatement:
    return AccountStatement(
        account_id,
        names.of("account", account_id),
        sorted(lines, key=lambda line: (-line.total, line.service)),
        _summed(line.amounts for line in lines),
    )


def _summed(many: Iterable[Mapping[ChargeKind, Decimal]]) -> dict[ChargeKind, Decimal]:
    parts: dict[ChargeKind, list[Decimal]] = {}
    for amounts in many:
        for kind, amount in amounts.items():
            parts.setdefault(kind, []).append(amount)
    return {kind: added(found) for kind, found in parts.items()}


def _invoices(rows: Iterable[tuple[object, ...]]) -> list[Invoice]:
    parts: dict[tuple[str, str], list[Decimal]] = {}
    for _, _, _, _, invoice_id, entity, amount in rows:
        parts.setdefault((str(entity), str(invoice_id)), []).append(Decimal(str(amount)))
    return [
        Invoice(invoice_id, entity, added(found))
        for (entity, invoice_id), found in sorted(parts.items())
    ]
