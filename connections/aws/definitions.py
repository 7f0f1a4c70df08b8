"""Exports as AWS has them defined: what they hold, where they go, whether AWS can deliver them.

Only definitions of billing tables that the portal reads are told; AWS has others (carbon,
recommendations), which hold no bill.
"""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from connections.aws.session import AwsSession
from connections.models import ExportSchema, FileFormat, Granularity

TABLES = {
    "COST_AND_USAGE_REPORT": ExportSchema.CUR2,
    "FOCUS_1_0_AWS": ExportSchema.FOCUS_1_0,
    "FOCUS_1_2_AWS": ExportSchema.FOCUS_1_2,
}
_AT_ONCE = 8
_QUERY = re.compile(
    r"\s*SELECT\s+(?P<columns>.+?)\s+FROM\s+(?P<table>\w+)\s*(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)
_ALIAS = re.compile(r"\s+AS\s+", re.IGNORECASE)
_FORMATS = {
    ("PARQUET", "PARQUET"): FileFormat.PARQUET,
    ("TEXT_OR_CSV", "GZIP"): FileFormat.CSV_GZIP,
    ("TEXT_OR_CSV", "ZIP"): FileFormat.CSV_ZIP,
    ("Parquet", "Parquet"): FileFormat.PARQUET,
    ("textORcsv", "GZIP"): FileFormat.CSV_GZIP,
    ("textORcsv", "ZIP"): FileFormat.CSV_ZIP,
}
_TROUBLES = {
    "INSUFFICIENT_PERMISSION": "AWS may not write into the bucket: its bucket policy lacks what the"
    " export needs.",
    "BILL_OWNER_CHANGED": "The owner of the bill has changed, so AWS delivers nothing more: make a"
    " new export.",
    "INTERNAL_FAILURE": "AWS failed to deliver it; AWS tries again by itself.",
    "ERROR_PERMISSIONS": "AWS may not write into the bucket: its bucket policy lacks what the"
    " report needs.",
    "ERROR_NO_BUCKET": "AWS found no bucket to write into.",
}


@dataclass(frozen=True)
class Definition:
    """One export as AWS has it defined.

    columns      names of the columns that the files have, None for all that the schema knows
    is_partial   the query leaves line items out (WHERE, LIMIT)
    trouble      why AWS does not deliver, a sentence; '' while all is well
    owner        account that owns the bucket, '' where AWS does not say
    """

    schema: ExportSchema
    name: str
    bucket: str
    prefix: str
    region: str
    granularity: str
    file_format: str
    overwrites: bool
    has_resources: bool
    columns: frozenset[str] | None = None
    is_partial: bool = False
    refreshes_closed: bool = True
    trouble: str = ""
    owner: str = ""
    arn: str = ""

    @property
    def place(self) -> str:
        """Return where its files lie, as people write it."""
        return "s3://" + "/".join(filter(None, (self.bucket, self.prefix, self.name)))


def data_exports(session: AwsSession) -> list[Definition]:
    """Return every Data Export with a bill in it, all pages. Raises AwsFailure."""
    client = session.client("bcm-data-exports")
    arns = [one["ExportArn"] for one in client.pages("list_exports", "Exports")]

    def get(arn: str) -> Definition | None:
        return _from_export(client.call("get_export", target=arn, ExportArn=arn))

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="definitions") as pool:
        return [one for one in pool.map(get, arns) if one is not None]


def reports(session: AwsSession) -> list[Definition]:
    """Return every legacy report, all pages. Raises AwsFailure."""
    client = session.client("cur")
    return [
        _from_report(one)
        for one in client.pages("describe_report_definitions", "ReportDefinitions")
    ]


def definitions_of(session: AwsSession, schema: ExportSchema) -> list[Definition]:
    """Return what the service of a schema has. Raises AwsFailure."""
    return reports(session) if schema == ExportSchema.LEGACY_CUR else data_exports(session)


def _from_export(answer: Mapping[str, Any]) -> Definition | None:
    export = answer["Export"]
    query = _QUERY.fullmatch(export["DataQuery"]["QueryStatement"])
    table = query["table"] if query else ""
    if query is None or table not in TABLES:
        return None
    settings = (export["DataQuery"].get("TableConfigurations") or {}).get(table) or {}
    place = export["DestinationConfigurations"]["S3Destination"]
    output = place["S3OutputConfigurations"]
    columns = frozenset(_columns(query["columns"]))
    schema = TABLES[table]
    return Definition(
        schema=schema,
        name=export["Name"],
        bucket=place["S3Bucket"],
        prefix=place.get("S3Prefix", "").strip("/"),
        region=place["S3Region"],
        granularity=str(settings.get("TIME_GRANULARITY", "")).lower(),
        file_format=_FORMATS.get((output.get("Format"), output.get("Compression")), ""),
        overwrites=output.get("Overwrite") == "OVERWRITE_REPORT",
        has_resources=schema != ExportSchema.CUR2
        or (settings.get("INCLUDE_RESOURCES") == "TRUE" and "line_item_resource_id" in columns),
        columns=columns,
        is_partial=bool(query["rest"].strip().strip(";")),
        trouble=_trouble(answer.get("ExportStatus") or {}),
        owner=place.get("S3BucketOwner", ""),
        arn=export.get("ExportArn", ""),
    )


def _columns(selected: str) -> Iterator[str]:
    """Yield the columns that are delivered under their own names."""
    for item in selected.split(","):
        name, *alias = _ALIAS.split(item.strip())
        if not alias or alias[0] == name:
            yield name


def _trouble(status: Mapping[str, Any]) -> str:
    if status.get("StatusCode") != "UNHEALTHY":
        return ""
    reason = str(status.get("StatusReason", ""))
    return _TROUBLES.get(reason, f"AWS says that it is unhealthy ({reason or 'no reason given'}).")


def _from_report(one: Mapping[str, Any]) -> Definition:
    status = str((one.get("ReportStatus") or {}).get("lastStatus", ""))
    return Definition(
        schema=ExportSchema.LEGACY_CUR,
        name=one["ReportName"],
        bucket=one["S3Bucket"],
        prefix=one.get("S3Prefix", "").strip("/"),
        region=one["S3Region"],
        granularity=_granularity(one["TimeUnit"]),
        file_format=_FORMATS.get((one["Format"], one["Compression"]), ""),
        overwrites=one.get("ReportVersioning") == "OVERWRITE_REPORT",
        has_resources="RESOURCES" in (one.get("AdditionalSchemaElements") or ()),
        refreshes_closed=bool(one.get("RefreshClosedReports")),
        trouble=_TROUBLES.get(status, ""),
    )


def _granularity(unit: str) -> str:
    return unit.lower() if unit.lower() in Granularity.values else ""
