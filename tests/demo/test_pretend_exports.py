"""The pretend AWS's Data Exports and legacy reports refuse and page like AWS's."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.aws.credentials import root_credentials
from demo.bills.columns import cur2_columns
from demo.bills.delivery import CONFIGURATION
from tests.demo.calling import (
    ACCOUNT,
    OTHER,
    allow,
    client,
    code,
    grant,
    new_bucket,
    new_user,
)


def export(bucket: str, name: str = "daily", **given: Any) -> dict[str, Any]:
    table = given.get("table", "COST_AND_USAGE_REPORT")
    selected = given.get("columns") or ", ".join(cur2_columns(CONFIGURATION))
    query: dict[str, Any] = {"QueryStatement": f"SELECT {selected} FROM {table}"}  # noqa: S608
    if table == "COST_AND_USAGE_REPORT":
        query["TableConfigurations"] = {table: given.get("configuration", CONFIGURATION)}
    output = {"Format": "PARQUET", "Compression": "PARQUET"} | given.get("output", {})
    return {
        "Name": name,
        "DataQuery": query,
        "DestinationConfigurations": {
            "S3Destination": {
                "S3Bucket": bucket,
                "S3Prefix": "cur",
                "S3Region": "us-east-1",
                "S3OutputConfigurations": {
                    "OutputType": "CUSTOM",
                    "Overwrite": "OVERWRITE_REPORT",
                    **output,
                },
            }
        },
        "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
    }


def test_an_export_needs_a_bucket_that_lets_the_service_write_at_its_root(aws: str) -> None:
    bucket, exports = new_bucket(), client("bcm-data-exports")
    with pytest.raises(ClientError, match="S3 bucket permission validation failed"):
        exports.create_export(Export=export(bucket))
    grant(bucket, service="billingreports.amazonaws.com")
    assert code(lambda: exports.create_export(Export=export(bucket))) == "ValidationException"
    grant(bucket, below="cur/*")
    assert code(lambda: exports.create_export(Export=export(bucket))) == "ValidationException"
    grant(bucket)
    exports.create_export(Export=export(bucket))
    keys = [o["Key"] for o in client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["aws-programmatic-access-test-object"]


def test_aws_adds_the_billing_view_and_the_buckets_owner(aws: str) -> None:
    bucket, exports = new_bucket(), client("bcm-data-exports")
    grant(bucket)
    arn = exports.create_export(Export=export(bucket))["ExportArn"]
    assert arn.startswith(f"arn:aws:bcm-data-exports:us-east-1:{ACCOUNT}:export/daily-")
    found = exports.get_export(ExportArn=arn)
    table = found["Export"]["DataQuery"]["TableConfigurations"]["COST_AND_USAGE_REPORT"]
    assert table["BILLING_VIEW_ARN"] == f"arn:aws:billing::{ACCOUNT}:billingview/primary"
    destination = found["Export"]["DestinationConfigurations"]["S3Destination"]
    assert destination["S3BucketOwner"] == ACCOUNT
    assert found["ExportStatus"]["StatusCode"] == "HEALTHY"


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": "*"},
        {"columns": "line_item_unblended_costs"},
        {"columns": "line_item_resource_id", "configuration": {"INCLUDE_RESOURCES": "FALSE"}},
        {"configuration": {"INCLUDE_CALLER_IDENTITY": "TRUE"}},
        {"output": {"Format": "PARQUET", "Compression": "GZIP"}},
    ],
)
def test_an_export_that_aws_would_refuse_is_refused(aws: str, wrong: dict[str, Any]) -> None:
    bucket = new_bucket()
    grant(bucket)
    call = client("bcm-data-exports").create_export
    with pytest.raises(ClientError) as raised:
        call(Export=export(bucket, **wrong))
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert raised.value.response["Reason"] == "fieldValidationFailed"


def test_exports_have_a_quota_for_each_table(aws: str) -> None:
    bucket, exports = new_bucket(), client("bcm-data-exports")
    grant(bucket)
    for number in range(2):
        given = export(bucket, f"f{number}", table="FOCUS_1_2_AWS", columns="BilledCost, Tags")
        exports.create_export(Export=given)
    third = export(bucket, "f2", table="FOCUS_1_2_AWS", columns="BilledCost")
    with pytest.raises(ClientError, match="limit of 2 on FOCUS_1_2_AWS") as raised:
        exports.create_export(Export=third)
    assert raised.value.response["Error"]["Code"] == "ServiceQuotaExceededException"


def test_exports_page_update_and_end(aws: str) -> None:
    bucket, exports = new_bucket(), client("bcm-data-exports")
    grant(bucket)
    arns = [
        exports.create_export(Export=export(bucket, f"export-{n}"))["ExportArn"] for n in range(5)
    ]
    pages = exports.get_paginator("list_exports").paginate(PaginationConfig={"PageSize": 2})
    assert [item["ExportArn"] for page in pages for item in page["Exports"]] == arns
    changed = export(bucket, "export-0", columns="line_item_unblended_cost")
    exports.update_export(ExportArn=arns[0], Export=changed)
    query = exports.get_export(ExportArn=arns[0])["Export"]["DataQuery"]["QueryStatement"]
    assert query == "SELECT line_item_unblended_cost FROM COST_AND_USAGE_REPORT"
    exports.delete_export(ExportArn=arns[0])
    gone = code(lambda: exports.get_export(ExportArn=arns[0]))
    assert gone == "ResourceNotFoundException"
    assert client("bcm-data-exports", root_credentials(OTHER)).list_exports()["Exports"] == []


def test_creating_an_export_needs_the_report_permission_too(aws: str) -> None:
    bucket = new_bucket()
    grant(bucket)
    keys = new_user(allow("bcm-data-exports:*"))
    exports = client("bcm-data-exports", keys)
    assert code(lambda: exports.create_export(Export=export(bucket))) == "AccessDeniedException"


def test_a_tables_schema_depends_on_its_configuration(aws: str) -> None:
    exports = client("bcm-data-exports")
    names = {table["TableName"] for table in exports.list_tables()["Tables"]}
    assert names == {"COST_AND_USAGE_REPORT", "FOCUS_1_0_AWS", "FOCUS_1_2_AWS"}
    wide = exports.get_table(TableName="COST_AND_USAGE_REPORT", TableProperties=CONFIGURATION)
    narrow = exports.get_table(TableName="COST_AND_USAGE_REPORT")
    extra = {column["Name"] for column in wide["Schema"]} - {
        column["Name"] for column in narrow["Schema"]
    }
    assert extra == {"line_item_resource_id"}


# Legacy reports


def report(bucket: str, name: str = "legacy", **given: Any) -> dict[str, Any]:
    return {
        "ReportName": name,
        "TimeUnit": "DAILY",
        "Format": "textORcsv",
        "Compression": "GZIP",
        "AdditionalSchemaElements": ["RESOURCES"],
        "S3Bucket": bucket,
        "S3Prefix": "cur",
        "S3Region": "us-east-1",
        "ReportVersioning": "OVERWRITE_REPORT",
        **given,
    }


def test_reports_page_by_five_and_stop_at_ten(aws: str) -> None:
    bucket, cur = new_bucket(), client("cur")
    grant(bucket, service="billingreports.amazonaws.com")
    for number in range(10):
        cur.put_report_definition(ReportDefinition=report(bucket, f"report-{number}"))
    pages = list(cur.get_paginator("describe_report_definitions").paginate())
    assert [len(page["ReportDefinitions"]) for page in pages] == [5, 5]
    call = cur.put_report_definition
    assert code(lambda: call(ReportDefinition=report(bucket, "report-0"))) == (
        "DuplicateReportNameException"
    )
    assert code(lambda: call(ReportDefinition=report(bucket, "another"))) == (
        "ReportLimitReachedException"
    )
    cur.delete_report_definition(ReportName="report-0")
    assert cur.describe_report_definitions()["ReportDefinitions"][0]["ReportName"] == "report-1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"Format": "Parquet"},
        {"AdditionalArtifacts": ["ATHENA"]},
        {"Format": "Parquet", "Compression": "Parquet", "AdditionalArtifacts": ["REDSHIFT"]},
        {"TimeUnit": "WEEKLY"},
    ],
)
def test_combinations_that_aws_refuses_get_an_empty_error(aws: str, wrong: dict[str, Any]) -> None:
    bucket = new_bucket()
    grant(bucket, service="billingreports.amazonaws.com")
    with pytest.raises(ClientError) as raised:
        client("cur").put_report_definition(ReportDefinition=report(bucket, **wrong))
    assert raised.value.response["Error"] == {"Code": "ValidationException", "Message": ""}


def test_a_report_needs_a_bucket_that_lets_the_service_write(aws: str) -> None:
    bucket = new_bucket()
    grant(bucket)  # the principal of the newer service
    with pytest.raises(ClientError, match="Failed to verify customer bucket permission"):
        client("cur").put_report_definition(ReportDefinition=report(bucket))
