"""Reading a cost query's parameters; `CostQuery.from_params` is the way in."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, TypeVar

from django.db import models

from billing.cost_terms import (
    MAX_FILTERS,
    CostFilter,
    CostQueryError,
    Granularity,
    Parameters,
)
from billing.dimensions import PLAIN_NAMES, is_dimension
from billing.measures import Measure
from billing.periods import month_start

T = TypeVar("T")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_SINGLE = frozenset({"from", "to", "granularity", "metric", "currency", "limit"})


def read(params: Parameters, *, today: date, also_known: frozenset[str]) -> dict[str, Any]:
    """Return the fields of a CostQuery. Raises CostQueryError for what cannot be read at all."""
    reading = _Reading({name: [str(value) for value in values] for name, values in params.lists()})
    start, end = reading.one("from", _day), reading.one("to", _day)
    fields: dict[str, Any] = {
        "granularity": reading.one("granularity", _choice(Granularity)) or Granularity.DAILY,
        "metric": reading.one("metric", _choice(Measure)) or Measure.UNBLENDED,
        "currency": reading.one("currency", str),
        "limit": reading.one("limit", _count),
        "group_by": tuple(
            name for text in reading.given.get("group_by", ()) for name in dimension_names(text)
        ),
        "filters": reading.filters(also_known | _SINGLE | {"group_by"}),
    }
    if reading.errors:
        raise CostQueryError(reading.errors)
    return {**fields, **_range(start, end, today)}


class _Reading:
    """The parameters, and what is wrong with them."""

    def __init__(self, given: dict[str, list[str]]) -> None:
        self.given = given
        self.errors: dict[str, list[str]] = {}

    def one(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Return the only value of a parameter, None where it is absent or blank."""
        values = [value for value in self.given.get(name, ()) if value]
        if not values:
            return None
        if len(values) > 1:
            self.errors[name] = ["Give this parameter once."]
            return None
        try:
            return parse(values[0])
        except ValueError as error:
            self.errors[name] = [str(error)]
            return None

    def filters(self, others: frozenset[str]) -> tuple[CostFilter, ...]:
        """Return the filters among the parameters, and note those that nobody knows."""
        found = []
        for name, values in self.given.items():
            if name in others:
                continue
            one = CostFilter.named(name, values)
            if is_dimension(one.dimension):
                found.append(one)
            else:
                self.errors[name] = ["This parameter is not known here."]
        if len(found) > MAX_FILTERS:
            self.errors["filters"] = [f"Use at most {MAX_FILTERS} filters at once."]
        return tuple(found)


def dimension_names(text: str) -> list[str]:
    """Split a group_by like `service,tag:team` at its commas.

    A key takes all that follows, commas included.
    """
    names: list[str] = []
    while text:
        head, comma, rest = text.partition(",")
        if not comma or head not in PLAIN_NAMES:
            return [*names, text]
        names.append(head)
        text = rest
    return names


def _day(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError(f"“{text}” is not a day. Write it as YYYY-MM-DD.")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"There is no day {text} in the calendar.") from None


def _count(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"“{text}” is not a number of rows. Write digits only.")
    return int(text)


def _choice(choices: type[models.TextChoices]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if text not in choices.values:
            raise ValueError(f"“{text}” is not known here. Use {', '.join(choices.values)}.")
        return choices(text)

    return parse


def _range(start: date | None, end: date | None, today: date) -> dict[str, date]:
    if start is None:
        start = (end - timedelta(days=1) if end and end > date.min else today).replace(day=1)
    if end is None:
        end = _next_month(max(start, today))
    return {"start": start, "end": end}


def _next_month(day: date) -> date:
    """Return the first day of the month after; the last day there is, where none follows."""
    return date.max if day >= date.max.replace(day=1) else month_start(day, 1)
