"""A question about costs, free of any organization, and its form as a query string.

The query string is the permalink of a page and the parameters of the API:

    from=2026-01-01&to=2026-02-01&granularity=monthly&group_by=service&group_by=tag:team
    &account=111122223333&charge_type!=Tax

A repeated filter means "any of" (negated: "none of"). Filters on different names all hold, and so
do those with different operators. A blank value asks for cost without one (`region=`, `tag:team=`).

A filter's name ends in its operator: nothing or `=` is, `!` is not, `~` contains, `!~` does not
contain. A part is looked for in upper and lower case alike; it is plain text, no pattern. Only a
key that itself ends in `!`, `=` or `~` may need a `=` before the operator: `tag:wow!=` is `wow!`,
`tag:wow!=~` contains.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Self
from urllib.parse import urlencode

from billing import cost_params
from billing.cost_terms import (
    EARLIEST,
    LATEST,
    CostFilter,
    CostQueryError,
    Granularity,
    Operator,
    Parameters,
)
from billing.dimensions import Dimension
from billing.measures import Measure
from organizations.texts import is_storable

__all__ = ["CostFilter", "CostQuery", "CostQueryError", "Granularity", "Operator"]

MAX_GROUPS = 6
MAX_VALUES = 900  # a query string may carry 1000 parameters
MAX_TEXT = 2048
MAX_LIMIT = 100_000
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class CostQuery:
    """What is asked: the days start <= day < end, cut, grouped and filtered.

    Filters are kept merged and sorted, so that equal questions are equal objects. `limit` is the
    number of rows at the most; the total is always that of all rows. Raises CostQueryError.
    """

    start: date
    end: date
    granularity: Granularity = Granularity.DAILY
    metric: Measure = Measure.UNBLENDED
    group_by: tuple[str, ...] = ()
    filters: tuple[CostFilter, ...] = ()
    currency: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", _merged(self.filters))
        errors: dict[str, list[str]] = {}
        for name, sentence in self._problems():
            errors.setdefault(name, []).append(sentence)
        if errors:
            raise CostQueryError(errors)

    @property
    def groups(self) -> tuple[Dimension, ...]:
        """Return the dimensions grouped by."""
        return tuple(Dimension.named(name) for name in self.group_by)

    @classmethod
    def from_params(
        cls,
        params: Parameters,
        *,
        today: date,
        also_known: frozenset[str] = frozenset(),
    ) -> Self:
        """Read a query string. `also_known` names parameters that are somebody else's.

        Without `from`, the month of the last day asked for; without `to`, up to the end of the
        current month; without both, the current month. Raises CostQueryError with a sentence for
        each parameter that is wrong.
        """
        return cls(**cost_params.read(params, today=today, also_known=also_known))

    def to_params(self) -> list[tuple[str, str]]:
        """Return the parameters in one canonical order, defaults omitted."""
        pairs = [("from", self.start.isoformat()), ("to", self.end.isoformat())]
        if self.granularity != Granularity.DAILY:
            pairs.append(("granularity", self.granularity.value))
        if self.metric != Measure.UNBLENDED:
            pairs.append(("metric", self.metric.value))
        pairs += [("group_by", name) for name in self.group_by]
        pairs += [(one.parameter, value) for one in self.filters for value in one.values]
        if self.currency is not None:
            pairs.append(("currency", self.currency))
        if self.limit is not None:
            pairs.append(("limit", str(self.limit)))
        return pairs

    def to_query_string(self) -> str:
        """Return the parameters as the part of an address after the question mark."""
        return urlencode(self.to_params())

    def _problems(self) -> Iterable[tuple[str, str]]:
        yield from self._range_problems()
        yield from self._group_problems()
        for one in self.filters:
            yield from _filter_problems(one)
        if self.currency is not None and not _CURRENCY.fullmatch(self.currency):
            yield "currency", "Write a currency as three capital letters, for example USD."
        if self.limit is not None and not 1 <= self.limit <= MAX_LIMIT:
            yield "limit", f"Ask for 1 to {MAX_LIMIT} rows."

    def _range_problems(self) -> Iterable[tuple[str, str]]:
        outside = [
            (name, f"Choose a day from {EARLIEST} to {LATEST}.")
            for name, day in (("from", self.start), ("to", self.end))
            if not EARLIEST <= day <= LATEST
        ]
        if outside:
            yield from outside
        elif self.start >= self.end:
            yield (
                "to",
                f"The range is empty: “to” ({self.end}) is the first day that no longer counts "
                f"and must come after “from” ({self.start}).",
            )

    def _group_problems(self) -> Iterable[tuple[str, str]]:
        if len(self.group_by) > MAX_GROUPS:
            yield "group_by", f"Group by at most {MAX_GROUPS} dimensions."
        for name in sorted({name for name in self.group_by if self.group_by.count(name) > 1}):
            yield "group_by", f"“{name}” is named twice."
        for name in dict.fromkeys(self.group_by):
            sentence = _dimension_problem(name)
            if sentence:
                yield "group_by", sentence


def _filter_problems(one: CostFilter) -> Iterable[tuple[str, str]]:
    sentence = _dimension_problem(one.dimension)
    if sentence:
        yield one.parameter, sentence
    if not one.values:
        yield one.parameter, "Give at least one value."
    if len(one.values) > MAX_VALUES:
        yield one.parameter, f"Give at most {MAX_VALUES} values."
    if any(not _is_text(value) for value in one.values):
        yield one.parameter, _TEXT_SENTENCE
    if one.is_part and "" in one.values:
        yield (
            one.parameter,
            "Write the text to look for; cost without a value is asked for by “is”.",
        )


_TEXT_SENTENCE = f"Write plain text of at most {MAX_TEXT} characters, without NUL."


def _dimension_problem(name: str) -> str | None:
    if not _is_text(name):
        return _TEXT_SENTENCE
    try:
        Dimension.named(name)
    except ValueError as error:
        return str(error)
    return None


def _is_text(text: str) -> bool:
    return len(text) <= MAX_TEXT and is_storable(text)


def _merged(filters: Iterable[CostFilter]) -> tuple[CostFilter, ...]:
    values: dict[tuple[str, bool, bool], set[str]] = {}
    for one in filters:
        values.setdefault((one.dimension, one.is_negated, one.is_part), set()).update(one.values)
    return tuple(
        CostFilter(dimension, is_negated, tuple(sorted(found)), is_part)
        for (dimension, is_negated, is_part), found in sorted(values.items())
    )
