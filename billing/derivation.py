"""Dimensions that no bill names: an organization derives their value from other dimensions.

The organizational unit of a cost is that of its account. How a value is derived is the
organization's; a cost query names the dimension alone and stays free of any organization.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Protocol

from billing.statement import Statement


class Part(NamedTuple):
    """In one delivery, `target` bears this part of what belongs to `source`."""

    delivery_id: int
    source: str
    target: str
    weight: Decimal


class Derivation(Protocol):
    """How an organization derives one dimension."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return by what parts costs of a value are borne by others; those of a source make one.

        At most one derivation of a query has any.
        """

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the names of the dimensions it reads; they may be derived themselves."""

    @property
    def summed_as(self) -> str:
        """Return the name under which deliveries may hold costs summed by it, '' where none do.

        It names the whole derivation: another one has another name.
        """

    def expression(self, values: Mapping[str, Statement]) -> Statement:
        """Return the SQL of the value, text and never null, '' for none.

        `values` has the SQL of each input, text and never null. It may be used more than once.
        Whatever an organization wrote goes into parameters.
        """


@dataclass(frozen=True)
class LookUp:
    """The value stands in a table {value of the input: derived value}; none without an entry."""

    dimension: str
    values: Mapping[str, str]
    parts: tuple[Part, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the one dimension that is looked up."""
        return (self.dimension,)

    @property
    def summed_as(self) -> str:
        """Return that nobody sums by it: it is a matter of one dimension."""
        return ""

    def expression(self, values: Mapping[str, Statement]) -> Statement:
        """Return the look-up: one parameter, found by binary search."""
        text = json.dumps(dict(self.values), sort_keys=True)
        table = Statement.of("%s::jsonb", params=(text,))
        return Statement.of("coalesce({} ->> {}, '')", table, values[self.dimension])
