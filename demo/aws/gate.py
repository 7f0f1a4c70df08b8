"""What AWS checks before a service looks at a call: key, signature, session, region, permission.

moto has a check of its own, which ignores the Resource and Condition of policies and external ids;
this one replaces it.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from moto.s3.models import s3_backends

from demo.aws.calls import Call, Environ
from demo.aws.errors import AwsError, refusal
from demo.aws.identity import Principal, find_principal, find_role
from demo.aws.policies import Policy, is_allowed, principals_allowed
from demo.aws.regions import is_enabled
from demo.aws.signatures import is_signed_with

# Actions that need a second permission: CreateExport writes a report definition behind the scenes.
DEPENDENT = {"bcm-data-exports:CreateExport": "cur:PutReportDefinition"}
ALWAYS_ALLOWED = {"sts:GetCallerIdentity"}

MESSAGES = {
    "unknown_key": {
        "s3": "The AWS Access Key Id you provided does not exist in our records.",
        "ec2": "AWS was not able to validate the provided access credentials",
        "": "The security token included in the request is invalid.",
    },
    "bad_signature": {
        "ec2": "AWS was not able to validate the provided access credentials",
        "": "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    },
    "expired": {
        "ec2": "Request has expired.",
        "s3": "The provided token has expired.",
        "": "The security token included in the request is expired",
    },
    "region_disabled": {
        "ec2": "AWS was not able to validate the provided access credentials",
        "": "The security token included in the request is invalid.",
    },
}


def admit(environ: Environ, call: Call) -> Principal:
    """The principal that may make this call, or AWS's refusal as an AwsError."""
    principal = find_principal(call.access_key_id)
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
    if principal is None or token != principal.session_token:
        raise _refusal(call, "unknown_key")
    if not is_signed_with(environ, call, principal.secret):
        raise _refusal(call, "bad_signature")
    if principal.expired:
        raise _refusal(call, "expired")
    if not is_enabled(call.region):
        raise _refusal(call, "region_disabled")
    call.account_id = principal.account_id
    if call.name == "sts:AssumeRole":
        _admit_to_role(call, principal)
    elif not may(principal, call) or _is_anothers_bucket(environ, call):
        raise denial(call, principal)
    return principal


def _is_anothers_bucket(environ: Environ, call: Call) -> bool:
    """Whether the caller said whose bucket it must be, and it is somebody else's."""
    expected = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", "")
    owner = _bucket_owner(call)
    return bool(expected and owner and owner != expected)


def _refusal(call: Call, what: str) -> AwsError:
    texts = MESSAGES[what]
    return refusal(call, what, texts.get(call.service, texts[""]))


def denial(call: Call, principal: Principal, permission: str = "") -> AwsError:
    permission = permission or call.permission
    because = f"because no identity-based policy allows the {permission} action"
    if call.service == "ec2":
        text = (
            f"You are not authorized to perform this operation. User: {principal.arn} is not "
            f"authorized to perform: {permission} {because}"
        )
    else:
        text = (
            f"User: {principal.arn} is not authorized to perform: {permission} on resource: "
            f"{resources(call, permission)[0]} {because}"
        )
    return refusal(call, "denied", text)


def may(principal: Principal, call: Call, permission: str = "") -> bool:
    """Whether policies let the principal make this call (or use another permission on its
    resources)."""
    action = permission or call.permission
    if action in ALWAYS_ALLOWED:
        return True
    owner = _bucket_owner(call)
    context = conditions(call)
    allowed = principal.is_root or is_allowed(
        principal.policies, action, resources(call, action), context
    )
    if owner and owner != principal.account_id:
        return allowed and _bucket_admits(call, owner, principal, action)
    needed = DEPENDENT.get(action)
    if needed and not principal.is_root:
        operation = f"arn:aws:cur:us-east-1:{call.account_id}:/putReportDefinition"
        allowed = allowed and is_allowed(principal.policies, needed, [operation], context)
    return allowed


