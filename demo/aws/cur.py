"""The `cur` service: definitions of legacy Cost and Usage Reports. Reports are not written here."""

import copy
import re
from typing import Any

from demo.aws.calls import Call
from demo.aws.delivery_bucket import claim
from demo.aws.errors import AwsError

Definition = dict[str, Any]

PAGE = 5  # DescribeReportDefinitions has no other page size
LIMIT = 10
REQUIRED = {
    "ReportName",
    "TimeUnit",
    "Format",
    "Compression",
    "AdditionalSchemaElements",
    "S3Bucket",
    "S3Prefix",
    "S3Region",
}
ALLOWED: dict[str, set[str]] = {
    "TimeUnit": {"HOURLY", "DAILY", "MONTHLY"},
    "Format": {"textORcsv", "Parquet"},
    "Compression": {"ZIP", "GZIP", "Parquet"},
    "ReportVersioning": {"CREATE_NEW_REPORT", "OVERWRITE_REPORT"},
}
SCHEMA_ELEMENTS = {"RESOURCES", "SPLIT_COST_ALLOCATION_DATA", "MANUAL_DISCOUNT_COMPATIBILITY"}
ARTIFACTS = {"REDSHIFT", "QUICKSIGHT", "ATHENA"}


class ReportDefinitions:
    """Every account's report definitions by name."""

    service = "cur"

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Definition]] = {}

    def reset(self) -> None:
        self.accounts.clear()

    def handle(self, call: Call) -> dict[str, Any]:
        if call.region != "us-east-1":
            raise AwsError("UnknownEndpoint", "cur is served from us-east-1 only.", 404)
        reports = self.accounts.setdefault(call.account_id, {})
        operations = {
            "DescribeReportDefinitions": self._describe,
            "PutReportDefinition": self._put,
            "ModifyReportDefinition": self._modify,
            "DeleteReportDefinition": self._delete,
        }
        if call.action not in operations:
            raise AwsError("UnknownOperationException", f"{call.action} is not pretended.")
        return operations[call.action](call, reports)

    def _describe(self, call: Call, reports: dict[str, Definition]) -> dict[str, Any]:
        start = int(call.params.get("NextToken") or 0)
        listed = list(reports.values())
        answer: dict[str, Any] = {"ReportDefinitions": listed[start : start + PAGE]}
        if start + PAGE < len(listed):
            answer["NextToken"] = str(start + PAGE)
        return answer

    def _put(self, call: Call, reports: dict[str, Definition]) -> dict[str, Any]:
        definition = _checked(call, call.params.get("ReportDefinition") or {})
        name = definition["ReportName"]
        if name in reports:
            raise AwsError(
                "DuplicateReportNameException", f"A report with the name {name} already exists."
            )
        if len(reports) >= LIMIT:
            raise AwsError(
                "ReportLimitReachedException", "The account has reached the limit of reports."
            )
        reports[name] = definition
        return {}

    def _modify(self, call: Call, reports: dict[str, Definition]) -> dict[str, Any]:
        name = str(call.params.get("ReportName"))
        if name not in reports:
            raise AwsError("ValidationException", f"The report {name} does not exist.")
        definition = _checked(call, call.params.get("ReportDefinition") or {})
        fixed = ("ReportName", "TimeUnit", "AdditionalSchemaElements", "ReportVersioning")
        old = reports[name]
        overwrites = old["ReportVersioning"] == "OVERWRITE_REPORT"
        if overwrites and any(old[key] != definition[key] for key in fixed):
            raise AwsError("ValidationException", "An overwrite report cannot change this field.")
        reports[name] = definition
        return {}

    def _delete(self, call: Call, reports: dict[str, Definition]) -> dict[str, Any]:
        name = str(call.params.get("ReportName"))
        if reports.pop(name, None) is None:
            raise AwsError("ValidationException", f"The report {name} does not exist.")
        return {"ResponseMessage": f"Report {name} is deleted."}


def _checked(call: Call, given: Definition) -> Definition:
    """The definition with AWS's defaults, its bucket claimed; else AWS's ValidationException."""
    definition = {
        "ReportVersioning": "CREATE_NEW_REPORT",
        "RefreshClosedReports": False,
        "AdditionalArtifacts": [],
        **copy.deepcopy(given),
    }
    if not _fields_valid(definition) or not _combination_valid(definition):
        raise AwsError("ValidationException", "")  # AWS says no more than this
    claim(
        definition["S3Bucket"],
        call.account_id,
        "billingreports.amazonaws.com",
        f"arn:aws:cur:us-east-1:{call.account_id}:definition/{definition['ReportName']}",
        AwsError("ValidationException", "Failed to verify customer bucket permission."),
    )
    definition.setdefault("ReportStatus", {})
    return definition


def _fields_valid(definition: Definition) -> bool:
    return (
        all(key in definition for key in REQUIRED)
        and re.fullmatch(r"[0-9A-Za-z!\-_.*'()]{1,256}", str(definition["ReportName"])) is not None
        and re.fullmatch(r"[0-9A-Za-z!\-_.*'()/]{0,256}", str(definition["S3Prefix"])) is not None
        and all(definition[key] in values for key, values in ALLOWED.items())
        and set(definition["AdditionalSchemaElements"]) <= SCHEMA_ELEMENTS
        and set(definition["AdditionalArtifacts"]) <= ARTIFACTS
    )


def _combination_valid(definition: Definition) -> bool:
    artifacts = set(definition["AdditionalArtifacts"])
    parquet = definition["Format"] == "Parquet"
    if parquet != (definition["Compression"] == "Parquet"):
        return False
    if "ATHENA" in artifacts:
        overwrites = definition["ReportVersioning"] == "OVERWRITE_REPORT"
        return artifacts == {"ATHENA"} and parquet and overwrites and bool(definition["S3Prefix"])
    return not (artifacts and parquet)
