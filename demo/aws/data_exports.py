"""The `bcm-data-exports` service: definitions of exports. Their files are not written here."""

import copy
import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Any

from demo.aws.calls import Call
from demo.aws.delivery_bucket import claim
from demo.aws.errors import AwsError
from demo.bills.columns import TABLES, cur2_columns

Export = dict[str, Any]

QUOTA = {"COST_AND_USAGE_REPORT": 5}
OTHER_QUOTA = 2
QUERY = re.compile(
    r"\s*SELECT\s+(?P<columns>.+?)\s+FROM\s+(?P<table>\w+)\s*(?:WHERE\s+.+|LIMIT\s+\d+)?\s*",
    re.DOTALL | re.IGNORECASE,
)
SWITCHES = (
    "INCLUDE_RESOURCES",
    "INCLUDE_SPLIT_COST_ALLOCATION_DATA",
    "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY",
    "INCLUDE_CAPACITY_RESERVATION_DATA",
    "INCLUDE_IAM_PRINCIPAL_DATA",
)
CONFIGURATIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "COST_AND_USAGE_REPORT": {
        "TIME_GRANULARITY": ("HOURLY", "DAILY", "MONTHLY"),
        **dict.fromkeys(SWITCHES, ("TRUE", "FALSE")),
    },
    "FOCUS_1_0_AWS": {},
    "FOCUS_1_2_AWS": {"TIME_GRANULARITY": ("HOURLY", "DAILY", "MONTHLY")},
}


def invalid(message: str, field: str = "") -> AwsError:
    if not field:
        return AwsError("ValidationException", message, Reason="other")
    fields = [{"Name": field, "Message": message}]
    return AwsError("ValidationException", message, Reason="fieldValidationFailed", Fields=fields)


class DataExports:
    """Every account's exports by ARN: {"Export", "ExportStatus", "Executions"}."""

    service = "bcm-data-exports"

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, dict[str, Any]]] = {}
        self._created = 0

    def reset(self) -> None:
        self.accounts.clear()
        self._created = 0

    def handle(self, call: Call) -> dict[str, Any]:
        operations: dict[str, Callable[[Call], dict[str, Any]]] = {
            "CreateExport": self._create,
            "GetExport": self._get,
            "ListExports": self._list,
            "UpdateExport": self._update,
            "DeleteExport": self._delete,
            "ListExecutions": self._executions,
            "GetExecution": self._execution,
            "ListTables": self._tables,
            "GetTable": self._table,
        }
        if call.action not in operations:
            raise AwsError("UnknownOperationException", f"{call.action} is not pretended.")
        return operations[call.action](call)

    def record_execution(self, account_id: str, arn: str, execution_id: str, at: float) -> None:
        """Note a delivery: the bill writer's part of an export's life."""
        found = self._exports(account_id)[arn]
        status = {"StatusCode": "DELIVERY_SUCCESS", "CreatedAt": at, "LastUpdatedAt": at}
        status["CompletedAt"] = at
        found["Executions"].insert(0, {"ExecutionId": execution_id, "ExecutionStatus": status})
        found["ExportStatus"]["LastRefreshedAt"] = at

    def _exports(self, account_id: str) -> dict[str, dict[str, Any]]:
        return self.accounts.setdefault(account_id, {})

    def _create(self, call: Call) -> dict[str, Any]:
        exports = self._exports(call.account_id)
        export, table = _checked(call, call.params.get("Export") or {})
        if any(found["Export"]["Name"] == export["Name"] for found in exports.values()):
            raise invalid(f"An export with the name {export['Name']} already exists.")
        quota = QUOTA.get(table, OTHER_QUOTA)
        if sum(_table_of(found["Export"]) == table for found in exports.values()) >= quota:
            raise AwsError(
                "ServiceQuotaExceededException",
                f"Account has reached the resource limit of {quota} on {table} table.",
                ResourceType="EXPORT",
                QuotaCode="L-PRETEND",
                ServiceCode="bcm-data-exports",
            )
        _claim_bucket(call, export)
        arn = (
            f"arn:aws:bcm-data-exports:us-east-1:{call.account_id}:export/"
            f"{export['Name']}-{self._unique(call.account_id, export['Name'])}"
        )
        now = _now()
        exports[arn] = {
            "Export": {**export, "ExportArn": arn},
            "ExportStatus": {"StatusCode": "HEALTHY", "CreatedAt": now, "LastUpdatedAt": now},
            "Executions": [],
        }
        return {"ExportArn": arn}

    def _unique(self, account_id: str, name: str) -> str:
        """A UUID, the same for the same history: a restarted demo gives the same ARNs."""
        self._created += 1
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{account_id}/{name}/{self._created}"))

    def _find(self, call: Call) -> dict[str, Any]:
        arn = str(call.params.get("ExportArn"))
        found = self._exports(call.account_id).get(arn)
        if found is None:
            raise AwsError(
                "ResourceNotFoundException",
                f"Export not found: {arn}",
                ResourceId=arn,
                ResourceType="EXPORT",
            )
        return found

    def _get(self, call: Call) -> dict[str, Any]:
        found = self._find(call)
        return {"Export": found["Export"], "ExportStatus": found["ExportStatus"]}

    def _list(self, call: Call) -> dict[str, Any]:
        exports = [
            {
                "ExportArn": arn,
                "ExportName": found["Export"]["Name"],
                "ExportStatus": found["ExportStatus"],
            }
            for arn, found in self._exports(call.account_id).items()
        ]
        return _page(call, "Exports", exports)

    def _update(self, call: Call) -> dict[str, Any]:
        found = self._find(call)
        export, table = _checked(call, call.params.get("Export") or {})
        if table != _table_of(found["Export"]) or export["Name"] != found["Export"]["Name"]:
            raise invalid("An export's name and table cannot change.", "Export.DataQuery")
        _claim_bucket(call, export)
        found["Export"] = {**export, "ExportArn": found["Export"]["ExportArn"]}
        found["ExportStatus"]["LastUpdatedAt"] = _now()
        return {"ExportArn": found["Export"]["ExportArn"]}

    def _delete(self, call: Call) -> dict[str, Any]:
        arn = self._find(call)["Export"]["ExportArn"]
        del self._exports(call.account_id)[arn]
        return {"ExportArn": arn}

    def _executions(self, call: Call) -> dict[str, Any]:
        return _page(call, "Executions", self._find(call)["Executions"])

    def _execution(self, call: Call) -> dict[str, Any]:
        wanted = call.params.get("ExecutionId")
        for execution in self._find(call)["Executions"]:
            if execution["ExecutionId"] == wanted:
                return {**execution, "Export": self._find(call)["Export"]}
        raise AwsError(
            "ResourceNotFoundException",
            f"Execution not found: {wanted}",
            ResourceId=str(wanted),
            ResourceType="EXECUTION",
        )

    def _tables(self, call: Call) -> dict[str, Any]:
        tables = [
            {
                "TableName": name,
                "Description": name,
                "TableProperties": [
                    {"Name": key, "ValidValues": list(values), "DefaultValue": values[-1]}
                    for key, values in CONFIGURATIONS[name].items()
                ],
            }
            for name in TABLES
        ]
        return _page(call, "Tables", tables)

    def _table(self, call: Call) -> dict[str, Any]:
        name = str(call.params.get("TableName"))
        if name not in TABLES:
            raise invalid(f"Table {name} does not exist.", "TableName")
        properties = call.params.get("TableProperties") or {}
        columns = cur2_columns(properties) if name == "COST_AND_USAGE_REPORT" else TABLES[name]
        schema = [
            {"Name": column, "Type": "map" if kind.startswith("map") else kind, "Description": ""}
            for column, kind in columns.items()
        ]
        return {
            "TableName": name,
            "Description": name,
            "TableProperties": properties,
            "Schema": schema,
        }


