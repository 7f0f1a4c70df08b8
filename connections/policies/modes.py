"""From a mode and its values to documents: which actions, why, and where they are attached."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from connections import jobs, probes
from connections.jobs import Permission
from connections.models import Connection, ConnectionKind, Export
from connections.policies.bucket import delivery_statements, reading_statements
from connections.policies.scopes import (
    Scope,
    billing_scope,
    inventory_scope,
    listing_conditions,
    organization_scope,
    scope_of,
)
from connections.policies.statements import Document, Kind, Statement
from connections.policies.values import Mode, Values


@dataclass(frozen=True)
class Need:
    """One IAM action and what it is for."""

    action: str
    purpose: str


# Who may list the whole bucket learns its region with it; who may list one folder does not.
_LOCATE = Need("s3:GetBucketLocation", "Find the region that the bucket lies in")
_DECRYPT = Need("kms:Decrypt", "Read billing files that are encrypted with your own key")
_FIND = (
    Need("bcm-data-exports:ListExports", "Find the Data Exports that exist"),
    Need("bcm-data-exports:GetExport", "See whether a Data Export fits, and where it goes"),
    Need("cur:DescribeReportDefinitions", "Find the legacy reports that exist"),
)
_ORGANIZATION = (
    Need("organizations:DescribeOrganization", "See which AWS organization the account pays for"),
    Need("organizations:ListAccounts", "List its member accounts with their names"),
    Need("organizations:ListRoots", "Find its organizational units"),
    Need("organizations:ListOrganizationalUnitsForParent", "Find its organizational units"),
    Need("organizations:ListAccountsForParent", "See which unit each member lies in"),
)
_ASSUME = Need("sts:AssumeRole", "Discover resources of members through their roles")
_PREPARE = (
    Need("s3:GetBucketLocation", "Find the bucket, and that it is this account's"),
    Need("s3:CreateBucket", "Create the bucket where there is none"),
    Need("s3:PutBucketPublicAccessBlock", "Keep the new bucket private"),
    Need("s3:PutBucketOwnershipControls", "Let the new bucket's files belong to its owner alone"),
    Need("s3:PutEncryptionConfiguration", "Encrypt what lies in the new bucket"),
    Need("s3:GetBucketPolicy", "Read the bucket's policy, to keep what it says"),
    Need("s3:PutBucketPolicy", "Add that AWS may deliver into the bucket"),
)
_CREATE_EXPORT = (
    Need("bcm-data-exports:CreateExport", "Create the Data Export"),
    Need("cur:PutReportDefinition", "AWS demands it of whoever creates a Data Export"),
)
_CREATE_REPORT = (Need("cur:PutReportDefinition", "Create the legacy report"),)


def documents(values: Values) -> list[Document]:
    """Return the documents of a mode, in the order in which they are put in place."""
    made = _DOCUMENTS[values.mode](values)
    if values.makes_role:
        made += _role_documents(values)
    # A bucket's policy may name a role only when the role exists.
    return sorted(made, key=lambda one: one.kind == Kind.BUCKET)


def policy_statement_for(action: str, values: Values) -> Statement:
    """Return the statement that grants one action, with the resources filled in.

    Raises UnknownActionError when nobody said on which resources the action works.
    """
    scope = scope_of(action, values)
    purpose = {need.action: need.purpose for need in _every_need(values)}.get(action, "")
    return _statement(scope, [Need(action, purpose)], values)


def identity_statements(values: Values) -> list[Statement]:
    """Return what a user or role must be allowed in this mode; each action once."""
    found = (
        [] if values.mode == Mode.DISCOVER else _grouped(_billing(values), billing_scope, values)
    )
    if values.mode == Mode.DISCOVER or values.with_discovery:
        found += _grouped(_discovery(), inventory_scope, values)
    if values.with_organization:
        needs = [*_ORGANIZATION, *([_ASSUME] if values.member_role else [])]
        found += _grouped(needs, organization_scope, values)
    return found


# --- what is needed -------------------------------------------------------------------------
def _billing(values: Values) -> list[Need]:
    """Return what bills need: the permission check's own list, and what no check can try."""
    export = Export(bucket=values.export.bucket)
    inventory = {need.action for need in _discovery()}
    tried = [
        *probes.permissions_of(export),
        *(one for one in _of_jobs(ConnectionKind.ROOT) if one.action not in inventory),
    ]
    needs = [Need(one.action, one.purpose) for one in tried]
    if listing_conditions(values):
        needs.append(_LOCATE)
    if values.kms_key_arn:
        needs.append(_DECRYPT)
    if values.mode == Mode.AUTOMATIC:
        needs += [*_FIND, *_PREPARE, *(_CREATE_REPORT if values.is_legacy else _CREATE_EXPORT)]
    return needs


