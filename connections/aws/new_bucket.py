"""A bucket for billing files: made private where there is none, its policy read and put."""

import json
from typing import Any

from connections.aws.errors import AwsFailure
from connections.aws.session import HOME_REGION, AwsClient, AwsSession
from organizations.runs import ErrorClass, RunFailure


def find_bucket(session: AwsSession, name: str, *, account_id: str) -> str:
    """Return the region of an existing bucket of this account, '' where there is no such bucket.

    Raises RunFailure when it is another account's, or may not be looked at. A policy that lets one
    folder be listed is enough.
    """
    try:
        return _located(session, name, ExpectedBucketOwner=account_id)
    except AwsFailure as failure:
        if failure.code in ("404", "NoSuchBucket"):
            return ""
        if failure.code not in ("403", "AccessDenied"):
            raise
    _located(session, name)  # raises where it is not the owner that AWS minds
    raise _not_ours(name, account_id)


def _located(session: AwsSession, name: str, **owner: str) -> str:
    answer = session.client("s3").call("get_bucket_location", target=name, Bucket=name, **owner)
    place = answer.get("LocationConstraint")
    return {None: HOME_REGION, "EU": "eu-west-1"}.get(place, str(place))


def make_bucket(session: AwsSession, name: str, region: str) -> None:
    """Make a bucket. Raises RunFailure."""
    place = {} if region == HOME_REGION else {"LocationConstraint": region}
    try:
        session.client("s3", region).call(
            "create_bucket",
            target=name,
            Bucket=name,
            **({"CreateBucketConfiguration": place} if place else {}),
        )
    except AwsFailure as failure:
        raise _not_made(failure, name, region) from None


def close_bucket(session: AwsSession, name: str, region: str) -> None:
    """Block public access, leave objects to the owner alone, encrypt. Raises AwsFailure."""
    client = session.client("s3", region)
    client.call(
        "put_public_access_block",
        target=name,
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    client.call(
        "put_bucket_ownership_controls",
        target=name,
        Bucket=name,
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    )
    by_default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    client.call(
        "put_bucket_encryption",
        target=name,
        Bucket=name,
        ServerSideEncryptionConfiguration={"Rules": [by_default]},
    )


class BucketPolicy:
    """The policy of a bucket that belongs to `account_id`. Errors are AwsFailure."""

    def __init__(self, session: AwsSession, name: str, region: str, account_id: str) -> None:
        self._client: AwsClient = session.client("s3", region)
        self._bucket = {"target": name, "Bucket": name, "ExpectedBucketOwner": account_id}

    def read(self) -> dict[str, Any] | None:
        """Return the policy, None when the bucket has none."""
        try:
            answer = self._client.call("get_bucket_policy", **self._bucket)
        except AwsFailure as failure:
            if failure.code == "NoSuchBucketPolicy":
                return None
            raise
        policy: dict[str, Any] = json.loads(answer["Policy"])
        return policy

    def write(self, policy: dict[str, Any]) -> None:
        """Put the whole policy."""
        text = json.dumps(policy, separators=(",", ":"))
        self._client.call("put_bucket_policy", **self._bucket, Policy=text)


def _not_ours(name: str, account_id: str) -> RunFailure:
    return RunFailure(
        ErrorClass.CONFIG,
        f"The bucket “{name}” exists but does not belong to the account {account_id}.",
        "Bucket names are taken world-wide: choose another name, or a bucket of this account.",
    )


def _not_made(failure: AwsFailure, name: str, region: str) -> RunFailure:
    sentences = {
        "BucketAlreadyExists": (
            f"Another account has a bucket “{name}” already.",
            "Bucket names are taken world-wide: choose another name.",
        ),
        "InvalidBucketName": (
            f"AWS does not accept “{name}” as a bucket's name.",
            "Use 3 to 63 lower-case letters, digits, dots and hyphens.",
        ),
        "TooManyBuckets": (
            "The account has as many buckets as AWS allows it.",
            "Use a bucket that exists, or ask AWS for a higher quota.",
        ),
        "OperationAborted": (
            f"AWS is still busy with a bucket “{name}” that was deleted or made just now.",
            "Try again in a few minutes.",
        ),
    }
    region_is_wrong = ("InvalidLocationConstraint", "IllegalLocationConstraintException")
    if failure.code in region_is_wrong or not failure.code:
        return RunFailure(
            failure.error_class if not failure.code else ErrorClass.CONFIG,
            f"AWS makes no bucket in the region “{region}” for this account.",
            "Check the region's name, and that the account has it enabled.",
        )
    message, hint = sentences.get(failure.code, (failure.message, failure.hint))
    return RunFailure(failure.error_class, message, hint)
