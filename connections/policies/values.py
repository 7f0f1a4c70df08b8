"""What a policy is filled in with, and what is wrong with it, in sentences."""

import re
from dataclasses import dataclass
from functools import cached_property

from django.db import models

from connections.inputs import ExportInput
from connections.models import AuthMethod, Connection, ExportSchema

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
# Data Exports and the legacy service are called there, whatever the bucket's region.
BILLING_REGION = "us-east-1"
_BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_MEMBER_ROLE = re.compile(r"[A-Za-z0-9_+=,.@/-]{0,64}")
_EXPORT_NAME = re.compile(r"[0-9A-Za-z!\-_.*'()]{0,256}")
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(user|role)/[\w+=,.@/-]{1,576}|")
_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,128}|")


class Mode(models.TextChoices):
    """What the policy is for."""

    READ_ONLY = "read_only", "Read a billing export that exists"
    AUTOMATIC = "automatic", "Find exports, or create one with its bucket, and read it"
    DISCOVER = "discover", "Discover resources"
    BUCKET_POLICY = "bucket_policy", "Bucket policy: let AWS deliver exports"
    CROSS_ACCOUNT = "cross_account", "Read an export in another account's bucket (both sides)"
    TRUST_POLICY = "trust_policy", "Role with external id: who may assume it"


class GrantTo(models.TextChoices):
    """What holds the permissions."""

    POLICY = "policy", "A policy, to attach to a user or role of yours"
    ROLE = "role", "A new role that the portal assumes"


IDENTITY_MODES = frozenset({Mode.READ_ONLY, Mode.AUTOMATIC, Mode.DISCOVER, Mode.CROSS_ACCOUNT})
_NEEDS: dict[Mode, tuple[str, ...]] = {
    Mode.READ_ONLY: ("bucket",),
    Mode.AUTOMATIC: ("bucket", "account_id"),
    Mode.DISCOVER: (),
    Mode.BUCKET_POLICY: ("bucket", "account_id"),
    Mode.CROSS_ACCOUNT: ("bucket", "account_id", "bucket_account_id"),
    Mode.TRUST_POLICY: ("account_id", "role_name", "portal_arn"),
}
_OF_A_ROLE = ("account_id", "role_name", "portal_arn")
_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "bucket": (_BUCKET, "Enter the bucket's name: at least 3 letters, digits, dots and hyphens."),
    "account_id": (_ACCOUNT, "Enter the id of the account: 12 digits."),
    "bucket_account_id": (_ACCOUNT, "Enter the id of the account that owns the bucket: 12 digits."),
    "role_name": (
        _ROLE_NAME,
        "Enter the role's name: at most 64 letters, digits and _ + = , . @ -, without a path.",
    ),
    "member_role": (
        _MEMBER_ROLE,
        "Enter the name of the members' roles: at most 64 letters, digits and _ + = , . @ - /.",
    ),
    "portal_arn": (
        _PRINCIPAL,
        "Enter the ARN of the user or role that the portal runs as, as in"
        " arn:aws:iam::111122223333:role/countinghouse.",
    ),
    "reader_arn": (
        _PRINCIPAL,
        "Enter the ARN of the user or role that reads, as in"
        " arn:aws:iam::111122223333:user/countinghouse.",
    ),
    "kms_key_arn": (
        _KEY,
        "Enter the key's ARN, as in arn:aws:kms:eu-west-1:111122223333:key/1234abcd-….",
    ),
    "export_name": (
        _EXPORT_NAME,
        "Enter the export's name as AWS shows it: letters, digits and ! - _ . * ' ( ).",
    ),
}


