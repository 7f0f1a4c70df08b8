"""Trying permissions: each IAM action that a connection needs, by one harmless call."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from connections.aws.deliveries import list_manifests, read_manifest
from connections.aws.errors import AwsFailure
from connections.aws.identity import identify
from connections.aws.s3 import Bucket
from connections.aws.session import AwsSession
from connections.jobs import CannotTellError, Permission
from connections.models import Export
from organizations.runs import ErrorClass, RunFailure

PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"
_AT_ONCE = 8
_REFUSED = (ErrorClass.PERMISSION, ErrorClass.CONFIG)
SIGN_IN = Permission(
    "sts:GetCallerIdentity",
    "Sign in to the account and learn its id",
    lambda session: _ignore(identify(session)),
)


def permissions_of(export: Export | None) -> list[Permission]:
    """Return what reading a billing export needs; nothing for an account without one."""
    return [] if export is None else [_list_permission(export), _get_permission(export)]


def try_permissions(
    session: AwsSession, permissions: Sequence[Permission], *, seconds: float
) -> list[dict[str, str]]:
    """Try each permission; return the rows of CheckRun.results, in the given order.

    Signing in is tried first: where it fails there is nothing more to learn. What does not answer
    within `seconds` is unknown.
    """
    until = time.monotonic() + seconds
    first = _row(SIGN_IN, _tried(session, SIGN_IN))
    if first["state"] != PASS:
        reason = CannotTellError("Not tried, because signing in failed.")
        return [first, *(_row(one, reason) for one in permissions)]
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="probe")
    tries = [pool.submit(_tried, session, one) for one in permissions]
    wait(tries, timeout=max(0.0, until - time.monotonic()))
    pool.shutdown(wait=False, cancel_futures=True)
    return [first, *(_row(one, _outcome(t)) for one, t in zip(permissions, tries, strict=True))]


def first_refusal(results: Sequence[dict[str, str]]) -> RunFailure | None:
    """Return the first permission that is missing as a failure, None when none is."""
    row = next((row for row in results if row["state"] == FAIL), None)
    if row is None:
        return None
    return RunFailure(ErrorClass.PERMISSION, row["message"], row["hint"])


def _tried(session: AwsSession, permission: Permission) -> Exception | None:
    try:
        permission.probe(session)
    except (RunFailure, CannotTellError) as outcome:
        return outcome
    return None


def _outcome(attempt: "Future[Exception | None]") -> Exception | None:
    if attempt.done() and not attempt.cancelled():
        return attempt.result()
    return CannotTellError("AWS did not answer in time.")


def _row(permission: Permission, outcome: Exception | None) -> dict[str, Any]:
    return {
        "permission": permission.action,
        "purpose": permission.purpose,
        "state": _state(permission, outcome),
        "message": str(outcome or ""),
        "hint": outcome.hint if isinstance(outcome, RunFailure) else "",
    }


def _state(permission: Permission, outcome: Exception | None) -> str:
    if outcome is None:
        return PASS
    if not isinstance(outcome, AwsFailure) or outcome.error_class not in _REFUSED:
        return UNKNOWN
    # A probe may need another permission on its way, which has a row of its own.
    stopped_before = (
        outcome.error_class == ErrorClass.PERMISSION and outcome.attempt.action != permission.action
    )
    return UNKNOWN if stopped_before else FAIL


def _list_permission(export: Export) -> Permission:
    def probe(session: AwsSession) -> None:
        list_manifests(Bucket(session, export.bucket, export.region), export)

    return Permission("s3:ListBucket", f"See what AWS delivered to {export.bucket}", probe)


def _get_permission(export: Export) -> Permission:
    def probe(session: AwsSession) -> None:
        bucket = Bucket(session, export.bucket, export.region)
        refs = list_manifests(bucket, export)
        if not refs:
            raise CannotTellError("AWS has not delivered a file yet on which it could be tried.")
        read_manifest(bucket, refs[-1])

    return Permission("s3:GetObject", f"Read the billing files in {export.bucket}", probe)


def _ignore(_: object) -> None:
    """Take a probe's answer: only that there was one matters."""
