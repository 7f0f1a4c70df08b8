"""Exports seen from outside: the bucket's region, what lies in a bucket, what AWS lists."""

import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from connections.aws.errors import AwsFailure
from connections.aws.s3 import Bucket
from connections.aws.session import AwsSession
from connections.models import ExportSchema
from organizations.runs import ErrorClass, RunFailure

_LEGACY_MONTH = re.compile(r"\d{6}01-\d{8}")
# Looking around is a help for somebody who waits: it stops before they lose patience.
_MOST_FOLDERS = 40
_DEPTH = 4
_SECONDS = 4.0


@dataclass(frozen=True)
class FoundExport:
    """An export whose files lie in a bucket."""

    prefix: str
    name: str
    is_legacy: bool

    def __str__(self) -> str:
        where = f"prefix “{self.prefix}”" if self.prefix else "no prefix"
        kind = "legacy CUR" if self.is_legacy else "Data Export"
        return f"“{self.name}” ({where}, {kind})"


def region_of_bucket(session: AwsSession, bucket: str) -> str:
    """Return the region a bucket lies in. Raises RunFailure: none there, or not for us."""
    try:
        answer = session.client("s3").call("head_bucket", target=bucket, Bucket=bucket)
    except AwsFailure as failure:
        if failure.code in ("403", "AccessDenied"):
            return _location(session, bucket)
        raise _about_bucket(failure, bucket, session.account) from None
    told = answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"].get(
        "x-amz-bucket-region"
    )
    if told:
        return str(told)
    return _location(session, bucket)


def _location(session: AwsSession, bucket: str) -> str:
    """Ask for the region by itself: a policy that lets one folder be listed refuses HeadBucket."""
    try:
        answer = session.client("s3").call("get_bucket_location", target=bucket, Bucket=bucket)
    except AwsFailure as failure:
        raise _about_bucket(failure, bucket, session.account) from None
    place = answer.get("LocationConstraint")
    return {None: "us-east-1", "EU": "eu-west-1"}.get(place, str(place))


def _about_bucket(failure: AwsFailure, bucket: str, account: str) -> RunFailure:
    """Put S3's bare numbers into words: an answer to HEAD has no text."""
    if failure.code in ("404", "NoSuchBucket"):
        return RunFailure(
            ErrorClass.CONFIG,
            f"There is no bucket “{bucket}” (s3:ListBucket as {account}).",
            "Check the name: it is the first part of the S3 path that AWS shows for the export.",
        )
    if failure.code in ("403", "AccessDenied"):
        return RunFailure(
            ErrorClass.PERMISSION,
            f"The credentials of {account} may not list the bucket “{bucket}” (s3:ListBucket).",
            "Allow s3:GetBucketLocation and s3:ListBucket on it. If the bucket belongs to another"
            " account, its bucket policy must allow it too; if the name has a typing error, it may"
            " be somebody else's.",
        )
    if failure.code in ("400", "IllegalLocationConstraintException"):
        return RunFailure(
            ErrorClass.CONFIG,
            f"The bucket “{bucket}” cannot be reached with the credentials of {account}.",
            "It may lie in a region that is not enabled for this account.",
        )
    return failure


def exports_in(bucket: Bucket) -> list[FoundExport]:
    """Look for exports in a bucket, breadth first, with an end to folders and seconds."""
    found: list[FoundExport] = []
    waiting = deque([("", 0)])
    until = time.monotonic() + _SECONDS
    for _ in range(_MOST_FOLDERS):
        if not waiting or time.monotonic() > until:
            break
        folder, depth = waiting.popleft()
        inside = [path.removeprefix(folder).rstrip("/") for path in bucket.list_folders(folder)]
        one = _export_at(folder, inside)
        if one is not None:
            found.append(one)
        elif depth < _DEPTH:
            waiting.extend((f"{folder}{name}/", depth + 1) for name in inside[:_MOST_FOLDERS])
    return found


def _export_at(folder: str, inside: list[str]) -> FoundExport | None:
    is_legacy = any(_LEGACY_MONTH.fullmatch(name) for name in inside)
    if not folder or not (is_legacy or "metadata" in inside):
        return None
    prefix, _, name = folder.rstrip("/").rpartition("/")
    return FoundExport(prefix, name, is_legacy)


def is_declared(session: AwsSession, *, bucket: str, name: str, schema: ExportSchema) -> bool:
    """Say whether AWS itself lists an export of this name that writes to this bucket.

    False also where it cannot be found out: nothing else needs the permission, or a way to
    these services' addresses.
    """
    lists = _reports if schema == ExportSchema.LEGACY_CUR else _data_exports
    try:
        return (bucket, name) in lists(session, name)
    except AwsFailure:
        return False


def _reports(session: AwsSession, name: str) -> Iterator[tuple[str, str]]:
    for one in session.client("cur").pages("describe_report_definitions", "ReportDefinitions"):
        yield one["S3Bucket"], one["ReportName"]


def _data_exports(session: AwsSession, name: str) -> Iterator[tuple[str, str]]:
    client = session.client("bcm-data-exports")
    for one in client.pages("list_exports", "Exports"):
        if one["ExportName"] == name:
            export = client.call("get_export", ExportArn=one["ExportArn"])["Export"]
            place = export["DestinationConfigurations"]["S3Destination"]
            yield place["S3Bucket"], name