def _discovery() -> list[Need]:
    """Return what a linked account needs: it has everything but bills."""
    return [Need(one.action, one.purpose) for one in _of_jobs(ConnectionKind.LINKED)]


def _of_jobs(kind: ConnectionKind) -> list[Permission]:
    found = jobs.jobs_of(Connection(kind=kind))
    return [
        permission
        for job in found
        for permission in job.permissions
        if permission.action != probes.SIGN_IN.action
    ]


def _every_need(values: Values) -> list[Need]:
    return [*_discovery(), *_ORGANIZATION, *_FIND, *_PREPARE, *_CREATE_EXPORT, *_billing(values)]


def _grouped(
    needs: Iterable[Need], scope_of: Callable[[str], Scope], values: Values
) -> list[Statement]:
    """Return one statement for each scope, in the order in which the needs come."""
    by_scope: dict[str, tuple[Scope, list[Need]]] = {}
    for need in needs:
        scope = scope_of(need.action)
        by_scope.setdefault(scope.sid, (scope, []))[1].append(need)
    return [_statement(scope, group, values) for scope, group in by_scope.values()]


def _statement(scope: Scope, needs: Iterable[Need], values: Values) -> Statement:
    by_action: dict[str, str] = {}
    for need in needs:
        by_action.setdefault(need.action, need.purpose)
    return Statement(
        scope.sid,
        "; ".join(dict.fromkeys(filter(None, by_action.values()))),
        tuple(sorted(by_action)),
        scope.resources(values),
        scope.conditions(values),
    )


# --- the documents --------------------------------------------------------------------------
def _identity(values: Values) -> list[Document]:
    account = f" of account {values.account_id}" if values.account_id else ""
    if values.makes_role:
        attach_to = f"Attach it to the role {values.role_name}{account}."
    else:
        attach_to = f"Attach it to the user or role{account} whose credentials the portal gets."
    name = str(values.mode).replace("_", "-")
    title = Mode(values.mode).label if values.mode != Mode.CROSS_ACCOUNT else Mode.READ_ONLY.label
    return [
        Document(
            name,
            Kind.IDENTITY,
            title,
            _place(values),
            attach_to,
            tuple(identity_statements(values)),
        )
    ]


def _delivery(values: Values) -> list[Document]:
    return [
        Document(
            "bucket-policy",
            Kind.BUCKET,
            f"Policy of the bucket {values.export.bucket}",
            "The account that owns the bucket",
            "Add the statements to the bucket's policy; do not replace what is there.",
            tuple(delivery_statements(values)),
        )
    ]


def _cross_account(values: Values) -> list[Document]:
    bucket_side = Document(
        "bucket-policy",
        Kind.BUCKET,
        f"Policy of the bucket {values.export.bucket}",
        f"Account {values.bucket_account_id}, which owns the bucket",
        "Add the statements to the bucket's policy; do not replace what is there.",
        tuple(reading_statements(values)),
    )
    return [bucket_side, *_identity(values)]


def _role_documents(values: Values) -> list[Document]:
    trust = Statement(
        "OnlyThePortalWithTheExternalId",
        "Let the portal assume the role, but only on behalf of this organization",
        ("sts:AssumeRole",),
        conditions={"StringEquals": {"sts:ExternalId": values.external_id}},
        principal={"AWS": values.portal_arn},
    )
    assume = Statement(
        "AssumeConnectedRole",
        "Let the portal itself assume the role",
        ("sts:AssumeRole",),
        (values.role_arn,),
    )
    return [
        Document(
            "trust-policy",
            Kind.TRUST,
            f"Trust policy of the role {values.role_name}",
            _place(values),
            "It is the role's trust relationship. Connect the account with the role's ARN.",
            (trust,),
        ),
        Document(
            "portal-policy",
            Kind.IDENTITY,
            "Permission of the portal to assume the role",
            "The account that the portal runs in",
            f"Attach it to {values.portal_arn}, once for each role.",
            (assume,),
        ),
    ]


def _place(values: Values) -> str:
    return f"Account {values.account_id}" if values.account_id else "The connected account"


_DOCUMENTS: dict[Mode, Callable[[Values], list[Document]]] = {
    Mode.READ_ONLY: _identity,
    Mode.AUTOMATIC: _identity,
    Mode.DISCOVER: _identity,
    Mode.BUCKET_POLICY: _delivery,
    Mode.CROSS_ACCOUNT: _cross_account,
    Mode.TRUST_POLICY: lambda values: [],
}
