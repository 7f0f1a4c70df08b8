"""The conditions of an allocation rule: what they can look at, and how they are written.

A condition looks at one thing of a cost and holds where that is one of its values, or matches one
of its patterns. In a pattern `*` stands for any text and `?` for one character; upper and lower
case are alike. A blank value is cost that has none: no tag, no region.

There is no condition on single resources: it would have to read every resource's costs to answer
what a month cost. A tag on the resource does the same at once.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from billing.dimensions import (
    ACCOUNT,
    COST_CATEGORY_PREFIX,
    ORGANIZATIONAL_UNIT,
    TAG_PREFIX,
    Dimension,
)
from organizations.texts import is_storable

ACCOUNT_NAME = "account_name"
PLAIN = {
    ACCOUNT: "Account id",
    ACCOUNT_NAME: "Account name",
    ORGANIZATIONAL_UNIT: "Organizational unit",
    "service": "Service",
    "region": "Region",
    "charge_type": "Charge type",
}
IS, MATCHES = "is", "matches"
OPERATORS = {IS: "is", MATCHES: "matches"}
MAX_CONDITIONS = 5
MAX_VALUES = 100
MAX_TEXT = 300
_SPECIAL = re.compile(r"[\\%_]")  # to LIKE


@dataclass(frozen=True)
class Condition:
    """One condition. Raises ValueError with a sentence where it makes no sense."""

    on: str
    operator: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        for sentence in _problems(self):
            raise ValueError(sentence)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Return the condition that was stored."""
        return cls(stored["on"], stored["operator"], tuple(stored["values"]))

    @property
    def stored(self) -> dict[str, Any]:
        """Return its form in the database and in the API."""
        return {"on": self.on, "operator": self.operator, "values": list(self.values)}

    @property
    def label(self) -> str:
        """Return the name of what it looks at."""
        return PLAIN.get(self.on) or Dimension.named(self.on).label

    @property
    def is_about_accounts(self) -> bool:
        """Say whether it is decided by the account alone."""
        return self.on in (ACCOUNT, ACCOUNT_NAME, ORGANIZATIONAL_UNIT)

    @property
    def like_patterns(self) -> list[str]:
        """Return its patterns in LIKE's own language."""
        return [like_pattern(value) for value in self.values]

    def holds_for(self, text: str) -> bool:
        """Say whether the text satisfies it."""
        if self.operator == IS:
            return text in self.values
        return any(_regex(value).fullmatch(text.lower()) for value in self.values)

    def __str__(self) -> str:
        words = " or ".join(f"“{value}”" if value else "(none)" for value in self.values)
        return f"{self.label} {OPERATORS[self.operator]} {words}"


def conditions_of(stored: Iterable[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Return the conditions of a stored rule."""
    return tuple(Condition.of(one) for one in stored)


def check(conditions: Sequence[Condition]) -> None:
    """Raise ValueError with a sentence unless a rule may have these conditions."""
    if not conditions:
        raise ValueError("Give at least one condition: a rule without one would take every cost.")
    if len(conditions) > MAX_CONDITIONS:
        raise ValueError(f"A rule has at most {MAX_CONDITIONS} conditions.")


def like_pattern(text: str) -> str:
    r"""Return a pattern in LIKE's language, in which `%`, `_` and `\` stand for themselves.

    >>> like_pattern("50%_*?")
    '50\\%\\_%_'
    """
    return _SPECIAL.sub(r"\\\g<0>", text).replace("*", "%").replace("?", "_")


def _regex(pattern: str) -> re.Pattern[str]:
    """Return the pattern as one that never goes back.

    What stands between two stars is taken where it first occurs, for good (an atomic group): going
    back could not help, and on a name that almost matches it would take for ever.
    """
    first, *others = (
        "".join("." if letter == "?" else re.escape(letter) for letter in piece)
        for piece in pattern.lower().split("*")
    )
    if not others:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in others[:-1])
    return re.compile(f"{first}{middle}.*{others[-1]}", re.DOTALL)


def _problems(one: Condition) -> Iterable[str]:
    if one.on not in PLAIN and not one.on.startswith((TAG_PREFIX, COST_CATEGORY_PREFIX)):
        yield (
            f"“{one.on}” is nothing a rule can look at. Use {', '.join(PLAIN)}, {TAG_PREFIX}<key> "
            f"or {COST_CATEGORY_PREFIX}<key>."
        )
    if one.on in (TAG_PREFIX, COST_CATEGORY_PREFIX):
        yield "Name the key of the tag or cost category."
    if one.operator not in OPERATORS:
        yield f"“{one.operator}” is no operator. Use {' or '.join(OPERATORS)}."
    if not one.values:
        yield "Give at least one value."
    if len(one.values) > MAX_VALUES:
        yield f"Give at most {MAX_VALUES} values."
    if any(len(text) > MAX_TEXT or not is_storable(text) for text in (one.on, *one.values)):
        yield f"Write plain text of at most {MAX_TEXT} characters, without NUL."
