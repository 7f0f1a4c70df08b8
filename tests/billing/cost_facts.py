"""Facts put straight into a delivery's partitions, and sums of them in plain Python."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any

from django.db import connection as database

from billing.facts import FACT_TABLES
from billing.models import BillingMonth, Delivery, DeliveryAccount, DeliveryState
from connections.models import AuthMethod, Connection, ConnectionKind, Export, ExportSchema
from connections.resource_costs import normalised_id
from organizations.models import Organization

MEASURES = (
    "unblended_cost",
    "net_unblended_cost",
    "amortized_cost",
    "net_amortized_cost",
    "list_cost",
    "usage_quantity",
)


@dataclass(frozen=True)
class Item:
    """One cost. Its other measures are multiples of `cost`, so that none passes for another."""

    account: str
    day: dt.date
    cost: Decimal
    service: str = "AmazonEC2"
    region: str = "eu-west-1"
    charge_type: str = "Usage"
    usage_type: str = "BoxUsage"
    operation: str = "RunInstances"
    pricing_term: str = "OnDemand"
    billing_entity: str = "AWS"
    currency: str = "USD"
    payer: str = "111122223333"
    resource: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    cost_categories: Mapping[str, str] = field(default_factory=dict)
    invoice: str = ""

    def measure(self, name: str) -> Decimal:
        with localcontext() as context:
            context.prec = 100
            return self.cost * (MEASURES.index(name) + 1)

    def value(self, dimension: str) -> str:
        kind, _, key = dimension.partition(":")
        if kind == "tag":
            return self.tags.get(key, "")
        if kind == "cost_category":
            return self.cost_categories.get(key, "")
        return str(getattr(self, dimension))


def sums(
    items: Iterable[Item],
    measure: str,
    by: Iterable[str] = (),
    period: Callable[[Item], str] = lambda item: "",
) -> dict[tuple[str, tuple[str, ...]], Decimal]:
    """{(period, group): amount}, added exactly."""
    found: dict[tuple[str, tuple[str, ...]], Decimal] = defaultdict(Decimal)
    by = tuple(by)
    with localcontext() as context:
        context.prec = 100
        for item in items:
            found[period(item), tuple(item.value(name) for name in by)] += item.measure(measure)
    return dict(found)


def connect(
    organization: Organization, account: str, kind: str = ConnectionKind.LINKED
) -> Connection:
    made: Connection = Connection.objects.create(
        organization=organization,
        name=f"{kind} {account}",
        kind=kind,
        account_id=account,
        auth_method=AuthMethod.AMBIENT,
    )
    return made


ROLLUPS = ("billing_dimension_cost", "billing_whole_cost", "billing_month_whole_cost")
NAMED = ("billing_rollup_cost", *ROLLUPS, "billing_month_tag_cost")


def name_rollups(organization: Organization) -> None:
    """Let deliveries say what `deliver` fills anyhow: their costs without any dimension."""
    named = {table: {"": 1} for table in NAMED}
    Delivery.objects.of(organization).filter(rollup_rows={}).update(rollup_rows=named)


def deliver(
    connection: Connection,
    month: dt.date,
    items: list[Item],
    *,
    days_known: bool = True,
    **given: Any,
) -> Delivery:
    """A delivery of these items that the connection's month points to from now on."""
    export, _ = Export.objects.get_or_create(
        connection=connection,
        name="daily",
        defaults={"schema": ExportSchema.CUR2, "bucket": "bills", "region": "eu-west-1"},
    )
    days = [item.day for item in items]
    delivery: Delivery = Delivery.objects.create(
        export=export,
        billing_period=month,
        execution_id=f"{month}-{Delivery.objects.count()}",
        manifest_key="manifest",
        manifest_etag="1",
        state=DeliveryState.LOADED,
        first_day=min(days, default=None) if days_known else None,
        last_day=max(days, default=None) if days_known else None,
        **{"data_through": max(days, default=None), **given},
    )
    with localcontext() as context:
        context.prec = 100
        _fill(delivery.pk, items)
        totals = _account_totals(items)
    for (account, payer, currency), amount in totals.items():
        DeliveryAccount.objects.create(
            delivery=delivery,
            account_id=account,
            payer_account_id=payer,
            currency=currency,
            unblended_cost=amount,
            line_items=1,
        )
    BillingMonth.objects.update_or_create(
        connection=connection, billing_period=month, defaults={"delivery": delivery}
    )
    return delivery


