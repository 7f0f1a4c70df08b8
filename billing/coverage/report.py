"""How much of a month's spend carries each tag, and where it is lacking. Reads only.

Only usage can carry a tag. Tax, fees, credits, refunds, discounts, and the rows by which AWS takes
back what a Savings Plan covers, never do: they are told apart and lower nobody's share.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection as database
from psycopg import sql

from billing.charge_kinds import ChargeKind, charge_types_of, kind_of
from billing.exact import added
from billing.facts import TAG_SET
from billing.measures import Measure
from billing.month_facts import counting
from billing.months import MonthFrame
from billing.reports import names_for

# What takes back another row's cost has no resource, hence no tag.
TAGGABLE = tuple(one for one in charge_types_of(ChargeKind.USAGE) if one != "SavingsPlanNegation")


class _Row(NamedTuple):
    account_id: str
    service: str
    charge_type: str
    amount: Decimal
    tagged: Decimal


@dataclass(frozen=True)
class KeyCoverage:
    """A tag key and what the usage that carries it cost."""

    key: str
    tagged: Decimal


@dataclass(frozen=True)
class Gap:
    """An account or a service: its taggable spend, and how much of it lacks the key."""

    value: str
    name: str
    amount: Decimal
    tagged: Decimal

    @property
    def untagged(self) -> Decimal:
        """Return what lacks the key."""
        return added([self.amount, self.tagged.copy_negate()])


@dataclass(frozen=True)
class Coverage:
    """The coverage of a month in one measure and currency.

    taggable     what all usage cost
    untaggable   what cannot carry a tag, by what it is; AWS's name where it is usage
    keys         every tag key with a value somewhere, the best covered first
    key          the one looked at closer; None where there is no tag at all
    accounts, services   by what lacks the key, the most first
    """

    month: date
    measure: Measure
    taggable: Decimal
    untaggable: list[tuple[str, Decimal]]
    keys: list[KeyCoverage]
    key: str | None
    accounts: list[Gap]
    services: list[Gap]

    @property
    def total(self) -> Decimal:
        """Return the whole month, taggable or not."""
        return added([self.taggable, *(amount for _, amount in self.untaggable)])

    @property
    def chosen(self) -> KeyCoverage | None:
        """Return the key looked at closer."""
        return next((one for one in self.keys if one.key == self.key), None)


def coverage(
    frame: MonthFrame, measure: Measure = Measure.AMORTIZED, key: str | None = None
) -> Coverage:
    """Return the tag coverage of the frame's month, in a constant number of queries.

    Without `key`, the best covered one is looked at closer. A key that no cost carries is
    legitimate: all of it is lacking.
    """
    keys = _keys(frame, measure)
    chosen = key or (keys[0].key if keys else None)
    rows = _rows(frame, measure, chosen or "")
    names = names_for(frame.organization, ("account", "service"))
    usage = [row for row in rows if row.charge_type in TAGGABLE]
    if chosen is not None and all(one.key != chosen for one in keys):
        keys = [*keys, KeyCoverage(chosen, Decimal(0))]
    return Coverage(
        month=frame.month,
        measure=measure,
        taggable=added(row.amount for row in usage),
        untaggable=_untaggable(rows),
        keys=keys,
        key=chosen,
        accounts=_gaps(((row.account_id, row) for row in usage), names.accounts),
        services=_gaps(((row.service, row) for row in usage), names.services),
    )


def _keys(frame: MonthFrame, measure: Measure) -> list[KeyCoverage]:
    if frame.currency is None or not frame.what.deliveries:
        return []
    source, params = counting(frame.what, frame.currency)
    # Summed by tag set first: a set is unfolded once, however many costs carry it.
    statement = sql.SQL(
        "SELECT tag.key, sum(s.amount) FROM (SELECT f.delivery_id, f.tag_set, sum(f.{}) AS amount"
        " FROM {} AND f.charge_type = ANY(%s::text[]) GROUP BY 1, 2) s"
        " JOIN {} t USING (delivery_id, tag_set) CROSS JOIN LATERAL jsonb_each_text(t.tags) tag"
        " WHERE tag.value <> '' AND t.delivery_id = ANY(%s::bigint[])"
        ' GROUP BY 1 ORDER BY 2 DESC, tag.key COLLATE "C"'
    ).format(sql.Identifier(measure.value), source, sql.Identifier(TAG_SET.name))
    with database.cursor() as cursor:
        cursor.execute(statement, [*params, list(TAGGABLE), frame.what.delivery_ids])
        return [KeyCoverage(*row) for row in cursor.fetchall()]


def _rows(frame: MonthFrame, measure: Measure, key: str) -> list[_Row]:
    if frame.currency is None or not frame.what.deliveries:
        return []
    source, params = counting(frame.what, frame.currency)
    statement = sql.SQL(
        "SELECT s.account_id, s.service, s.charge_type, sum(s.amount),"
        " coalesce(sum(s.amount) FILTER (WHERE coalesce(t.tags ->> %s, '') <> ''), 0)"
        " FROM (SELECT f.delivery_id, f.tag_set, f.account_id, f.service, f.charge_type,"
        " sum(f.{}) AS amount FROM {} GROUP BY 1, 2, 3, 4, 5) s"
        " JOIN {} t USING (delivery_id, tag_set) WHERE t.delivery_id = ANY(%s::bigint[])"
        " GROUP BY 1, 2, 3"
    ).format(sql.Identifier(measure.value), source, sql.Identifier(TAG_SET.name))
    with database.cursor() as cursor:
        cursor.execute(statement, [key, *params, frame.what.delivery_ids])
        return [_Row(*row) for row in cursor.fetchall()]


def _untaggable(rows: Iterable[_Row]) -> list[tuple[str, Decimal]]:
    parts: dict[str, list[Decimal]] = {}
    for row in rows:
        if row.charge_type not in TAGGABLE:
            kind = kind_of(row.charge_type)
            name = row.charge_type if kind == ChargeKind.USAGE else str(kind.label)
            parts.setdefault(name, []).append(row.amount)
    sums = [(name, added(found)) for name, found in parts.items()]
    return sorted((one for one in sums if one[1]), key=lambda one: (-abs(one[1]), one[0]))


def _gaps(rows: Iterable[tuple[str, _Row]], names: Any) -> list[Gap]:
    parts: dict[str, tuple[list[Decimal], list[Decimal]]] = {}
    for value, row in rows:
        amounts, tagged = parts.setdefault(value, ([], []))
        amounts.append(row.amount)
        tagged.append(row.tagged)
    found = [
        Gap(value, names.get(value, ""), added(amounts), added(tagged))
        for value, (amounts, tagged) in parts.items()
    ]
    return sorted(_with_cost(found), key=lambda one: (-one.untagged, -one.amount, one.value))


def _with_cost(gaps: Sequence[Gap]) -> list[Gap]:
    return [one for one in gaps if one.amount or one.tagged]
