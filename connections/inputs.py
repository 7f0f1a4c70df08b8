"""What somebody enters to connect an account, and putting it right as far as it is clear.

Nothing here asks AWS. Each input knows its own problems: {field: sentence}, the same for the form
and the API.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

from connections import new_exports
from connections.models import AuthMethod, ConnectionKind, ExportSchema
from organizations.crypto import Secret
from organizations.runs import ErrorClass, RunFailure

_ACCESS_KEY = re.compile(r"[A-Z0-9]{16,128}")
_ROLE = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):role/[\w+=,.@/-]{1,512}",
    re.ASCII,
)
_ACCOUNT = re.compile(r"[0-9]{12}")
# Buckets made before 2018 in us-east-1 may have longer names and capital letters.
_BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")
_EXPORT_NAME = re.compile(r"[0-9A-Za-z!\-_.*'()]{1,256}")
_MONTH_FOLDER = re.compile(r"billing_period=.*|\d{8}-\d{8}|year=\d{4}", re.IGNORECASE)
_CONTENT_FOLDERS = ("data", "metadata")


def is_account_id(text: str) -> bool:
    """Say whether the text has the form of an AWS account's id."""
    return _ACCOUNT.fullmatch(text) is not None


class ExportMode(StrEnum):
    """How the export is found."""

    BUCKET_ONLY = "bucket_only"
    DETECT = "detect"
    CREATE = "create"


class Refusal(RunFailure):
    """What was entered cannot be used. `errors` has a sentence for each field, by its path.

    Paths are the API's: "auth.secret_access_key"; '' stands for the whole. `is_conflict` says that
    it collides with what exists.
    """

    def __init__(
        self,
        errors: Mapping[str, str],
        *,
        hint: str = "",
        is_conflict: bool = False,
        error_class: ErrorClass = ErrorClass.CONFIG,
    ) -> None:
        super().__init__(error_class, " ".join(dict.fromkeys(errors.values())), hint)
        self.errors = dict(errors)
        self.is_conflict = is_conflict

    @classmethod
    def because(cls, path: str, failure: RunFailure) -> "Refusal":
        """Return AWS's refusal as a refusal of the field at `path`."""
        sentence = " ".join(filter(None, (failure.message, failure.hint)))
        return cls({path: sentence}, error_class=failure.error_class)


@dataclass(frozen=True)
class AuthInput:
    """How to sign in. Only the fields of the method are used.

    through_id  the payer's connection whose credentials assume the role; None: the portal's own
    account_id  the account, where nobody signs in to learn it
    """

    method: AuthMethod
    access_key_id: str = ""
    secret_access_key: Secret = field(default=Secret(""), repr=False)
    role_arn: str = ""
    through_id: int | None = None
    account_id: str = ""

    def cleaned(self) -> "AuthInput":
        """Return it without spaces around, and without what the method does not use."""
        if self.method == AuthMethod.ACCESS_KEY:
            return AuthInput(
                self.method, self.access_key_id.strip(), Secret(self.secret_access_key.strip())
            )
        if self.method == AuthMethod.ASSUME_ROLE:
            return AuthInput(
                self.method, role_arn=self.role_arn.strip(), through_id=self.through_id
            )
        if self.method == AuthMethod.COSTS_ONLY:
            return AuthInput(self.method, account_id=self.account_id.strip())
        return AuthInput(self.method)

    def problems(self) -> dict[str, str]:
        """Return what is wrong with its form."""
        if self.method == AuthMethod.ACCESS_KEY:
            return self._key_problems()
        if self.method == AuthMethod.ASSUME_ROLE and not _ROLE.fullmatch(self.role_arn):
            return {
                "auth.role_arn": "Enter the role's ARN, as in"
                " arn:aws:iam::111122223333:role/countinghouse-read."
            }
        if self.method == AuthMethod.COSTS_ONLY and not is_account_id(self.account_id):
            return {"auth.account_id": "Enter the id of the account: 12 digits."}
        return {}

    def _key_problems(self) -> dict[str, str]:
        found = {}
        if not _ACCESS_KEY.fullmatch(self.access_key_id):
            found["auth.access_key_id"] = (
                "Enter the access key id: 16 or more capital letters and digits, as in"
                " AKIAIOSFODNN7EXAMPLE."
            )
        if not self.secret_access_key:
            found["auth.secret_access_key"] = "Enter the secret access key."
        return found

    @property
    def role_account_id(self) -> str:
        """Return the account that the role's ARN names, '' for the other methods."""
        found = _ROLE.fullmatch(self.role_arn)
        return found["account"] if found else ""


@dataclass(frozen=True)
class Place:
    """Where an export's files may lie: `<prefix>/<name>/…`."""

    prefix: str
    name: str


