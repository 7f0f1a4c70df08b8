"""On which resources each action works, as narrow as AWS lets them be named.

An action that is not here cannot be put into a policy: decide its resources first. AWS's Service
Authorization Reference says for each action whether a resource can be named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from connections.models import ExportSchema
from connections.policies.statements import literal
from connections.policies.values import BILLING_REGION, Values

Conditions = Mapping[str, Mapping[str, Any]]

_TABLES = {
    ExportSchema.CUR2: "COST_AND_USAGE_REPORT",
    ExportSchema.FOCUS_1_0: "FOCUS_1_0_AWS",
    ExportSchema.FOCUS_1_2: "FOCUS_1_2_AWS",
}


class UnknownActionError(LookupError):
    """Nobody said yet on which resources an action works."""


@dataclass(frozen=True)
class Scope:
    """The statement an action belongs into: its Sid, resources and conditions."""

    sid: str
    resources: Callable[[Values], tuple[str, ...]]
    conditions: Callable[[Values], Conditions] = lambda values: {}


def bucket_arn(values: Values) -> str:
    """Return the ARN of the export's bucket."""
    return f"arn:{values.partition}:s3:::{values.export.bucket}"


def object_arns(values: Values) -> tuple[str, ...]:
    """Return the ARNs of the export's files, with a wildcard at the end."""
    return tuple(f"{bucket_arn(values)}/{literal(key)}*" for key in values.root_keys)


def listing_conditions(values: Values) -> Conditions:
    """Return the condition that lets only the export's own folder be listed."""
    if "" in values.root_keys:
        return {}
    patterns = [f"{literal(key)}*" for key in values.root_keys]
    return {"StringLike": {"s3:prefix": patterns[0] if len(patterns) == 1 else patterns}}


def _anything(values: Values) -> tuple[str, ...]:
    return ("*",)


def _bucket(values: Values) -> tuple[str, ...]:
    return (bucket_arn(values),)


def _every_bucket(values: Values) -> tuple[str, ...]:
    return (f"arn:{values.partition}:s3:::*",)


def _every_user(values: Values) -> tuple[str, ...]:
    return (f"arn:{values.partition}:iam::{values.account_id or '*'}:user/*",)


def _every_unit(values: Values) -> tuple[str, ...]:
    base = f"arn:{values.partition}:organizations::{values.account_id or '*'}"
    return (f"{base}:root/*", f"{base}:ou/*")


def _members_roles(values: Values) -> tuple[str, ...]:
    return (f"arn:{values.partition}:iam::*:role/{values.member_role}",)


def _billing_arn(values: Values, service: str, rest: str) -> str:
    account = values.account_id or "*"
    return f"arn:{values.partition}:{service}:{BILLING_REGION}:{account}:{rest}"


def _exports(values: Values) -> tuple[str, ...]:
    # AWS appends an id of its own to the name, so an export that is yet to be made has no ARN.
    return (_billing_arn(values, "bcm-data-exports", "export/*"),)


def _exports_and_table(values: Values) -> tuple[str, ...]:
    table = _TABLES.get(ExportSchema(values.schema or ExportSchema.CUR2), "")
    return (*_exports(values), _billing_arn(values, "bcm-data-exports", f"table/{table}"))


def _reports(values: Values) -> tuple[str, ...]:
    return (_billing_arn(values, "cur", "definition/*"),)


def _new_report(values: Values) -> tuple[str, ...]:
    """Return what cur:PutReportDefinition is held against.

    CreateExport needs it too, then not on a report but on the operation.
    """
    if not values.is_legacy:
        return (_billing_arn(values, "cur", "/putReportDefinition"),)
    return (_billing_arn(values, "cur", f"definition/{literal(values.export.name) or '*'}"),)


def _key(values: Values) -> tuple[str, ...]:
    return (values.kms_key_arn,)


def _through_s3(values: Values) -> Conditions:
    suffix = "amazonaws.com.cn" if values.partition == "aws-cn" else "amazonaws.com"
    return {"StringEquals": {"kms:ViaService": f"s3.{values.kms_key_arn.split(':')[3]}.{suffix}"}}


