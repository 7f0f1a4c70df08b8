"""What a bucket's own policy must say, and how it joins a policy that is there already."""

from collections.abc import Iterable
from typing import Any

from connections.policies.scopes import bucket_arn, listing_conditions, object_arns
from connections.policies.statements import VERSION, Statement
from connections.policies.values import BILLING_REGION, Values


def delivery_statements(values: Values) -> list[Statement]:
    """Return what lets AWS deliver the exports of values.account_id into the bucket.

    Without a schema both Data Exports and the legacy service may. AWS tries the root of the bucket
    first, so a grant on a prefix alone would not do.
    """
    legacy = _legacy(values)
    if values.is_legacy:
        return legacy
    return [_data_exports(values), *([] if values.schema else legacy)]


def reading_statements(values: Values) -> list[Statement]:
    """Return what lets another account (or one user or role of it) read the export's files."""
    who = values.reader_arn or f"arn:{values.partition}:iam::{values.account_id}:root"
    if values.makes_role:
        who = values.role_arn
    principal = {"AWS": who}
    bucket, condition = (bucket_arn(values),), listing_conditions(values)
    listing = Statement(
        "CountinghouseListsBillingFiles",
        "Let the other account see what AWS delivered",
        ("s3:ListBucket",),
        bucket,
        condition,
        principal,
    )
    locating = Statement(
        "CountinghouseLocatesBillingBucket",
        "Let the other account find the bucket's region",
        ("s3:GetBucketLocation",),
        bucket,
        principal=principal,
    )
    reading = Statement(
        "CountinghouseReadsBillingFiles",
        "Let the other account read the export's files",
        ("s3:GetObject",),
        object_arns(values),
        principal=principal,
    )
    return [listing, *([locating] if condition else []), reading]


def merged(existing: dict[str, Any] | None, wanted: Iterable[Statement]) -> dict[str, Any]:
    """Return a bucket's policy with our statements added; nothing that is there changes.

    A statement that says the same already is not added again, under whatever Sid. Where another
    statement has our Sid, ours gets a number: "EnableX2".
    """
    policy = dict(existing or {"Version": VERSION})
    present = policy.get("Statement", [])
    statements = list(present) if isinstance(present, list) else [present]
    for statement in wanted:
        said = statement.as_dict()
        if any(_meaning(one) == _meaning(said) for one in statements):
            continue
        said["Sid"] = _free_sid(said["Sid"], {one.get("Sid") for one in statements})
        statements.append(said)
    return {**policy, "Statement": statements}


def _data_exports(values: Values) -> Statement:
    return Statement(
        "EnableAWSDataExportsToWriteToS3",
        "Let AWS Data Exports deliver this account's exports",
        ("s3:PutObject",),
        (f"{bucket_arn(values)}/*",),
        _only_from(values, "bcm-data-exports", "export/*"),
        {"Service": "bcm-data-exports.amazonaws.com"},
    )


def _legacy(values: Values) -> list[Statement]:
    conditions = _only_from(values, "cur", "definition/*")
    principal = {"Service": "billingreports.amazonaws.com"}
    return [
        Statement(
            "EnableAWSBillingReportsToCheckBucket",
            "Let the legacy report service check that it may deliver",
            ("s3:GetBucketAcl", "s3:GetBucketPolicy"),
            (bucket_arn(values),),
            conditions,
            principal,
        ),
        Statement(
            "EnableAWSBillingReportsToWriteToS3",
            "Let the legacy report service deliver this account's reports",
            ("s3:PutObject",),
            (f"{bucket_arn(values)}/*",),
            conditions,
            principal,
        ),
    ]


def _only_from(values: Values, service: str, what: str) -> dict[str, dict[str, str]]:
    """Return the conditions that keep other accounts' exports out of the bucket."""
    source = f"arn:{values.partition}:{service}:{BILLING_REGION}:{values.account_id}:{what}"
    return {
        "StringEquals": {"aws:SourceAccount": values.account_id},
        "ArnLike": {"aws:SourceArn": source},
    }


def _meaning(statement: dict[str, Any]) -> Any:
    """Return a statement in a form in which order, lists of one and the Sid do not matter."""
    return _unordered({name: value for name, value in statement.items() if name != "Sid"})


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unordered(one) for name, one in value.items()}
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset({str(value)})


def _free_sid(sid: str, taken: set[Any]) -> str:
    number, free = 2, sid
    while free in taken:
        free, number = f"{sid}{number}", number + 1
    return free
