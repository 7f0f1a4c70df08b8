"""Which resources somebody asks for, read from a query string."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from discovery.models import ResourceType

_TAG = "tag:"
_ACCOUNT = re.compile(r"\d{12}")
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,20})?")
_REGION = re.compile(r"global|[a-z]{2}(-[a-z]+)+-\d+")


class Existence(StrEnum):
    """Whether to show what exists, what went, or both."""

    EXISTS = "exists"
    GONE = "gone"
    ALL = "all"


class Sort(StrEnum):
    """What a list is ordered by; with a “-” before it, the other way round."""

    TYPE = "type"
    NAME = "name"
    FIRST_SEEN = "first_seen"
    MONTH_TO_DATE = "month_to_date_cost"
    LAST_MONTH = "last_month_cost"


SORTS = tuple(f"{sign}{one}" for one in Sort for sign in ("", "-"))


class CostMonth(StrEnum):
    """Which month's cost is meant."""

    THIS = "this_month"
    LAST = "last_month"


@dataclass(frozen=True)
class CostBound:
    """A cost that is to be at least (`gte`) or at most (`lte`) an amount, in its own currency."""

    month: CostMonth
    lookup: str
    amount: Decimal


_BOUNDS = {
    "min_month_to_date_cost": (CostMonth.THIS, "gte"),
    "max_month_to_date_cost": (CostMonth.THIS, "lte"),
    "min_last_month_cost": (CostMonth.LAST, "gte"),
    "max_last_month_cost": (CostMonth.LAST, "lte"),
}
COST_PARAMETERS = tuple(_BOUNDS)
PARAMETERS = frozenset(
    {"type", "region", "account", "state", "resource_state", "tag:", "q", "sort", *_BOUNDS}
)


class FilterError(ValueError):
    """Values that cannot be filtered by: {parameter: [sentence]}."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(" ".join(sentence for told in errors.values() for sentence in told))
        self.errors = dict(errors)


@dataclass(frozen=True)
class ResourceFilters:
    """What is asked for. Several values of one kind mean any of them; kinds narrow each other.

    `tags` maps a key to its wanted values; "" is for resources without the tag. `q` is looked for
    in name, id and ARN. A bound on costs leaves out what no bill names. `states` are AWS's words.
    """

    types: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    existence: Existence = Existence.EXISTS
    states: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    q: str = ""
    costs: tuple[CostBound, ...] = ()
    sort: str = Sort.TYPE.value

    @property
    def narrows(self) -> bool:
        """Say whether anything but the order is asked for."""
        return replace(self, sort=Sort.TYPE.value) != ResourceFilters()

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
            states=_given(query, "resource_state"),
            tags={
                name.removeprefix(_TAG): tuple(query.getlist(name))
                for name in query
                if name.startswith(_TAG)
            },
            q=query.get("q", "").strip(),
            costs=tuple(
                CostBound(*bound, Decimal(value))
                for name, bound in _BOUNDS.items()
                for value in _given(query, name)
            ),
            sort=(_given(query, "sort") or (Sort.TYPE.value,))[-1],
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


def _state_error(value: str) -> str:
    if value in list(Existence):
        return ""
    return (
        f"“{value}” is not possible here. Possible: {', '.join(Existence)}. What AWS says of a"
        " resource, such as running, is its resource_state."
    )


def account_error(value: str) -> str:
    """Say what is wrong with an account id, "" when nothing is."""
    return "" if _ACCOUNT.fullmatch(value) else f"“{value}” is no account id: it has 12 digits."


def one_of(names: Iterable[str], what: str) -> Callable[[str], str]:
    """Return what says what is wrong with a value that is to be one of these, "" when nothing is.

    `what` is what they are called in a sentence.
    """
    known = list(names)
    return lambda value: (
        "" if value in known else f"“{value}” is no {what}. Known: {', '.join(known)}."
    )


def region_error(value: str) -> str:
    """Say what is wrong with a region, "" when nothing is."""
    if _REGION.fullmatch(value):
        return ""
    return f"“{value}” is no region. Regions look like eu-west-1; “global” has what is in none."


def _sort_error(value: str) -> str:
    if value in SORTS:
        return ""
    return f"“{value}” is nothing to sort by. Possible: {', '.join(SORTS)}."


def _amount_error(value: str) -> str:
    if _AMOUNT.fullmatch(value):
        return ""
    return f"“{value}” is no amount. Amounts look like 12.50, without a currency."


_CHECKS = {
    "type": one_of(ResourceType.values, "resource type"),
    "state": _state_error,
    "account": account_error,
    "region": region_error,
    "sort": _sort_error,
    **dict.fromkeys(_BOUNDS, _amount_error),
}
