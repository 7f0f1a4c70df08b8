"""The columns of the dataset: FOCUS 1.2's mandatory ones, and the others that a bill fills.

A column that FOCUS demands and no bill fills is there and empty; docs/decisions says which and why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache

from billing.focus.categories import (
    NEGATION,
    USAGE,
    charge_category,
    charge_frequency,
    pricing_category,
)
from billing.focus.charges import Charge
from billing.periods import month_start
from billing.reports import Names

Value = str | Decimal | datetime | None


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    AMOUNT = "amount"
    TIME = "time"
    MAP = "map"


@dataclass(frozen=True)
class FocusColumn:
    """One column. A map's value is a JSON object of texts, a time's is in UTC."""

    name: str
    kind: Kind
    value: Callable[[Charge, Names], Value]


@lru_cache(maxsize=4096)
def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _text(name: str, value: Callable[[Charge, Names], str | None]) -> FocusColumn:
    return FocusColumn(name, Kind.TEXT, lambda charge, names: value(charge, names) or None)


def _amount(name: str, value: Callable[[Charge], Decimal | None]) -> FocusColumn:
    return FocusColumn(name, Kind.AMOUNT, lambda charge, _: value(charge))


def _time(name: str, value: Callable[[Charge], date]) -> FocusColumn:
    return FocusColumn(name, Kind.TIME, lambda charge, _: _midnight(value(charge)))


def _map(name: str, value: Callable[[Charge], str]) -> FocusColumn:
    return FocusColumn(name, Kind.MAP, lambda charge, _: value(charge))


def _unknown(name: str, kind: Kind = Kind.TEXT) -> FocusColumn:
    return FocusColumn(name, kind, lambda charge, names: None)


def _consumed(charge: Charge) -> Decimal | None:
    if charge.charge_type == NEGATION or charge_category(charge.charge_type) != USAGE:
        return None
    return charge.usage_quantity


def _publisher(charge: Charge) -> str | None:
    """AWS publishes what it sells in its own name; who made what its Marketplace sells is open."""
    return charge.billing_entity if charge.billing_entity == "AWS" else None


COLUMNS: tuple[FocusColumn, ...] = (
    _amount("BilledCost", lambda one: one.net_unblended_cost),
    _text("BillingAccountId", lambda one, _: one.payer_account_id),
    _text("BillingAccountName", lambda one, names: names.accounts.get(one.payer_account_id)),
    _text("BillingCurrency", lambda one, _: one.currency),
    _time("BillingPeriodEnd", lambda one: month_start(one.billing_period, 1)),
    _time("BillingPeriodStart", lambda one: one.billing_period),
    _text("ChargeCategory", lambda one, _: charge_category(one.charge_type)),
    _unknown("ChargeClass"),
    _unknown("ChargeDescription"),
    _text("ChargeFrequency", lambda one, _: charge_frequency(one.charge_type)),
    _time("ChargePeriodEnd", lambda one: one.day + timedelta(days=1)),
    _time("ChargePeriodStart", lambda one: one.day),
    _amount("ConsumedQuantity", _consumed),
    _unknown("ConsumedUnit"),
    _unknown("ContractedCost", Kind.AMOUNT),
    _amount("EffectiveCost", lambda one: one.net_amortized_cost),
    _text("InvoiceId", lambda one, _: one.invoice_id),
    _unknown("InvoiceIssuerName"),
    _amount("ListCost", lambda one: one.list_cost),
    _text("PricingCategory", lambda one, _: pricing_category(one.charge_type, one.pricing_term)),
    _unknown("PricingQuantity", Kind.AMOUNT),
    _unknown("PricingUnit"),
    _text("ProviderName", lambda one, _: one.billing_entity),
    _text("PublisherName", lambda one, _: _publisher(one)),
    _text("RegionId", lambda one, _: one.region),
    _text("ResourceId", lambda one, _: one.resource_id),
    _unknown("ServiceCategory"),
    _text("ServiceName", lambda one, names: names.services.get(one.service) or one.service),
    _text("SkuMeter", lambda one, _: one.usage_type),
    _text("SubAccountId", lambda one, _: one.account_id),
    _text("SubAccountName", lambda one, names: names.accounts.get(one.account_id)),
    _map("Tags", lambda one: one.tags),
    _amount("x_AmortizedCost", lambda one: one.amortized_cost),
    _map("x_CostCategories", lambda one: one.cost_categories),
    _text("x_LineItemType", lambda one, _: one.charge_type),
    _text("x_Operation", lambda one, _: one.operation),
    _text("x_PricingTerm", lambda one, _: one.pricing_term),
    _text("x_ServiceCode", lambda one, _: one.service),
    _amount("x_UnblendedCost", lambda one: one.unblended_cost),
    _text("x_UsageType", lambda one, _: one.usage_type),
)
