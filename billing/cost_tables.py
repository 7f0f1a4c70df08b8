"""What is read for a cost query, and from which tables: the smallest that know the answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from billing.cost_query import CostQuery
from billing.cost_terms import CostFilter, Granularity
from billing.counted import CountedDelivery
from billing.derivation import Derivation
from billing.dimensions import TAG_SOURCES, Dimension, Source
from billing.facts import (
    DAILY_COST,
    DIMENSION_COST,
    MONTH_COST,
    MONTH_SERVICE_COST,
    MONTH_TAG_COST,
    MONTH_WHOLE_COST,
    RESOURCE_COST,
    ROLLUP_COST,
    ROLLUP_DIMENSIONS,
    SERVICE_COST,
    SERVICE_DIMENSIONS,
    TAG_DIMENSIONS,
    WHOLE_COST,
    WHOLE_DIMENSIONS,
    FactTable,
)

# What the rows of tables with one dimension each have besides it.
ONE_DIMENSION_EACH = {
    DIMENSION_COST: ROLLUP_DIMENSIONS,
    WHOLE_COST: WHOLE_DIMENSIONS,
    MONTH_WHOLE_COST: WHOLE_DIMENSIONS,
}


@dataclass(frozen=True)
class Reading:
    """What is read for the query, and how each derived dimension comes from the others.

    Groups and filters are the query's own, unless costs are split afterwards: then the rows also
    say of which delivery they are. `held` names the derived dimensions that are not derived but
    read as deliveries hold them.
    """

    query: CostQuery
    derived: Mapping[str, Derivation]
    groups: tuple[Dimension, ...]
    filters: tuple[CostFilter, ...]
    by_delivery: bool = False
    held: frozenset[str] = frozenset()

    @property
    def of_sums(self) -> "Reading | None":
        """Return the same from what deliveries hold summed by derived dimensions; None if there
        can be no such sums.
        """
        names = {one.name for one in self.derived_named if self.derived[one.name].summed_as}
        return replace(self, held=frozenset(names)) if names else None

    @cached_property
    def named(self) -> list[Dimension]:
        """Return the dimensions of groups and filters."""
        return [*self.groups, *(Dimension.named(one.dimension) for one in self.filters)]

    @cached_property
    def stored(self) -> list[Dimension]:
        """Return the dimensions to be read, each once: what is derived stands for its inputs."""
        return list(dict.fromkeys(one for name in self.named for one in self.inputs(name)))

    @cached_property
    def in_tag_sets(self) -> list[Dimension]:
        """Return the tags and cost categories among them."""
        return [one for one in self.stored if one.source in TAG_SOURCES]

    @cached_property
    def dimension_in(self) -> Mapping[FactTable, str | None]:
        """Return what is to be read of a table besides what its rows have anyhow: one dimension,
        '' for none, None where it is more.
        """
        return {table: self._besides(had) for table, had in ONE_DIMENSION_EACH.items()}

    def _besides(self, had: Sequence[str]) -> str | None:
        others = [
            self.stored_as(one)
            for one in self.stored
            if not (one.source is Source.COST_KEY and one.key in had)
        ]
        return None if len(others) > 1 else "".join(others)

    def stored_as(self, dimension: Dimension) -> str:
        """Return the name that a dimension has in the tables that hold one each."""
        if dimension.name in self.held:
            return self.derived[dimension.name].summed_as
        return dimension.name

    def _is_derived(self, dimension: Dimension) -> bool:
        return dimension.source is Source.DERIVED and dimension.name not in self.held

    @cached_property
    def derived_named(self) -> list[Dimension]:
        """Return what is derived of groups and filters, each once."""
        return list(dict.fromkeys(one for one in self.named if self._is_derived(one)))

    @property
    def asks_for_tags_alone(self) -> bool:
        """Say whether TAG_DIMENSIONS, tags and cost categories are all that is needed."""
        return all(
            one.source in TAG_SOURCES
            or (one.source is Source.COST_KEY and one.key in TAG_DIMENSIONS)
            for one in self.stored
        )

    @property
    def is_by_day(self) -> bool:
        """Say whether days are told apart."""
        return self.query.granularity in (Granularity.DAILY, Granularity.WEEKLY)

    @property
    def has_resources(self) -> bool:
        """Say whether resources are told apart, by name or as those asked for."""
        return any(one.source is Source.RESOURCE for one in self.stored)

    @property
    def has_keys(self) -> bool:
        """Say whether anything of the cost keys is needed."""
        return any(one.source is not Source.RESOURCE for one in self.stored)

    def is_worth_summing(self, table: FactTable) -> bool:
        """Say whether costs are summed before values are found for them, which takes longer."""
        if table in ONE_DIMENSION_EACH:
            return False
        if self.has_resources:
            return self.shows_resources and not self.is_by_day
        return bool(self.derived_named) and "cost_key" not in table.column_names

    @property
    def shows_resources(self) -> bool:
        """Say whether the resources' names are needed: filters on resources find them alone."""
        shown = (
            *self.groups,
            *self.derived_named,
        )
        return any(one.source is Source.RESOURCE for name in shown for one in self.inputs(name))

    def inputs(self, dimension: Dimension) -> Iterator[Dimension]:
        """Yield what a dimension is read from: itself, unless it is derived."""
        if not self._is_derived(dimension):
            yield dimension
            return
        for name in self.derived[dimension.name].inputs:
            yield from self.inputs(Dimension.named(name))


