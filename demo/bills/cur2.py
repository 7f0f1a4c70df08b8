"""Line items as the columns of CUR 2.0."""

import base64
import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from demo.bills.columns import Columns, normalised_tag
from demo.bills.encoding import Rows
from demo.bills.line_items import Bill, LineItem


def line_item_id(item: LineItem) -> str:
    """52 characters of base32 that, like AWS's, do not depend on the time."""
    parts = [item.account_id, item.type, item.usage_type, item.operation, item.resource_id]
    text = "|".join([*parts, item.availability_zone, item.description])
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=").lower()


def _rate(item: LineItem) -> str:
    if not item.usage_amount:
        return ""
    return f"{item.unblended_cost / item.usage_amount:.10f}"


def _tags(item: LineItem) -> dict[str, str]:
    return {f"resourceTags/{key}": value for key, value in item.tags.items()}


def _product(item: LineItem) -> dict[str, str]:
    known = {"product_name": item.product_name, "region": item.region}
    return {key: value for key, value in known.items() if value}


def _end(item: LineItem) -> dt.datetime:
    return item.end or item.start + dt.timedelta(hours=1)


# Every column that says something, from a line item and its bill. The others are null.
FROM_ITEM: dict[str, Callable[[LineItem, Bill], Any]] = {
    "bill_bill_type": lambda i, b: i.bill_type,
    "bill_billing_entity": lambda i, b: i.billing_entity,
    "bill_billing_period_start_date": lambda i, b: _midnight(b.month),
    "bill_billing_period_end_date": lambda i, b: _midnight(b.next_month),
    "bill_invoice_id": lambda i, b: b.invoice_id if i.invoice_id is None else i.invoice_id,
    "bill_invoicing_entity": lambda i, b: i.legal_entity,
    "bill_payer_account_id": lambda i, b: b.payer_account_id,
    "bill_payer_account_name": lambda i, b: b.payer_account_name,
    "identity_line_item_id": lambda i, b: line_item_id(i),
    "identity_time_interval": lambda i, b: i.time_interval,
    "line_item_availability_zone": lambda i, b: i.availability_zone,
    "line_item_blended_cost": lambda i, b: i.unblended_cost,
    "line_item_blended_rate": lambda i, b: _rate(i),
    "line_item_currency_code": lambda i, b: i.currency,
    "line_item_legal_entity": lambda i, b: i.legal_entity,
    "line_item_line_item_description": lambda i, b: i.description,
    "line_item_line_item_type": lambda i, b: i.type,
    "line_item_net_unblended_cost": lambda i, b: i.net_unblended_cost,
    "line_item_operation": lambda i, b: i.operation,
    "line_item_product_code": lambda i, b: i.product_code,
    "line_item_resource_id": lambda i, b: i.resource_id,
    "line_item_unblended_cost": lambda i, b: i.unblended_cost,
    "line_item_unblended_rate": lambda i, b: _rate(i),
    "line_item_usage_account_id": lambda i, b: i.account_id,
    "line_item_usage_account_name": lambda i, b: i.account_name,
    "line_item_usage_amount": lambda i, b: i.usage_amount,
    "line_item_usage_start_date": lambda i, b: i.start,
    "line_item_usage_end_date": lambda i, b: _end(i),
    "line_item_usage_type": lambda i, b: i.usage_type,
    "pricing_currency": lambda i, b: i.currency,
    "pricing_public_on_demand_cost": lambda i, b: i.list_cost,
    "pricing_term": lambda i, b: i.pricing_term or None,
    "pricing_unit": lambda i, b: i.pricing_unit or None,
    "product": lambda i, b: _product(i),
    "product_product_family": lambda i, b: i.product_family or None,
    "product_region_code": lambda i, b: i.region,
    "product_servicecode": lambda i, b: i.product_code,
    "product_usagetype": lambda i, b: i.usage_type,
    "resource_tags": lambda i, b: {normalised_tag(k): v for k, v in i.tags.items()},
    "tags": lambda i, b: _tags(i),
    "cost_category": lambda i, b: dict(i.cost_categories),
    "discount": lambda i, b: {},
}


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def rows(bill: Bill, items: Sequence[LineItem], columns: Columns) -> Rows:
    """Column by column, in the order of `columns`; a list of nothing but None for most."""
    unknown = {name for item in items for name in item.columns} - set(columns)
    if unknown:
        raise ValueError(f"Not among the columns of this export: {', '.join(sorted(unknown))}")
    found: Rows = {}
    for name in columns:
        read = FROM_ITEM.get(name)
        values = [read(item, bill) for item in items] if read else [None] * len(items)
        found[name] = values
    for position, item in enumerate(items):
        for name, value in item.columns.items():
            found[name][position] = value
    return found