@dataclass(frozen=True)
class Values:
    """What was filled in. What a mode does not need may be empty.

    account_id         the account whose credentials the portal gets; the export's account
    bucket_account_id  the account that owns the bucket, where it is another one
    portal_arn         the user or role that the portal itself runs as
    reader_arn         the user or role of account_id that reads a bucket of another account;
                       empty: whoever the account's own policies allow
    external_id        the organization's; a role's trust policy demands it
    with_discovery     adds what discovery needs to a policy that reads bills
    with_organization  adds listing the members of the payer's AWS organization
    member_role        name of the role in each member through which the payer's user or role gets
                       there; empty: none is assumed
    """

    mode: Mode
    partition: str = "aws"
    account_id: str = ""
    bucket: str = ""
    prefix: str = ""
    export_name: str = ""
    schema: str = ""
    bucket_account_id: str = ""
    kms_key_arn: str = ""
    grant_to: GrantTo = GrantTo.POLICY
    role_name: str = "countinghouse"
    portal_arn: str = ""
    reader_arn: str = ""
    external_id: str = ""
    with_discovery: bool = False
    with_organization: bool = False
    member_role: str = ""

    @property
    def makes_role(self) -> bool:
        """Whether the documents make a role that the portal assumes."""
        return self.mode == Mode.TRUST_POLICY or (
            self.grant_to == GrantTo.ROLE and self.mode in IDENTITY_MODES
        )

    @property
    def is_legacy(self) -> bool:
        """Whether it is about a legacy CUR report and nothing else."""
        return self.schema == ExportSchema.LEGACY_CUR

    @property
    def role_arn(self) -> str:
        """Return the ARN of the role that the documents make."""
        return f"arn:{self.partition}:iam::{self.account_id}:role/{self.role_name}"

    @cached_property
    def export(self) -> ExportInput:
        """Return the export as an entered one is put right: from whatever the console showed."""
        return ExportInput(bucket=self.bucket, prefix=self.prefix, name=self.export_name).cleaned()

    @property
    def root_keys(self) -> tuple[str, ...]:
        """Return the key prefixes under which the files lie; '' stands for the whole bucket."""
        keys = (
            "".join(f"{part}/" for part in (one.prefix, one.name) if part)
            for one in self.export.places()
        )
        return tuple(dict.fromkeys(keys))

    def problems(self) -> dict[str, str]:
        """Return what is wrong, a sentence for each field."""
        needed = {*_NEEDS[self.mode], *(_OF_A_ROLE if self.makes_role else ())}
        found = {}
        for field, (form, sentence) in _FORMS.items():
            value = self.export.bucket if field == "bucket" else getattr(self, field)
            if (value and not form.fullmatch(value)) or (field in needed and not value):
                found[field] = sentence
        return {**found, **self._contradictions()}

    def _contradictions(self) -> dict[str, str]:
        found = {}
        if len(self.prefix) > 1024 or not self.prefix.isprintable():
            found["prefix"] = "A prefix has at most 1024 characters, and no line breaks."
        if self.partition != "aws" and self.mode in (Mode.AUTOMATIC, Mode.BUCKET_POLICY):
            found["partition"] = (
                "The portal creates exports in the partition aws only. In another one create the"
                " export in its console, then connect it with the mode read_only."
            )
        if self.mode == Mode.CROSS_ACCOUNT and self.bucket_account_id == self.account_id != "":
            found["bucket_account_id"] = (
                "This is the same account: use the mode read_only, or enter the account that owns"
                " the bucket."
            )
        return found


def values_of(connection: Connection) -> dict[str, str]:
    """Return what a connection tells of itself, to fill in a form with."""
    known = {"account_id": connection.account_id, "partition": connection.partition}
    if connection.auth_method == AuthMethod.ASSUME_ROLE:
        known |= {
            "grant_to": GrantTo.ROLE,
            "role_name": connection.role_arn.rpartition("/")[2],
            "reader_arn": connection.role_arn,
        }
    export = connection.current_export
    if export is None:
        return {"mode": Mode.DISCOVER, **known}
    return {
        "mode": Mode.READ_ONLY,
        **known,
        "bucket": export.bucket,
        "prefix": export.prefix,
        "export_name": export.name,
        "schema": export.schema,
        "with_discovery": "yes",
        "with_organization": "yes",
    }