def _account_totals(items: Iterable[Item]) -> dict[tuple[str, str, str], Decimal]:
    found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for item in items:
        found[item.account, item.payer, item.currency] += item.cost
    return found


def _key(item: Item) -> tuple[str, ...]:
    return (
        item.payer,
        item.account,
        item.service,
        item.region,
        item.charge_type,
        item.usage_type,
        item.operation,
        item.pricing_term,
        item.billing_entity,
        item.invoice,
        item.currency,
    )


def _fill(delivery: int, items: list[Item]) -> None:
    tag_sets: dict[tuple[str, str], int] = {}
    keys: dict[tuple[Any, ...], int] = {}
    resources: dict[str, int] = {"": 0}
    tables: dict[str, dict[tuple[Any, ...], list[Decimal]]] = {
        table.name: defaultdict(lambda: [Decimal(0)] * len(MEASURES)) for table in FACT_TABLES
    }
    for item in items:
        pair = (
            json.dumps(dict(item.tags), sort_keys=True),
            json.dumps(dict(item.cost_categories), sort_keys=True),
        )
        tag_set = tag_sets.setdefault(pair, len(tag_sets) + 1)
        dimensions = _key(item)
        key = keys.setdefault((*dimensions, tag_set), len(keys) + 1)
        resource = resources.setdefault(item.resource, len(resources))
        service = (item.payer, item.account, item.service, item.charge_type, item.currency)
        account = (item.payer, item.account, item.charge_type, item.currency)
        whole = (item.service, item.charge_type, item.currency)
        for name, row in (
            ("billing_daily_cost", (item.day, key, resource)),
            ("billing_rollup_cost", (item.day, key)),
            ("billing_service_cost", (item.day, *service)),
            ("billing_month_tag_cost", (*service, item.region, tag_set)),
            ("billing_month_service_cost", service),
            ("billing_dimension_cost", ("", item.day, *account, "")),
            ("billing_whole_cost", (item.day, "", *whole, "")),
            ("billing_month_whole_cost", ("", *whole, "")),
            ("billing_month_cost", (*dimensions, tag_set)),
            ("billing_resource_cost", (key, resource)),
        ):
            held = tables[name][row]
            for index, measure in enumerate(MEASURES):
                held[index] += item.measure(measure)
    rows: dict[str, list[tuple[Any, ...]]] = {
        name: [(*row, *amounts) for row, amounts in found.items()] for name, found in tables.items()
    }
    rows["billing_tag_set"] = [(number, *pair) for pair, number in tag_sets.items()]
    rows["billing_cost_key"] = [
        (number, *dimensions, tag_set) for (*dimensions, tag_set), number in keys.items()
    ]
    rows["billing_resource"] = [
        (number, name, normalised_id(name)) for name, number in resources.items() if name
    ]
    with database.cursor() as cursor:
        for table in FACT_TABLES:
            cursor.execute(
                f"CREATE TABLE {table.partition(delivery)} PARTITION OF {table.name}"
                f" FOR VALUES IN ({delivery})"
            )
            columns = ", ".join(table.column_names)
            places = ", ".join(["%s"] * len(table.column_names))
            cursor.executemany(
                f"INSERT INTO {table.name} (delivery_id, {columns})"  # noqa: S608 - our own names
                f" VALUES ({delivery}, {places})",
                rows[table.name],
            )
