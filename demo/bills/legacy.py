"""Legacy Cost and Usage Reports: gzip CSV, ZIP CSV and Parquet, in each of AWS's folder layouts.

Made from the rows of CUR 2.0, whose names are those of the legacy Parquet files. Columns come and
go with what a month uses: one is written only if some row of the month fills it.
"""

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
import re
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from demo.bills import cur2
from demo.bills.columns import CUR2_BASE, DOUBLE, STRING, TIMESTAMP, Columns
from demo.bills.delivery import Delivery, chunked
from demo.bills.encoding import Rows, java_double, parquet
from demo.bills.line_items import Bill, LineItem

CATEGORIES = {
    "identity": "identity",
    "bill": "bill",
    "line_item": "lineItem",
    "product": "product",
    "pricing": "pricing",
    "reservation": "reservation",
    "savings_plan": "savingsPlan",
    "discount": "discount",
}
# Always there, whatever the month.
REQUIRED = {
    *("identity_line_item_id", "identity_time_interval", "bill_invoice_id", "bill_bill_type"),
    *("bill_billing_entity", "bill_payer_account_id", "bill_billing_period_start_date"),
    *("bill_billing_period_end_date", "line_item_usage_account_id", "line_item_line_item_type"),
    *("line_item_usage_start_date", "line_item_usage_end_date", "line_item_product_code"),
    *("line_item_usage_type", "line_item_operation", "line_item_availability_zone"),
    *("line_item_resource_id", "line_item_usage_amount", "line_item_currency_code"),
    *("line_item_unblended_rate", "line_item_unblended_cost", "line_item_blended_rate"),
    *("line_item_blended_cost", "line_item_line_item_description", "line_item_tax_type"),
}
# Newer than legacy reports, or differently there.
ABSENT = {
    *("product", "discount", "tags", "resource_tags", "cost_category"),
    *("bill_payer_account_name", "line_item_usage_account_name"),
}
MANIFEST_TYPES = {STRING: "OptionalString", DOUBLE: "OptionalBigDecimal", TIMESTAMP: "DateTime"}
Form = Literal["gzip", "zip", "parquet"]
Layout = Literal["create_new", "overwrite", "athena"]


@dataclass(frozen=True)
class Report:
    """A report definition. `athena` needs Parquet and a prefix, as AWS does."""

    bucket: str
    name: str
    account_id: str
    prefix: str = "reports"
    form: Form = "gzip"
    layout: Layout = "overwrite"
    old_assembly_ids: bool = False  # UUIDs and short file numbers, as before 2019

    @property
    def root(self) -> str:
        return f"{self.prefix}/{self.name}" if self.prefix else self.name


def deliver(
    report: Report, bill: Bill, *, at: dt.datetime, assembly_id: str = "", chunks: int = 1
) -> Delivery:
    """The whole of a month's delivery; `execution_id` of the answer is the assembly id."""
    if not assembly_id:
        assembly_id = str(uuid.uuid4()) if report.old_assembly_ids else f"{at:%Y%m%dT%H%M%SZ}"
    rows, columns = month_columns(bill, parquet_names=report.form == "parquet")
    parts = chunked(range(len(bill.items)), chunks)
    files = {}
    for number, part in enumerate(parts, 1):
        some = {name: [values[i] for i in part] for name, values in rows.items()}
        files[_data_key(report, bill, assembly_id, number)] = _file(report, some, columns, number)
    period = f"{report.root}/{bill.month:%Y%m%d}-{bill.next_month:%Y%m%d}"
    manifest_name = f"{report.name}-Manifest.json"
    manifest = _manifest(report, bill, assembly_id, list(files), columns)
    if report.layout == "athena":
        status = {"status": ["READY"]}
        key = f"{report.root}/{report.name}/cost_and_usage_data_status"
        body = parquet(status, {"status": STRING})
        files[f"{key}/cost_and_usage_data_status.parquet"] = body
    if report.layout == "create_new":
        files[f"{period}/{assembly_id}/{manifest_name}"] = manifest
    files[f"{period}/{manifest_name}"] = manifest
    return Delivery(report.bucket, assembly_id, files, f"{period}/{manifest_name}")


def month_columns(bill: Bill, *, parquet_names: bool) -> tuple[Rows, Columns]:
    """The month's rows and columns: names as in a CSV header, or as in Parquet."""
    items = bill.items
    all_rows = cur2.rows(bill, items, CUR2_BASE)
    columns: Columns = {}
    rows: Rows = {}
    for name, kind in CUR2_BASE.items():
        used = any(value not in (None, "") for value in all_rows[name])
        if name in ABSENT or not (used or name in REQUIRED):
            continue
        written = name if parquet_names else csv_name(name)
        columns[written], rows[written] = kind, all_rows[name]
    extra = {
        "product/ProductName": [item.product_name for item in items],
        **_tag_columns(items),
        **_cost_categories(items),
    }
    for name, values in extra.items():
        written = athena_name(name) if parquet_names else name
        columns[written], rows[written] = STRING, values
    return rows, columns