def sources(
    reading: Reading, deliveries: Iterable[CountedDelivery]
) -> Iterator[tuple[Reading, FactTable, list[CountedDelivery]]]:
    """Return which deliveries are read from which table, and how."""
    sums, tables = reading.of_sums, _tables(reading)
    found: dict[tuple[bool, FactTable], list[CountedDelivery]] = {}
    for delivery in deliveries:
        held = _holding(sums, delivery) if sums else None
        table = tables[0] if _is_whole(reading, delivery) else tables[1]
        place = held is not None, held or _smallest(table, reading, delivery)
        found.setdefault(place, []).append(delivery)
    for (is_held, table), those in found.items():
        yield sums if sums and is_held else reading, table, those


def _tables(reading: Reading) -> tuple[FactTable, FactTable]:
    """Return which tables know the answer of every delivery: for whole months, and for days."""
    columns = {
        dimension.key if dimension.source is Source.COST_KEY else dimension.source
        for dimension in reading.stored
    }
    if Source.RESOURCE in columns:
        return RESOURCE_COST, DAILY_COST
    if columns <= set(SERVICE_DIMENSIONS):
        return MONTH_SERVICE_COST, SERVICE_COST
    return MONTH_COST, ROLLUP_COST


def _holding(sums: Reading, delivery: CountedDelivery) -> FactTable | None:
    """Return the smallest table in which the delivery holds such sums, None without any."""
    rows = _rows(sums, delivery)
    if not _is_whole(sums, delivery):
        rows.pop(MONTH_WHOLE_COST, None)
    return min(rows, key=lambda one: rows[one], default=None)


def _rows(reading: Reading, delivery: CountedDelivery) -> dict[FactTable, int]:
    """Return how many rows would be read of the tables with one dimension each."""
    return {
        one: delivery.rollup_rows.get(one.name, {}).get(dimension, 0)
        for one, dimension in reading.dimension_in.items()
        if dimension is not None and _has(delivery, one, dimension)
    }


def _smallest(table: FactTable, reading: Reading, delivery: CountedDelivery) -> FactTable:
    """Return the smallest table that the delivery has in place of this one."""
    rows, months = _rows(reading, delivery), table
    if table is MONTH_COST and _has_months_by_tags(reading, delivery):
        months = MONTH_TAG_COST
    if table in (MONTH_SERVICE_COST, MONTH_COST):
        if MONTH_WHOLE_COST in rows:
            return MONTH_WHOLE_COST
        # A month's costs are more than its days' where nothing else is asked for, and tags must be
        # looked up for each of them.
        if table is MONTH_COST and reading.dimension_in[DIMENSION_COST] and not reading.in_tag_sets:
            return months
    elif table not in (SERVICE_COST, ROLLUP_COST):
        return table
    rows.pop(MONTH_WHOLE_COST, None)
    if table is not MONTH_SERVICE_COST and rows:
        return min(rows, key=lambda one: rows[one])
    return _without_dimensions(months, delivery)


def _has_months_by_tags(reading: Reading, delivery: CountedDelivery) -> bool:
    return reading.asks_for_tags_alone and MONTH_TAG_COST.name in delivery.rollup_rows


def _has(delivery: CountedDelivery, table: FactTable, dimension: str) -> bool:
    """Say whether the delivery's part of a table with one dimension each answers."""
    is_stored = dimension in delivery.rollup_rows.get(table.name, {})
    return is_stored and (table is DIMENSION_COST or delivery.is_complete)


def _without_dimensions(table: FactTable, delivery: CountedDelivery) -> FactTable:
    # Both came at once: deliveries that were loaded before have neither.
    if table is MONTH_SERVICE_COST and DIMENSION_COST.name not in delivery.rollup_rows:
        return MONTH_COST
    if table is ROLLUP_COST and ROLLUP_COST.name not in delivery.rollup_rows:
        return DAILY_COST
    return table


def _is_whole(reading: Reading, delivery: CountedDelivery) -> bool:
    if reading.is_by_day or delivery.first_day is None or delivery.last_day is None:
        return False
    query = reading.query
    return query.start <= delivery.first_day and delivery.last_day < query.end