@dataclass(frozen=True)
class ExportInput:
    """Which export to read. An empty schema, region, granularity or format is found out."""

    bucket: str
    name: str
    prefix: str = ""
    schema: ExportSchema | None = None
    mode: ExportMode = ExportMode.BUCKET_ONLY
    region: str = ""
    granularity: str = ""
    file_format: str = ""

    def cleaned(self) -> "ExportInput":
        """Return it with bucket, prefix and name taken out of whatever the console showed."""
        bucket, pasted = _bucket_and_key(self.prefix.strip())
        own_bucket, own_key = _bucket_and_key(self.bucket.strip())
        key = pasted or (own_key if own_bucket else "")
        segments = [part for part in key.split("/") if part]
        name = self.name.strip().strip("/")
        segments, name = _without_content(segments, name)
        given = replace(
            self,
            bucket=own_bucket or bucket or self.bucket.strip().strip("/"),
            prefix="/".join(segments),
            name=name,
        )
        return new_exports.completed(given) if self.mode == ExportMode.CREATE else given

    def problems(self) -> dict[str, str]:
        """Return what is wrong with its form."""
        if self.mode == ExportMode.DETECT:
            return {}  # what was entered only says which of the found exports is meant
        found = new_exports.problems(self) if self.mode == ExportMode.CREATE else {}
        if not _BUCKET.fullmatch(self.bucket):
            found["export.bucket"] = (
                "Enter the bucket's name: at least 3 letters, digits, dots and hyphens."
            )
        if not _EXPORT_NAME.fullmatch(self.name):
            found["export.name"] = (
                "Enter the export's name as AWS shows it: letters, digits and ! - _ . * ' ( )."
            )
        if len(self.prefix) > 1024 or not self.prefix.isprintable():
            found["export.prefix"] = "A prefix has at most 1024 characters, and no line breaks."
        return found

    def places(self) -> list[Place]:
        """Return where to look, the likeliest first.

        The console shows prefix and name joined, so a prefix that ends in the name may hold both;
        but `cur/cur/` exists too.
        """
        head, _, last = self.prefix.rpartition("/")
        literal = Place(self.prefix, self.name)
        if last != self.name:
            return [literal]
        return [Place(head, self.name), literal] if head else [literal, Place(head, self.name)]


@dataclass(frozen=True)
class ConnectionInput:
    """An account to connect. `export` is of a payer account only."""

    name: str
    kind: ConnectionKind
    auth: AuthInput
    export: ExportInput | None = None
    import_every: int | None = None
    discover_every: int | None = None

    def cleaned(self) -> "ConnectionInput":
        """Return it with everything put right that is clear."""
        return replace(
            self,
            name=self.name.strip(),
            auth=self.auth.cleaned(),
            export=self.export.cleaned() if self.export else None,
        )

    def problems(self) -> dict[str, str]:
        """Return what is wrong with its form."""
        found = {} if self.name else {"name": "Enter a name for the connection."}
        if len(self.name) > 100:
            found["name"] = "A name has at most 100 characters."
        found.update(self.auth.problems())
        found.update(kind_problems(self.kind, self.auth))
        found.update(export_problems(self.kind, self.export))
        return found


def kind_problems(kind: ConnectionKind, auth: AuthInput) -> dict[str, str]:
    """Return what is wrong with signing in to an account of this kind in this way."""
    if kind == ConnectionKind.ROOT and auth.method == AuthMethod.COSTS_ONLY:
        return {"auth.method": "A payer account needs credentials: its bill is read with them."}
    if kind == ConnectionKind.ROOT and auth.through_id is not None:
        return {"auth.through": "Only the role of a linked account is assumed through its payer."}
    return {}


def export_problems(kind: ConnectionKind, export: ExportInput | None) -> dict[str, str]:
    """Return what is wrong with the export of an account of this kind."""
    if kind == ConnectionKind.LINKED:
        if export is None:
            return {}
        return {"export": "A linked account has no export: its bill comes through its payer."}
    if export is None:
        return {"export": "A payer account needs its billing export: say where AWS writes it."}
    return export.problems()


def _bucket_and_key(text: str) -> tuple[str, str]:
    """Take `s3://bucket/key`, an S3 ARN or a console address apart; a plain key has no bucket."""
    if text.startswith("s3://"):
        bucket, _, key = text.removeprefix("s3://").partition("/")
        return bucket, key
    if text.startswith("arn:") and ":s3:::" in text:
        bucket, _, key = text.partition(":s3:::")[2].partition("/")
        return bucket, key
    if text.startswith("https://") and "/s3/buckets/" in text:
        try:
            parts = urlsplit(text)
        except ValueError:
            return "", text  # only looks like an address
        bucket = parts.path.partition("/s3/buckets/")[2].partition("/")[0]
        return unquote(bucket), parse_qs(parts.query).get("prefix", [""])[0]
    return "", text


def _without_content(segments: list[str], name: str) -> tuple[list[str], str]:
    """Cut off what lies inside an export's folder: data/, metadata/ and the months' folders.

    Where that was there and no name was given, the name is the folder it was in.
    """
    month = next((i for i, part in enumerate(segments) if _MONTH_FOLDER.fullmatch(part)), None)
    inside = month is not None
    kept = segments[:month]
    named = len(kept) > 1 and kept[-2] == name
    if kept and kept[-1] in _CONTENT_FOLDERS and (inside or named or (not name and len(kept) > 1)):
        kept, inside = kept[:-1], True
    if not inside:
        return kept, name
    name = name or (kept[-1] if kept else "")
    return (kept[:-1] if kept and kept[-1] == name else kept), name
