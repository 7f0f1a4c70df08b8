"""Which resources somebody asks for, read from a query string."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from discovery.models import ResourceType

PARAMETERS = frozenset({"type", "region", "account", "state", "tag:", "q"})
_TAG = "tag:"
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"global|[a-z]{2}(-[a-z]+)+-\d+")


class Existence(StrEnum):
    """Whether to show what exists, what went, or both."""

    EXISTS = "exists"
    GONE = "gone"
    ALL = "all"


class FilterError(ValueError):
    """Values that cannot be filtered by: {parameter: [sentence]}."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(" ".join(sentence for told in errors.values() for sentence in told))
        self.errors = dict(errors)


@dataclass(frozen=True)
class ResourceFilters:
    """What is asked for. Several values of one kind mean any of them; kinds narrow each other.

    `tags` maps a key to its wanted values; "" is for resources without the tag. `q` is looked for
    in name, id and ARN.
    """

    types: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    existence: Existence = Existence.EXISTS
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    q: str = ""

    @classmethod
    def from_query(cls, query: Any) -> "ResourceFilters":
        """Read a QueryDict. An empty value means any. Raises FilterError."""
        errors = {name: told for name in query if (told := _errors(name, query.getlist(name)))}
        if errors:
            raise FilterError(errors)
        return cls(
            types=_given(query, "type"),
            regions=_given(query, "region"),
            accounts=_given(query, "account"),
            existence=Existence((_given(query, "state") or (Existence.EXISTS,))[-1]),
            tags={
                name.removeprefix(_TAG): tuple(query.getlist(name))
                for name in query
                if name.startswith(_TAG)
            },
            q=query.get("q", "").strip(),
        )


def _given(query: Any, name: str) -> tuple[str, ...]:
    return tuple(value for value in query.getlist(name) if value)


def _errors(name: str, values: list[str]) -> list[str]:
    """Return what is wrong with the values of one parameter, in sentences."""
    if "\x00" in name or any("\x00" in value for value in values):
        return ["A NUL character cannot be searched for."]
    if name == _TAG:
        return ["Name the tag's key after the colon: tag:Owner=ann."]
    check = _CHECKS.get(name)
    return [told for value in values if value and check and (told := check(value))]


def _type_error(value: str) -> str:
    if value in ResourceType.values:
        return ""
    return f"“{value}” is no resource type. Known: {', '.join(ResourceType.values)}."


def _state_error(value: str) -> str:
    if value in list(Existence):
        return ""
    return f"“{value}” is not possible here. Possible: {', '.join(Existence)}."


def account_error(value: str) -> str:
    """Say what is wrong with an account id, "" when nothing is."""
    return "" if _ACCOUNT.fullmatch(value) else f"“{value}” is no account id: it has 12 digits."


def region_error(value: str) -> str:
    """Say what is wrong with a region, "" when nothing is."""
    if _REGION.fullmatch(value):
        return ""
    return f"“{value}” is no region. Regions look like eu-west-1; “global” has what is in none."


_CHECKS = {
    "type": _type_error,
    "state": _state_error,
    "account": account_error,
    "region": region_error,
}
