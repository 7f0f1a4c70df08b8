"""What AWS has delivered of an export: the manifest of each month, and what a manifest says.

Data Exports (CUR 2.0, FOCUS)  <root>/metadata/BILLING_PERIOD=2026-04/<export>-Manifest.json
legacy CUR                     <root>/20260401-20260501/<report>-Manifest.json

where <root> is <prefix>/<export>.

Both services may also keep a copy of the manifest for every execution, one folder deeper; those
copies are ignored: the one beside them is always the newest.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from connections.aws.s3 import Bucket, ObjectInfo
from connections.models import Export, ExportSchema, FileFormat
from organizations.runs import ErrorClass, RunFailure
from organizations.texts import is_storable

_MANIFEST_LIMIT = 32 << 20
_DATA_EXPORT_KEY = re.compile(
    r"billing_period=(?P<year>\d{4})-(?P<month>\d\d)/[^/]*manifest\.json", re.IGNORECASE
)
_LEGACY_FOLDER = re.compile(r"(?P<year>\d{4})(?P<month>\d\d)01-\d{8}/")
_FORMATS = {
    ".parquet": FileFormat.PARQUET,
    ".gz": FileFormat.CSV_GZIP,
    ".zip": FileFormat.CSV_ZIP,
}


@dataclass(frozen=True)
class ManifestRef:
    """Where the manifest of a month lies. `billing_period` is the first day of the month.

    `etag` changes with every delivery: an ETag that is known needs no further look.
    """

    billing_period: date
    key: str
    etag: str
    modified: datetime


@dataclass(frozen=True)
class Column:
    """A column as the data files name it: `line_item_usage_type`, `lineItem/UsageType`."""

    name: str
    type: str


@dataclass(frozen=True)
class Manifest:
    """One delivery of one month.

    execution_id  AWS's id of the delivery (legacy: the assembly id); with `etag` it tells whether
                  a delivery is known
    export_arn    of a Data Export; '' in a legacy manifest
    account_id    whose bill it is, as far as the manifest says it, else ''
    files         keys of the data files in the manifest's bucket, in order, at least one
    etag          of the manifest as it was read
    """

    billing_period: date
    key: str
    etag: str
    execution_id: str
    export_arn: str
    account_id: str
    is_legacy: bool
    columns: tuple[Column, ...]
    files: tuple[str, ...]
    file_format: FileFormat


def list_manifests(bucket: Bucket, export: Export) -> list[ManifestRef]:
    """Return the newest manifest of every month that AWS has delivered, oldest month first.

    One list request for a Data Export, one per month (and one more) for a legacy report. Empty
    when nothing was delivered yet. Raises AwsFailure.
    """
    newest: dict[date, ManifestRef] = {}
    for ref in _manifests(bucket, export):
        known = newest.get(ref.billing_period)
        if known is None or known.modified < ref.modified:
            newest[ref.billing_period] = ref
    return [newest[month] for month in sorted(newest)]


def _manifests(bucket: Bucket, export: Export) -> Iterator[ManifestRef]:
    if export.schema == ExportSchema.LEGACY_CUR:
        yield from _legacy_manifests(bucket, export)
        return
    folder = f"{export.root_key}metadata/"
    for item in bucket.list(folder):
        found = _DATA_EXPORT_KEY.fullmatch(item.key.removeprefix(folder))
        if found:
            yield from _refs(found, item)


def _legacy_manifests(bucket: Bucket, export: Export) -> Iterator[ManifestRef]:
    for folder in bucket.list_folders(export.root_key):
        month = _LEGACY_FOLDER.fullmatch(folder.removeprefix(export.root_key))
        if month is None:
            continue
        # Only what lies beside the manifest: not the folders of single deliveries.
        for item in bucket.list(f"{folder}{export.name}-Manifest"):
            if item.key == f"{folder}{export.name}-Manifest.json":
                yield from _refs(month, item)


def _refs(month: re.Match[str], item: ObjectInfo) -> Iterator[ManifestRef]:
    try:
        period = date(int(month["year"]), int(month["month"]), 1)
    except ValueError:
        return  # a folder that only looks like a month
    yield ManifestRef(period, item.key, item.etag, item.modified)


def read_manifest(bucket: Bucket, ref: ManifestRef) -> Manifest:
    """Fetch a manifest and understand it. Raises RunFailure, class DATA, when it is nonsense."""
    text, info = bucket.read(ref.key, limit=_MANIFEST_LIMIT)
    return parse_manifest(text, bucket=bucket.name, ref=ref, etag=info.etag)


def parse_manifest(text: bytes, *, bucket: str, ref: ManifestRef, etag: str) -> Manifest:
    """Return what the text of a manifest says (see read_manifest)."""
    where = f"s3://{bucket}/{ref.key}"
    said = _json_object(text, where)
    is_legacy = "assemblyId" in said or "reportKeys" in said
    files = tuple(
        _key_in(bucket, one, where)
        for one in _list(said, "reportKeys" if is_legacy else "dataFiles", where)
    )
    if len(set(files)) < len(files):
        raise _nonsense(where, "names a data file twice")
    file_format = _format_of(files, where)
    arn = "" if is_legacy else _text(said, "exportArn", where)
    return Manifest(
        billing_period=ref.billing_period,
        key=ref.key,
        etag=etag,
        execution_id=_text(said, "assemblyId" if is_legacy else "executionId", where),
        export_arn=arn,
        account_id=str(said.get("account") or "") if is_legacy else _account_of(arn),
        is_legacy=is_legacy,
        columns=tuple(_column(one, file_format, where) for one in _list(said, "columns", where)),
        files=files,
        file_format=file_format,
    )


def _account_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""


def _json_object(text: bytes, where: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise _nonsense(where, "is not JSON") from None
    if not isinstance(said, Mapping):
        raise _nonsense(where, "is not a JSON object")
    return said


def _text(said: Mapping[str, Any], name: str, where: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value or not is_storable(value):
        raise _nonsense(where, f"has no “{name}”")
    return value


def _list(said: Mapping[str, Any], name: str, where: str) -> list[Any]:
    value = said.get(name)
    if not isinstance(value, list) or not value:
        raise _nonsense(where, f"has no list “{name}”, or an empty one")
    return value


def _column(one: Any, file_format: FileFormat, where: str) -> Column:
    if not isinstance(one, Mapping) or not isinstance(one.get("name"), str):
        raise _nonsense(where, "names a column without a name")
    name, category = one["name"], one.get("category")
    # A legacy CSV has `lineItem/UsageType`; a legacy Parquet's manifest gives the whole name.
    if file_format != FileFormat.PARQUET and isinstance(category, str) and category:
        name = f"{category}/{name}"
    return Column(name, str(one.get("type", "")).lower())


def _key_in(bucket: str, one: Any, where: str) -> str:
    if not isinstance(one, str) or not one.strip("/") or not is_storable(one):
        raise _nonsense(where, "names a data file that is no text")
    if not one.startswith("s3://"):
        return one.lstrip("/")
    place, _, key = one.removeprefix("s3://").partition("/")
    if place != bucket:
        raise _nonsense(where, f"names a data file in another bucket ({one})")
    if not key:
        raise _nonsense(where, "names a data file without a key")
    return key


def _format_of(files: tuple[str, ...], where: str) -> FileFormat:
    formats = {
        next((one for end, one in _FORMATS.items() if key.lower().endswith(end)), None)
        for key in files
    }
    found = formats.pop()
    if formats or found is None:
        raise _nonsense(where, "names data files that are not all Parquet, .gz or all .zip")
    return found


def _nonsense(where: str, what: str) -> RunFailure:
    return RunFailure(
        ErrorClass.DATA,
        f"The manifest {where} {what}.",
        "If somebody wrote or changed this file, remove it; AWS writes it anew with its next"
        " delivery.",
    )
