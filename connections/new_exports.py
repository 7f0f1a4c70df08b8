"""An export that is yet to be made: what is chosen where nothing was said, and what cannot be."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from connections.models import ExportSchema, FileFormat, Granularity

if TYPE_CHECKING:
    from connections.inputs import ExportInput

# Where AWS's billing services live, and the region of a new bucket unless another is chosen.
HOME_REGION = "us-east-1"
DEFAULT_PREFIX = "countinghouse"
_SCHEMAS = (ExportSchema.CUR2, ExportSchema.LEGACY_CUR)
_DEFAULT_NAMES = {ExportSchema.CUR2: "cur2", ExportSchema.LEGACY_CUR: "legacy-cur"}
_BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CUR2_NAME = re.compile(r"[0-9A-Za-z_-]{1,128}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_PREFIX = re.compile(r"[0-9A-Za-z!\-_.*'()/]{1,256}")
_FORMATS = {
    ExportSchema.CUR2: (FileFormat.PARQUET, FileFormat.CSV_GZIP),
    ExportSchema.LEGACY_CUR: (FileFormat.PARQUET, FileFormat.CSV_GZIP, FileFormat.CSV_ZIP),
}


def completed(given: "ExportInput") -> "ExportInput":
    """Return the wish with everything filled in that was left open.

    The region stays empty: a bucket that exists has one already.
    """
    schema = given.schema or ExportSchema.CUR2
    granularity = given.granularity or Granularity.DAILY
    name = given.name or f"countinghouse-{_DEFAULT_NAMES.get(schema, schema)}-{granularity}"
    return replace(
        given,
        schema=schema,
        name=name,
        prefix=given.prefix or DEFAULT_PREFIX,
        granularity=granularity,
        file_format=given.file_format or FileFormat.PARQUET,
    )


def problems(given: "ExportInput") -> dict[str, str]:
    """Return what AWS would refuse, or the portal could not read, of a completed wish."""
    found: dict[str, str] = {}
    for path, is_wrong, sentence in _RULES:
        if is_wrong(given):
            found.setdefault(path, sentence)
    return found


def _name_is_wrong(given: "ExportInput") -> bool:
    return given.schema == ExportSchema.CUR2 and not _CUR2_NAME.fullmatch(given.name)


def _format_is_wrong(given: "ExportInput") -> bool:
    return given.file_format not in _FORMATS.get(given.schema or ExportSchema.CUR2, FileFormat)


_RULES: tuple[tuple[str, Callable[["ExportInput"], bool], str], ...] = (
    (
        "export.schema",
        lambda one: one.schema not in _SCHEMAS,
        "The portal creates CUR 2.0 exports and legacy reports. Create a FOCUS export in the AWS"
        " console, then connect it.",
    ),
    (
        "export.bucket",
        lambda one: not _BUCKET.fullmatch(one.bucket) or ".." in one.bucket,
        "Enter the bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens.",
    ),
    (
        "export.name",
        _name_is_wrong,
        "Enter a name for the export: at most 128 letters, digits, hyphens and underscores.",
    ),
    (
        "export.prefix",
        lambda one: not _PREFIX.fullmatch(one.prefix),
        "Enter a prefix of at most 256 letters, digits, slashes and ! - _ . * ' ( ).",
    ),
    (
        "export.region",
        lambda one: bool(one.region) and not _REGION.fullmatch(one.region),
        "Enter the bucket's region as AWS spells it, as in eu-central-1.",
    ),
    (
        "export.granularity",
        lambda one: one.granularity not in (Granularity.DAILY, Granularity.HOURLY),
        "Choose daily or hourly: monthly costs could not be shown by day.",
    ),
    (
        "export.file_format",
        _format_is_wrong,
        "CUR 2.0 is written as Parquet or as gzip CSV; only a legacy report also as ZIP CSV.",
    ),
)
