"""A policy's parts: statements with a purpose in plain words, and the documents they make."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

VERSION = "2012-10-17"


class Kind(StrEnum):
    """What a document is attached to."""

    IDENTITY = "identity"
    BUCKET = "bucket"
    TRUST = "trust"


# How many characters AWS takes, white space not counted: a managed policy, a bucket's policy, a
# role's trust policy. An inline policy of a user has less.
LIMITS = {Kind.IDENTITY: 6144, Kind.BUCKET: 20480, Kind.TRUST: 2048}
INLINE_USER_LIMIT = 2048


@dataclass(frozen=True)
class Statement:
    """One Allow. `purpose` says what for; AWS never sees it."""

    sid: str
    purpose: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    principal: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the statement as IAM spells it."""
        said: dict[str, Any] = {"Sid": self.sid, "Effect": "Allow"}
        if self.principal:
            said["Principal"] = dict(self.principal)
        said["Action"] = _one_or_list(self.actions)
        if self.resources:
            said["Resource"] = _one_or_list(self.resources)
        if self.conditions:
            said["Condition"] = {name: dict(tests) for name, tests in self.conditions.items()}
        return said


@dataclass(frozen=True)
class Document:
    """A policy document.

    name       short, for file names: "read-only"
    title      what it is, for people
    place      in which account it belongs, for people; documents of one place go together
    attach_to  what to do with it, a sentence
    """

    name: str
    kind: Kind
    title: str
    place: str
    attach_to: str
    statements: tuple[Statement, ...]

    @property
    def policy(self) -> dict[str, Any]:
        """Return the document as IAM spells it."""
        return {"Version": VERSION, "Statement": [one.as_dict() for one in self.statements]}

    @property
    def text(self) -> str:
        """Return the document as JSON to paste."""
        return json.dumps(self.policy, indent=2, ensure_ascii=False)

    @property
    def size(self) -> int:
        """Return the characters that AWS counts: white space between the parts is free."""
        return len(json.dumps(self.policy, separators=(",", ":"), ensure_ascii=False))

    @property
    def limit(self) -> int:
        """Return how many characters AWS takes."""
        return LIMITS[self.kind]

    @property
    def fits_inline(self) -> bool:
        """Whether it may also be an inline policy of a user."""
        return self.size <= INLINE_USER_LIMIT


def literal(text: str) -> str:
    """Return text as a policy must spell it where * and ? are wildcards.

    >>> literal("what*ever?")
    'what${*}ever${?}'
    """
    return "".join(f"${{{one}}}" if one in "*?$" else one for one in text)


def _one_or_list(items: tuple[str, ...]) -> str | list[str]:
    return items[0] if len(items) == 1 else list(items)