def _tag_columns(items: Sequence[LineItem]) -> dict[str, list[str]]:
    keys = sorted({key for item in items for key in item.tags})
    return {f"resourceTags/{key}": [item.tags.get(key, "") for item in items] for key in keys}


def _cost_categories(items: Sequence[LineItem]) -> dict[str, list[str]]:
    keys = sorted({key for item in items for key in item.cost_categories})
    return {
        f"costCategory/{key}": [item.cost_categories.get(key, "") for item in items] for key in keys
    }


def csv_name(name: str) -> str:
    """The CSV header of a Parquet name: "line_item_unblended_cost" -> "lineItem/UnblendedCost".

    product/ and pricing/ begin in lower case, but for two that AWS spells otherwise.
    """
    prefix = next(p for p in CATEGORIES if name.startswith(f"{p}_"))
    words = name.removeprefix(f"{prefix}_").replace("a_r_n", "ARN").split("_")
    camel = "".join(word[0].upper() + word[1:] for word in words)
    if prefix in ("product", "pricing") and camel not in ("LeaseContractLength", "OfferingClass"):
        camel = camel[0].lower() + camel[1:]
    return f"{CATEGORIES[prefix]}/{camel}"


def athena_name(name: str) -> str:
    """A CSV column's name in Parquet: "resourceTags/user:CostCenter" ->
    "resource_tags_user_cost_center"."""
    spaced = re.sub(r"(?<!^)(?=[A-Z])", "_", name)
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", spaced.lower())).strip("_")


def _data_key(report: Report, bill: Bill, assembly_id: str, number: int) -> str:
    period = f"{bill.month:%Y%m%d}-{bill.next_month:%Y%m%d}"
    digits = 1 if report.old_assembly_ids else 5
    suffix = {"gzip": "csv.gz", "zip": "csv.zip", "parquet": "snappy.parquet"}[report.form]
    name = f"{report.name}-{number:0{digits}d}.{suffix}"
    if report.layout == "athena":
        month = f"year={bill.month.year}/month={bill.month.month}"
        return f"{report.root}/{report.name}/{month}/{name}"
    if report.layout == "create_new":
        return f"{report.root}/{period}/{assembly_id}/{name}"
    return f"{report.root}/{period}/{name}"


def _file(report: Report, rows: Rows, columns: Columns, number: int) -> bytes:
    if report.form == "parquet":
        # Where there is nothing, legacy Parquet has an empty string.
        blank = {
            name: ["" if value is None else value for value in values]
            if columns[name] == STRING
            else values
            for name, values in rows.items()
        }
        return parquet(blank, columns)
    text = _csv_text(rows, columns)
    if report.form == "gzip":
        return gzip.compress(text.encode(), mtime=0)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{report.name}-{number}.csv", text)
    return out.getvalue()


def _csv_text(rows: Rows, columns: Columns) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    cells = [[_cell(kind, value) for value in rows[name]] for name, kind in columns.items()]
    writer.writerows(zip(*cells, strict=True))
    return out.getvalue()


def _cell(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if kind == DOUBLE:
        return java_double(value)
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if kind == TIMESTAMP else str(value)


def _manifest(
    report: Report, bill: Bill, assembly_id: str, keys: list[str], columns: Columns
) -> bytes:
    compression, content = {
        "gzip": ("GZIP", "text/csv"),
        "zip": ("ZIP", "text/csv"),
        "parquet": ("Parquet", "Parquet"),
    }[report.form]
    return json.dumps(
        {
            "assemblyId": assembly_id,
            "account": report.account_id,
            "columns": [_manifest_column(report, name, kind) for name, kind in columns.items()],
            "charset": "UTF-8",
            "compression": compression,
            "contentType": content,
            "reportId": hashlib.sha256(report.root.encode()).hexdigest(),
            "reportName": report.name,
            "billingPeriod": {
                "start": f"{bill.month:%Y%m%d}T000000.000Z",
                "end": f"{bill.next_month:%Y%m%d}T000000.000Z",
            },
            "bucket": report.bucket,
            "reportKeys": keys,
            "additionalArtifactKeys": [],
        }
    ).encode()


def _manifest_column(report: Report, name: str, kind: str) -> dict[str, str]:
    if report.form == "parquet":
        prefix = next((p for p in CATEGORIES if name.startswith(f"{p}_")), "resource_tags")
        return {
            "category": CATEGORIES.get(prefix, "resourceTags"),
            "name": name,
            "type": {DOUBLE: "DOUBLE", TIMESTAMP: "TIMESTAMP"}.get(kind, "STRING"),
        }
    category, _, rest = name.partition("/")
    return {"category": category, "name": rest, "type": MANIFEST_TYPES[kind]}