def conditions(call: Call) -> dict[str, str]:
    context = {"aws:RequestedRegion": call.region}
    if call.service == "s3" and "prefix" in call.params:
        context["s3:prefix"] = call.params["prefix"]
    if "ExternalId" in call.params:
        context["sts:ExternalId"] = call.params["ExternalId"]
    return context


def resources(call: Call, permission: str = "") -> list[str]:
    """The ARNs that a policy's Resource is held against."""
    if call.service == "s3":
        on_objects = "Object" in (permission or call.permission)
        path = call.path if on_objects else call.bucket
        return [f"arn:aws:s3:::{path}" if call.bucket else "*"]
    if call.service == "sts" and "RoleArn" in call.params:
        return [call.params["RoleArn"]]
    found = _RESOURCES.get(call.service)
    return found(call) if found is not None else ["*"]


def _user_resources(call: Call) -> list[str]:
    if "RoleName" in call.params:
        return ["*"]
    return [f"arn:aws:iam::{call.account_id}:user/{call.params.get('UserName', '')}"]


def _unit_resources(call: Call) -> list[str]:
    parent = str(call.params.get("ParentId", ""))
    if not parent:
        return ["*"]
    kind = "root" if parent.startswith("r-") else "ou"
    return [f"arn:aws:organizations::{call.account_id}:{kind}/o-pretend/{parent}"]


def _export_resources(call: Call) -> list[str]:
    base = f"arn:aws:bcm-data-exports:us-east-1:{call.account_id}"
    if "ExportArn" in call.params:
        return [str(call.params["ExportArn"])]
    if call.action == "CreateExport":
        export = call.params.get("Export") or {}
        statement = str((export.get("DataQuery") or {}).get("QueryStatement", ""))
        table = re.search(r"\bFROM\s+(\w+)", statement, re.IGNORECASE)
        return [f"{base}:export/{export.get('Name')}", f"{base}:table/{table[1] if table else ''}"]
    if call.action == "GetTable":
        return [f"{base}:table/{call.params.get('TableName')}"]
    return [f"{base}:/{call.action}"]


def _report_resources(call: Call) -> list[str]:
    definition: dict[str, Any] = call.params.get("ReportDefinition") or {}
    name = call.params.get("ReportName") or definition.get("ReportName")
    return [f"arn:aws:cur:us-east-1:{call.account_id}:definition/{name or ''}"]


_RESOURCES: dict[str, Callable[[Call], list[str]]] = {
    "bcm-data-exports": _export_resources,
    "cur": _report_resources,
    "iam": _user_resources,
    "organizations": _unit_resources,
}


def _bucket_owner(call: Call) -> str:
    """The account of the bucket that a call names, "" when there is no such bucket."""
    if call.service != "s3":
        return ""
    return s3_backends.bucket_accounts.get(call.bucket, ("", ""))[1]


def _bucket_admits(call: Call, owner: str, principal: Principal, action: str) -> bool:
    policy = s3_backends[owner]["aws"].buckets[call.bucket].policy
    if not policy:
        return False
    resource = resources(call, action)[0]
    found = principals_allowed(json.loads(policy), action, resource, conditions(call))
    return any(_names(entry, principal) for entry in found)


def _names(entry: dict[str, list[str]], principal: Principal) -> bool:
    account = principal.account_id
    named = set(entry.get("AWS", []))
    return bool(named & {"*", account, f"arn:aws:iam::{account}:root", principal.arn})


def _admit_to_role(call: Call, principal: Principal) -> None:
    """AssumeRole: the caller's own policies must allow it and the role must trust the caller."""
    arn = str(call.params.get("RoleArn", ""))
    role = find_role(arn)
    trust: Policy = role.assume_role_policy_document if role is not None else {}
    if isinstance(trust, str):
        trust = json.loads(trust)
    trusting = principals_allowed(trust, call.permission, None, conditions(call))
    trusted = any(_names(entry, principal) for entry in trusting)
    allowed = is_allowed(principal.policies, call.permission, [arn], conditions(call))
    if principal.is_root or not (trusted and allowed):
        raise AwsError(
            "AccessDenied",
            f"User: {principal.arn} is not authorized to perform: sts:AssumeRole on resource: "
            f"{arn}",
            403,
        )