# Sid, patterns of actions, resources, conditions; the first pattern that fits counts.
_PREPARE = Scope("PrepareBillingBucket", _bucket)
_BILLING: dict[str, Scope] = {
    "s3:ListBucket": Scope("ListBillingFiles", _bucket, listing_conditions),
    "s3:GetBucketLocation": Scope("LocateBillingBucket", _bucket),
    "s3:GetObject": Scope("ReadBillingFiles", object_arns),
    "kms:Decrypt": Scope("DecryptBillingFiles", _key, _through_s3),
    "s3:CreateBucket": _PREPARE,
    "s3:GetBucketPolicy": _PREPARE,
    "s3:PutBucketPolicy": _PREPARE,
    "s3:PutBucketOwnershipControls": _PREPARE,
    "s3:PutBucketPublicAccessBlock": _PREPARE,
    "s3:PutEncryptionConfiguration": _PREPARE,
    "bcm-data-exports:ListExports": Scope("ListDataExports", _anything),
    "bcm-data-exports:GetExport": Scope("ReadDataExports", _exports),
    "bcm-data-exports:CreateExport": Scope("CreateDataExport", _exports_and_table),
    "cur:DescribeReportDefinitions": Scope("ListReports", _reports),
    "cur:PutReportDefinition": Scope("CreateReport", _new_report),
}
_WHOLE, _UNITS = Scope("ReadOrganization", _anything), Scope("ReadUnits", _every_unit)
_ORGANIZATION: dict[str, Scope] = {
    "organizations:DescribeOrganization": _WHOLE,
    "organizations:ListAccounts": _WHOLE,
    "organizations:ListRoots": _WHOLE,
    "organizations:ListAccountsForParent": _UNITS,
    "organizations:ListOrganizationalUnitsForParent": _UNITS,
    "sts:AssumeRole": Scope("AssumeRolesOfMembers", _members_roles),
}
_METRICS = Scope("ReadMetrics", _anything)
_INVENTORY: dict[str, Scope] = {
    # None of these describes can name resources; the ones that describe one attribute can.
    "ec2:Describe*Attribute": Scope("", _anything),
    "ec2:Describe*": Scope("DescribeEc2", _anything),
    "elasticloadbalancing:Describe*": Scope("DescribeLoadBalancers", _anything),
    "s3:ListAllMyBuckets": Scope("ListBuckets", _anything),
    "s3:GetAccountPublicAccessBlock": Scope("ListBuckets", _anything),
    "s3:GetBucket*": Scope("DescribeBuckets", _every_bucket),
    "s3:GetEncryptionConfiguration": Scope("DescribeBuckets", _every_bucket),
    "s3:GetLifecycleConfiguration": Scope("DescribeBuckets", _every_bucket),
    "cloudwatch:GetMetricData": _METRICS,
    "cloudwatch:GetMetricStatistics": _METRICS,
    "cloudwatch:ListMetrics": _METRICS,
    "iam:ListUsers": Scope("DescribeUsers", _every_user),
    "iam:ListAccessKeys": Scope("DescribeUsers", _every_user),
    "iam:GetAccessKeyLastUsed": Scope("DescribeUsers", _every_user),
    "iam:GetLoginProfile": Scope("DescribeUsers", _every_user),
}


def billing_scope(action: str) -> Scope:
    """Return the scope of an action on bills. Raises UnknownActionError."""
    return _found(_BILLING, action)


def inventory_scope(action: str) -> Scope:
    """Return the scope of an action that discovers. Raises UnknownActionError."""
    return _found(_INVENTORY, action)


def organization_scope(action: str) -> Scope:
    """Return the scope of an action on an AWS organization. Raises UnknownActionError."""
    return _found(_ORGANIZATION, action)


def scope_of(action: str, values: Values) -> Scope:
    """Return the scope of any action; on the bill's bucket where one is known.

    Raises UnknownActionError.
    """
    tables = [_ORGANIZATION, _INVENTORY]
    if values.export.bucket:
        tables.insert(0, _BILLING)
    known = next((one for one in tables if any(fnmatchcase(action, name) for name in one)), {})
    return _found(known, action)


def _found(table: Mapping[str, Scope], action: str) -> Scope:
    scope = next((one for name, one in table.items() if fnmatchcase(action, name)), None)
    if scope is None or not scope.sid:
        raise UnknownActionError(f"connections.policies.scopes has no resources for {action}.")
    return scope
