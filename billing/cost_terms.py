"""The words a cost query is made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from django.db import models

# No AWS bill has a day outside these.
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)


class Granularity(models.TextChoices):
    """How long a period of the answer is."""

    DAILY = "daily", "Daily"
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


@dataclass(frozen=True, order=True)
class CostFilter:
    """One condition: the dimension has (or, negated, has not) one of the values."""

    dimension: str
    is_negated: bool = False
    values: tuple[str, ...] = ()

    @property
    def parameter(self) -> str:
        """Return the name of the parameter that says this."""
        if self.is_negated:
            return f"{self.dimension}!"
        return f"{self.dimension}=" if self.dimension.endswith(("!", "=")) else self.dimension
