"""Costs by cost center, held by deliveries besides their other sums.

The rules belong to the organization, so they are applied after an import and when they change: see
decision 0017. What is stored bears the name of the rules that it was made by
(`Allocation.summed_as`), and a question asks for the name of the rules that hold as it is asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from billing.allocation.derivation import SUMMED_PREFIX, Allocation, allocation_of
from billing.cost_sql import keys_by
from billing.cost_tables import ONE_DIMENSION_EACH
from billing.counted import current_deliveries
from billing.dimensions import COST_CENTER
from billing.facts import (
    DAILY_COST,
    FEWER,
    MEASURE_COLUMNS,
    RESOURCE_COST,
    ROLLUP_COST,
    FactTable,
)
from billing.models import Delivery, DeliveryState
from billing.statement import Statement
from organizations.models import Organization

# Whoever read the rules just before they changed has asked by then.
_ASKED_WITHIN = timedelta(hours=1)
_MEASURES = tuple(column.split()[0] for column in MEASURE_COLUMNS)


def sum_up(organization: Organization) -> int:
    """Have the current deliveries hold costs by the present rules; return how many changed.

    It ends early when the rules change meanwhile: that has sent a task of its own.
    """
    allocation, changed = allocation_of(organization), 0
    current = [one.id for one in current_deliveries(organization)]
    found = Delivery.objects.in_bulk(current)
    for delivery in (found[pk] for pk in current if pk in found):
        if delivery.centers_by != allocation.summed_as:
            if allocation_of(organization).summed_as != allocation.summed_as:
                break
            changed += _sum_up(delivery.pk, allocation)
        elif _unread(delivery):
            changed += _forget(delivery.pk)
    return changed


@transaction.atomic
def _sum_up(delivery_id: int, allocation: Allocation) -> bool:
    """Have one delivery hold its costs by these rules, unless it is gone; say whether it does."""
    delivery = _locked(delivery_id)
    if delivery is None or delivery.centers_by == allocation.summed_as:
        return False
    # Rules that were the present ones before have left their sums.
    if allocation.rules and allocation.summed_as not in _held(delivery):
        _Making(delivery, allocation).make()
    delivery.centers_by, delivery.centers_since = allocation.summed_as, timezone.now()
    delivery.save(update_fields=["rollup_rows", "centers_by", "centers_since"])
    return True


@transaction.atomic
def _forget(delivery_id: int) -> bool:
    """Remove the sums that nobody asks for any more; say whether there were some."""
    delivery = _locked(delivery_id)
    names = _unread(delivery) if delivery else []
    if delivery is None or not names:
        return False
    with connection.cursor() as cursor:
        for table in ONE_DIMENSION_EACH:
            if delivery.rollup_rows.get(table.name):
                cursor.execute(
                    f"DELETE FROM {table.name}"  # noqa: S608 - our own names
                    " WHERE delivery_id = %s AND dimension = ANY(%s)",
                    [delivery_id, names],
                )
    delivery.rollup_rows = {
        table: {name: rows for name, rows in held.items() if name not in names}
        for table, held in delivery.rollup_rows.items()
    }
    delivery.save(update_fields=["rollup_rows"])
    return True


def _locked(delivery_id: int) -> Delivery | None:
    """Return the delivery, whose facts stay as long as the transaction goes on."""
    loaded = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.LOADED)
    found: Delivery | None = loaded.select_for_update(no_key=True).first()
    return found


def _held(delivery: Delivery) -> set[str]:
    """Return by which rules the delivery holds sums."""
    names = {name for held in delivery.rollup_rows.values() for name in held}
    return {name for name in names if name.startswith(SUMMED_PREFIX)}


def _unread(delivery: Delivery) -> list[str]:
    """Return those by rules that nobody can be asking for any more."""
    since = delivery.centers_since
    if since is None or since > timezone.now() - _ASKED_WITHIN:
        return []
    return sorted(_held(delivery) - {delivery.centers_by})


@dataclass
class _Making:
    """The sums of one delivery, in the making."""

    delivery: Delivery
    allocation: Allocation

    def make(self) -> None:
        """Store the sums wherever they are worth it, and note it in `rollup_rows`.

        Raises RuntimeError where they do not come to what the delivery comes to.
        """
        keys = keys_by(COST_CENTER, {COST_CENTER: self.allocation}, self.delivery.pk)
        self._run(Statement.of("CREATE TEMPORARY TABLE center_key ON COMMIT DROP AS {}", keys))
        self._run(Statement.of("ANALYZE center_key"))
        for table, by in ONE_DIMENSION_EACH.items():
            # Without any, the delivery was loaded before there was the table.
            held = self.delivery.rollup_rows.get(table.name)
            if held and self._is_worth_it(table, by):
                held[self.allocation.summed_as] = self._store(table, by)
                self._check(table)
                partition = sql.Identifier(table.partition(self.delivery.pk))
                self._run(Statement.of("ANALYZE {} (dimension)", partition))
        self._run(Statement.of("DROP TABLE center_key"))

    def _is_worth_it(self, table: FactTable, by: Iterable[str]) -> bool:
        """Say whether there are as few as of the dimensions that an import sums by."""
        counted = "SELECT count(DISTINCT ({}, value)), count(*) FROM center_key"
        ((groups, most),) = self._rows(Statement.of(counted, _columns(by)))
        first, last = self.delivery.first_day, self.delivery.last_day
        if "day" in table.column_names:
            if first is None or last is None:
                return False
            most = self.delivery.rows_loaded / ((last - first).days + 1)
        return bool(groups * FEWER[table.name] <= most)

    def _store(self, table: FactTable, by: Sequence[str]) -> int:
        """Store the sums; return how many rows they are."""
        by_day = ["day"] if "day" in table.column_names else []
        if not by_day:
            source = RESOURCE_COST
        else:
            has_rollup = ROLLUP_COST.name in self.delivery.rollup_rows
            source = ROLLUP_COST if has_rollup else DAILY_COST
        columns = _columns([*by_day, *by, "value", *_MEASURES])
        # Numbers are summed up by, not texts: each group is its first cost key's.
        return self._run(
            Statement.of(
                """
                INSERT INTO {} (delivery_id, dimension, {})
                SELECT {}, {} FROM (
                    SELECT {}, {} FROM {} JOIN (
                        SELECT cost_key, min(cost_key) OVER (PARTITION BY {}, value) AS first
                        FROM center_key
                    ) k USING (cost_key)
                    WHERE {} GROUP BY {}
                ) summed JOIN center_key ON cost_key = first
                ORDER BY value
                """,
                sql.Identifier(table.name),
                columns,
                Statement.of("%s, %s", params=(self.delivery.pk, self.allocation.summed_as)),
                columns,
                _columns([*by_day, "first"]),
                _sums(),
                sql.Identifier(source.name),
                _columns(by),
                Statement.of("delivery_id = %s", params=(self.delivery.pk,)),
                _columns([*by_day, "first"]),
            )
        )

    def _check(self, table: FactTable) -> None:
        """Compare with what the table holds of the whole delivery."""
        rows = self._rows(
            Statement.of(
                "SELECT dimension = '', currency, {} FROM {} WHERE {} GROUP BY 1, 2",
                _sums(),
                sql.Identifier(table.name),
                Statement.of(
                    "delivery_id = %s AND dimension IN ('', %s)",
                    params=(self.delivery.pk, self.allocation.summed_as),
                ),
            )
        )
        whole = {tuple(row[1:]) for row in rows if row[0]}
        if whole != {tuple(row[1:]) for row in rows if not row[0]}:
            raise RuntimeError(f"{table.name} does not come to the same by cost center.")

    def _run(self, statement: Statement) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement.text, statement.params)
            return int(cursor.rowcount)

    def _rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement.text, statement.params)
            return list(cursor.fetchall())


def _sums() -> sql.Composable:
    sums = [sql.SQL("sum({0}) AS {0}").format(sql.Identifier(name)) for name in _MEASURES]
    return sql.SQL(", ").join(sums)


def _columns(names: Iterable[str]) -> sql.Composable:
    return sql.SQL(", ").join([sql.Identifier(name) for name in names])