def _now() -> float:
    return dt.datetime.now(dt.UTC).timestamp()


def _page(call: Call, key: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    size = int(call.params.get("MaxResults") or 100)
    if not 1 <= size <= 300:
        raise invalid("MaxResults must be between 1 and 300.", "MaxResults")
    start = int(call.params.get("NextToken") or 0)
    answer: dict[str, Any] = {key: items[start : start + size]}
    if start + size < len(items):
        answer["NextToken"] = str(start + size)
    return answer


def _table_of(export: Export) -> str:
    found = QUERY.fullmatch(export["DataQuery"]["QueryStatement"])
    return found["table"] if found else ""


def _checked(call: Call, given: Export) -> tuple[Export, str]:
    """The export as AWS keeps it and its table; else AWS's ValidationException."""
    export = copy.deepcopy(given)
    if not re.fullmatch(r"[0-9A-Za-z\-_]{1,128}", str(export.get("Name", ""))):
        raise invalid("The export's name is not valid.", "Export.Name")
    query = export["DataQuery"]
    found = QUERY.fullmatch(query["QueryStatement"])
    if found is None or found["table"] not in TABLES or len(query["QueryStatement"]) > 36000:
        raise invalid("The query statement cannot be parsed.", "Export.DataQuery.QueryStatement")
    table = found["table"]
    configuration = query.setdefault("TableConfigurations", {}).setdefault(table, {})
    _check_configuration(table, configuration)
    _check_columns(table, found["columns"], configuration)
    view = f"arn:aws:billing::{call.account_id}:billingview/primary"
    configuration.setdefault("BILLING_VIEW_ARN", view)
    _check_destination(export["DestinationConfigurations"]["S3Destination"], call)
    return export, table


def _check_configuration(table: str, configuration: dict[str, str]) -> None:
    field = "Export.DataQuery.TableConfigurations"
    for key, value in configuration.items():
        valid = CONFIGURATIONS[table].get(key)
        if key != "BILLING_VIEW_ARN" and (valid is None or value not in valid):
            raise invalid(f"{key}={value} is not a configuration of {table}.", field)


def _check_columns(table: str, selected: str, configuration: dict[str, str]) -> None:
    known = TABLES[table]
    if table == "COST_AND_USAGE_REPORT":
        known = cur2_columns(configuration)
    for item in selected.split(","):
        name = re.split(r"\s+AS\s+", item.strip(), flags=re.IGNORECASE)[0].partition(".")[0]
        if name not in known:
            raise invalid(
                f"Column {name} is not in table {table} with these configurations.",
                "Export.DataQuery.QueryStatement",
            )


def _check_destination(destination: dict[str, Any], call: Call) -> None:
    output = destination["S3OutputConfigurations"]
    pair = (output.get("Format"), output.get("Compression"))
    if pair not in (("PARQUET", "PARQUET"), ("TEXT_OR_CSV", "GZIP")):
        raise invalid(
            "Format and Compression do not go together.",
            "Export.DestinationConfigurations.S3Destination.S3OutputConfigurations",
        )
    destination.setdefault("S3BucketOwner", call.account_id)


def _claim_bucket(call: Call, export: Export) -> None:
    destination = export["DestinationConfigurations"]["S3Destination"]
    claim(
        destination["S3Bucket"],
        destination["S3BucketOwner"],
        "bcm-data-exports.amazonaws.com",
        f"arn:aws:bcm-data-exports:us-east-1:{call.account_id}:export/{export['Name']}-new",
        invalid("S3 bucket permission validation failed"),
    )
