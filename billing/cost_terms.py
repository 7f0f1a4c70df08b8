"""The words a cost query is made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, Self

from django.db import models

MAX_FILTERS = 20  # that somebody may ask for
# No AWS bill has a day outside these.
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)


class Granularity(models.TextChoices):
    """How long a period of the answer is. A week is an ISO week: it begins on Monday."""

    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"
    MONTHLY = "monthly", "Monthly"
    TOTAL = "total", "Total"


class CostQueryError(Exception):
    """A question that cannot be answered. `errors` is {parameter: [sentence]}."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        self.errors = {name: list(sentences) for name, sentences in errors.items()}
        super().__init__(" ".join(text for texts in self.errors.values() for text in texts))


class Parameters(Protocol):
    """What a query string is read from: Django's QueryDict, for example."""

    def lists(self) -> Iterable[tuple[str, list[Any]]]:
        """Return each name with its values."""


class Operator(models.TextChoices):
    """How a filter compares the value of a dimension with its own."""

    IS = "is", "is"
    IS_NOT = "is_not", "is not"
    CONTAINS = "contains", "contains"
    CONTAINS_NOT = "contains_not", "does not contain"

    @property
    def is_negated(self) -> bool:
        """Say whether it keeps what does not match."""
        return self in (Operator.IS_NOT, Operator.CONTAINS_NOT)

    @property
    def is_part(self) -> bool:
        """Say whether a part of the value is enough, in upper or lower case."""
        return self in (Operator.CONTAINS, Operator.CONTAINS_NOT)


# What stands behind the dimension in a parameter's name. The longer ones first: of two that fit,
# the first is meant. A “=” parts a key from the operator where the key's own end looks like one.
_SUFFIXES = (
    ("=~", Operator.CONTAINS),
    ("!~", Operator.CONTAINS_NOT),
    ("~", Operator.CONTAINS),
    ("!", Operator.IS_NOT),
    ("=", Operator.IS),
    ("", Operator.IS),
)
_SHORTEST_FIRST = sorted(_SUFFIXES, key=lambda one: len(one[0]))
SUFFIXES = tuple(suffix for suffix, _ in _SUFFIXES)


@dataclass(frozen=True, order=True)
class CostFilter:
    """One condition: the dimension has (or, negated, has not) one of the values.

    With `is_part` a text that holds one of the values is enough, in upper or lower case.
    """

    dimension: str
    is_negated: bool = False
    values: tuple[str, ...] = ()
    is_part: bool = False

    @classmethod
    def of(cls, dimension: str, operator: Operator, values: Iterable[str]) -> Self:
        """Return the filter with this operator."""
        return cls(dimension, operator.is_negated, tuple(values), operator.is_part)

    @classmethod
    def named(cls, parameter: str, values: Iterable[str]) -> Self:
        """Return the filter that a parameter means, whatever its dimension."""
        suffix, operator = next(one for one in _SUFFIXES if parameter.endswith(one[0]))
        return cls.of(parameter.removesuffix(suffix), operator, values)

    @property
    def operator(self) -> Operator:
        """Return how it compares."""
        if self.is_part:
            return Operator.CONTAINS_NOT if self.is_negated else Operator.CONTAINS
        return Operator.IS_NOT if self.is_negated else Operator.IS

    @property
    def parameter(self) -> str:
        """Return the name of the parameter that says this: the shortest that is read so."""
        return next(
            self.dimension + suffix
            for suffix, operator in _SHORTEST_FIRST
            if operator == self.operator
            and CostFilter.named(self.dimension + suffix, ()).dimension == self.dimension
        )
