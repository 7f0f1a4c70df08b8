"""Making an export: a CUR 2.0 Data Export or a legacy report. Only the calls to AWS."""

from dataclasses import dataclass

from connections.aws.errors import AwsFailure
from connections.aws.session import AwsSession
from connections.export_columns import CUR2_SELECTED
from connections.models import ExportSchema, FileFormat
from organizations.runs import RunFailure

_TABLE = "COST_AND_USAGE_REPORT"
_OUTPUT = {
    FileFormat.PARQUET: {"Format": "PARQUET", "Compression": "PARQUET"},
    FileFormat.CSV_GZIP: {"Format": "TEXT_OR_CSV", "Compression": "GZIP"},
}
_REPORT_OUTPUT = {
    FileFormat.PARQUET: {"Format": "Parquet", "Compression": "Parquet"},
    FileFormat.CSV_GZIP: {"Format": "textORcsv", "Compression": "GZIP"},
    FileFormat.CSV_ZIP: {"Format": "textORcsv", "Compression": "ZIP"},
}
_NOT_YET = ("bucket permission", "bucket policy")
_QUOTA = ("ServiceQuotaExceededException", "ReportLimitReachedException")
_SAME_NAME = ("DuplicateReportNameException",)


@dataclass(frozen=True)
class Wish:
    """An export to make, everything settled."""

    schema: ExportSchema
    name: str
    bucket: str
    prefix: str
    region: str
    granularity: str
    file_format: FileFormat


class BucketNotReadyError(Exception):
    """AWS does not see yet, or does not see at all, that it may write into the bucket."""


def make_export(session: AwsSession, wish: Wish) -> None:
    """Make the export. Raises BucketNotReadyError, or RunFailure in words."""
    make = _make_report if wish.schema == ExportSchema.LEGACY_CUR else _make_data_export
    try:
        make(session, wish)
    except AwsFailure as failure:
        if failure.code == "ValidationException" and any(
            words in failure.message.lower() for words in _NOT_YET
        ):
            raise BucketNotReadyError from None
        raise _in_words(failure, wish) from None


def _make_data_export(session: AwsSession, wish: Wish) -> None:
    session.client("bcm-data-exports").call(
        "create_export",
        target=wish.name,
        Export={
            "Name": wish.name,
            "Description": "Billing data for Countinghouse",
            "DataQuery": {
                "QueryStatement": f"SELECT {', '.join(CUR2_SELECTED)} FROM {_TABLE}",  # noqa: S608
                "TableConfigurations": {
                    _TABLE: {
                        "TIME_GRANULARITY": wish.granularity.upper(),
                        "INCLUDE_RESOURCES": "TRUE",
                        "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "FALSE",
                        "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
                        "INCLUDE_CAPACITY_RESERVATION_DATA": "FALSE",
                        "INCLUDE_IAM_PRINCIPAL_DATA": "FALSE",
                    }
                },
            },
            "DestinationConfigurations": {
                "S3Destination": {
                    "S3Bucket": wish.bucket,
                    "S3Prefix": wish.prefix,
                    "S3Region": wish.region,
                    "S3OutputConfigurations": {
                        "OutputType": "CUSTOM",
                        "Overwrite": "OVERWRITE_REPORT",
                        **_OUTPUT[wish.file_format],
                    },
                }
            },
            "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
        },
    )


def _make_report(session: AwsSession, wish: Wish) -> None:
    # Overwritten Parquet is AWS's integration with Athena; every other file goes without.
    artifacts = ["ATHENA"] if wish.file_format == FileFormat.PARQUET else []
    session.client("cur").call(
        "put_report_definition",
        target=wish.name,
        ReportDefinition={
            "ReportName": wish.name,
            "TimeUnit": wish.granularity.upper(),
            **_REPORT_OUTPUT[wish.file_format],
            "AdditionalSchemaElements": ["RESOURCES"],
            "S3Bucket": wish.bucket,
            "S3Prefix": wish.prefix,
            "S3Region": wish.region,
            "AdditionalArtifacts": artifacts,
            "RefreshClosedReports": True,
            "ReportVersioning": "OVERWRITE_REPORT",
        },
    )


def _in_words(failure: AwsFailure, wish: Wish) -> RunFailure:
    kind = wish.schema.label
    if failure.code in _QUOTA:
        return RunFailure(
            failure.error_class,
            f"AWS makes no further {kind} export: the account has as many as AWS allows it.",
            "Delete one that nobody needs in Billing, Data Exports; or let the portal find one that"
            " exists.",
        )
    if failure.code in _SAME_NAME:
        return RunFailure(
            failure.error_class,
            f"There is an export “{wish.name}” already.",
            "Choose another name.",
        )
    if failure.code == "ValidationException" and "without a reason" in failure.message:
        return RunFailure(
            failure.error_class,
            f"AWS refused the {kind} export “{wish.name}” without a reason.",
            "Check the name, the prefix, and that AWS's billing writes into buckets of the region"
            f" {wish.region}.",
        )
    return RunFailure(failure.error_class, failure.message, failure.hint)
