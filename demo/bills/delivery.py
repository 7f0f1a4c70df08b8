"""One delivery of an export: the files and manifests, where AWS puts them, as AWS writes them.

export = DataExport(bucket="bills", prefix="cur", name="daily", account_id="111122223333")
delivery = deliver(export, bill, execution_id="…")
put(delivery, boto3.client("s3"))          # or write_to(delivery, folder)
"""

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from demo.bills import cur2, encoding, focus
from demo.bills.columns import FOCUS_1_0, FOCUS_1_2, MAP, MAP_DOUBLE, STRING, Columns, cur2_columns
from demo.bills.line_items import Bill, LineItem

Item = TypeVar("Item")
Schema = Literal["cur2", "focus_1_0", "focus_1_2"]
SUFFIX = {"PARQUET": "snappy.parquet", "TEXT_OR_CSV": "csv.gz"}
# What a demo or test exports unless it says otherwise.
CONFIGURATION = {
    "TIME_GRANULARITY": "DAILY",
    "INCLUDE_RESOURCES": "TRUE",
    "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "FALSE",
    "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
}


@dataclass(frozen=True)
class DataExport:
    """A Data Exports export. `columns` None: all that its schema and configuration have."""

    bucket: str
    name: str
    account_id: str
    prefix: str = "exports"
    schema: Schema = "cur2"
    file_format: Literal["PARQUET", "TEXT_OR_CSV"] = "PARQUET"
    overwrite: bool = True
    configuration: dict[str, str] = field(default_factory=lambda: dict(CONFIGURATION))
    columns: Columns | None = None
    arn: str = ""

    @property
    def export_arn(self) -> str:
        base = f"arn:aws:bcm-data-exports:us-east-1:{self.account_id}:export/{self.name}"
        return self.arn or f"{base}-{uuid.uuid5(uuid.NAMESPACE_URL, base)}"

    @property
    def written_columns(self) -> Columns:
        if self.columns is not None:
            return self.columns
        if self.schema == "focus_1_0":
            return FOCUS_1_0
        return FOCUS_1_2 if self.schema == "focus_1_2" else cur2_columns(self.configuration)

    @property
    def root(self) -> str:
        return f"{self.prefix}/{self.name}" if self.prefix else self.name


@dataclass(frozen=True)
class Delivery:
    """`files` by S3 key, manifests last as AWS writes them; `manifest_key` is the latest's."""

    bucket: str
    execution_id: str
    files: dict[str, bytes]
    manifest_key: str

    @property
    def data_keys(self) -> list[str]:
        return [key for key in self.files if not key.endswith("Manifest.json")]


def chunked(items: Sequence[Item], chunks: int) -> list[Sequence[Item]]:
    size = -(-len(items) // chunks) or 1
    return [items[start : start + size] for start in range(0, len(items), size)] or [[]]


def deliver(
    export: DataExport,
    bill: Bill,
    *,
    execution_id: str = "",
    at: dt.datetime | None = None,
    chunks: int = 1,
) -> Delivery:
    """The whole of a month's delivery. `at` only names the folder of a create-new export."""
    execution_id = execution_id or str(uuid.uuid4())
    at = at or dt.datetime.now(dt.UTC)
    partition = f"BILLING_PERIOD={bill.period}"
    run = "" if export.overwrite else f"{_stamp(at)}-{execution_id}/"
    folder = f"{export.root}/data/{partition}/{run}"
    suffix = SUFFIX[export.file_format]
    files = {
        f"{folder}{export.name}-{number:05d}.{suffix}": _file(export, bill, part)
        for number, part in enumerate(chunked(bill.items, chunks), 1)
    }
    manifest = _manifest(export, execution_id, list(files))
    metadata, name = f"{export.root}/metadata/{partition}", f"{export.name}-Manifest.json"
    if run:
        files[f"{metadata}/{run}{name}"] = manifest
    files[f"{metadata}/{name}"] = manifest
    return Delivery(export.bucket, execution_id, files, f"{metadata}/{name}")


def _stamp(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _file(export: DataExport, bill: Bill, items: Sequence[LineItem]) -> bytes:
    columns = export.written_columns
    form = cur2 if export.schema == "cur2" else focus
    rows = form.rows(bill, items, columns)
    encode = encoding.parquet if export.file_format == "PARQUET" else encoding.gzip_csv
    return encode(rows, columns)


def _manifest(export: DataExport, execution_id: str, keys: list[str]) -> bytes:
    return json.dumps(
        {
            "executionId": execution_id,
            "exportArn": export.export_arn,
            "columns": [
                {"name": name, "type": _manifest_type(kind, export.file_format)}
                for name, kind in export.written_columns.items()
            ],
            "dataFiles": [f"s3://{export.bucket}/{key}" for key in keys],
        }
    ).encode()


def _manifest_type(kind: str, file_format: str) -> str:
    if kind not in (MAP, MAP_DOUBLE):
        return kind
    return "map" if file_format == "PARQUET" else STRING


def put(delivery: Delivery, s3: Any) -> None:
    """Upload with a boto3 S3 client, in AWS's order."""
    for key, body in delivery.files.items():
        s3.put_object(Bucket=delivery.bucket, Key=key, Body=body)


def write_to(delivery: Delivery, folder: Path) -> None:
    """The same under folder/bucket/key, as a local S3 server keeps it."""
    for key, body in delivery.files.items():
        path = folder / delivery.bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
