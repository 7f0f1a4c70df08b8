"""Definitions of exports in the pretend AWS, and what a request about them looks like."""

import json
from typing import Any

from demo.bills.columns import cur2_columns
from demo.bills.delivery import CONFIGURATION
from tests.connections.pretend import BUCKET, PAYER, REGION, PretendAccount

# What the portal's user may do here: as the policy page's automatic mode grants it.
AUTOMATIC = ("s3:*", "bcm-data-exports:*", "cur:*", "ec2:*", "elasticloadbalancing:*", "iam:*")
TABLE = "COST_AND_USAGE_REPORT"


def open_bucket(payer: PretendAccount, bucket: str = BUCKET) -> None:
    """Let AWS's billing services deliver into the bucket."""
    services = ["bcm-data-exports.amazonaws.com", "billingreports.amazonaws.com"]
    statement = {
        "Sid": "Delivery",
        "Effect": "Allow",
        "Principal": {"Service": services},
        "Action": ["s3:PutObject", "s3:GetBucketPolicy"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"StringEquals": {"aws:SourceAccount": PAYER}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    payer.client("s3", REGION).put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def define_export(payer: PretendAccount, name: str, **given: Any) -> str:
    """Create a Data Export; return its ARN. `query`, `settings`, `output` and place may differ."""
    settings = {**CONFIGURATION, **given.get("settings", {})}
    columns = given.get("columns") or cur2_columns(settings)
    table = given.get("table", TABLE)
    query = f"SELECT {', '.join(columns)} FROM {table}{given.get('rest', '')}"  # noqa: S608
    output = {
        "OutputType": "CUSTOM",
        "Format": "PARQUET",
        "Compression": "PARQUET",
        "Overwrite": "OVERWRITE_REPORT",
        **given.get("output", {}),
    }
    arn: str = payer.client("bcm-data-exports").create_export(
        Export={
            "Name": name,
            "DataQuery": {
                "QueryStatement": query,
                "TableConfigurations": {table: settings if table == TABLE else {}},
            },
            "DestinationConfigurations": {
                "S3Destination": {
                    "S3Bucket": given.get("bucket", BUCKET),
                    "S3Prefix": given.get("prefix", "cur"),
                    "S3Region": REGION,
                    "S3OutputConfigurations": output,
                }
            },
            "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
        }
    )["ExportArn"]
    return arn


def define_report(payer: PretendAccount, name: str, **given: Any) -> None:
    """Create a legacy report definition."""
    payer.client("cur").put_report_definition(
        ReportDefinition={
            "ReportName": name,
            "TimeUnit": "DAILY",
            "Format": "textORcsv",
            "Compression": "GZIP",
            "AdditionalSchemaElements": ["RESOURCES"],
            "S3Bucket": BUCKET,
            "S3Prefix": "legacy",
            "S3Region": REGION,
            "AdditionalArtifacts": [],
            "RefreshClosedReports": True,
            "ReportVersioning": "OVERWRITE_REPORT",
            **given,
        }
    )
