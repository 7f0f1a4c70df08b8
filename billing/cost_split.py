"""Costs of some values of a derived dimension, borne by others in exact parts.

The parts of a cost make one whole and are the same for every cost of a value in a delivery. So
split costs add up to the bill to the last digit however they are cut, grouped and filtered.
"""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql

from billing.cost_query import CostQuery
from billing.cost_terms import CostFilter
from billing.derivation import Part
from billing.dimensions import Dimension
from billing.statement import Statement


@dataclass(frozen=True)
class CostSplit:
    """The parts by which costs of one dimension's values are split."""

    dimension: str
    parts: tuple[Part, ...]


def split_statement(
    query: CostQuery,
    split: CostSplit,
    unsplit: Callable[[tuple[Dimension, ...], tuple[CostFilter, ...]], Statement],
    holds: Callable[[Statement, CostFilter], Statement],
) -> Statement:
    """Return (period, g0, g1, …, amount) of the query, with costs split first.

    `unsplit` reads costs by these groups under these filters, as (period, g0, g1, …, delivery_id,
    amount); `holds` is the condition of a filter on a value. Filters on the split dimension ask
    who bears a cost, not where it came from.
    """
    name = split.dimension
    groups = query.group_by if name in query.group_by else (*query.group_by, name)
    own = sql.Identifier(f"g{groups.index(name)}")
    bearer = Statement.of("coalesce(s.target, p.{})", own)
    columns = [
        Statement.of(
            ", {} AS {}",
            bearer if group == name else Statement.of("p.{}", sql.Identifier(f"g{index}")),
            sql.Identifier(f"g{index}"),
        )
        for index, group in enumerate(query.group_by)
    ]
    return Statement.of(
        "SELECT p.period{}, p.amount * coalesce(s.weight, 1) AS amount FROM ({}) p"
        " LEFT JOIN {} s ON s.delivery_id = p.delivery_id AND s.source = p.{} WHERE {}",
        Statement.joined("", columns),
        unsplit(
            tuple(Dimension.named(group) for group in groups),
            tuple(one for one in query.filters if one.dimension != name),
        ),
        _table(split),
        own,
        Statement.joined(
            " AND ",
            [
                Statement.of("true"),
                *(holds(bearer, one) for one in query.filters if one.dimension == name),
            ],
        ),
    )


def _table(split: CostSplit) -> Statement:
    columns = [list(column) for column in zip(*split.parts, strict=True)]
    return Statement.of(
        "(SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::numeric[])"
        " AS parts (delivery_id, source, target, weight))",
        params=columns,
    )
