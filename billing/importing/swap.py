"""The one short transaction after which readers see the new delivery, and what it rests on."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from billing.exact import EXACT, added, plain
from billing.facts import (
    COST_KEY,
    DAILY_COST,
    DIMENSION_COST,
    MONTH_COST,
    MONTH_SERVICE_COST,
    MONTH_TAG_COST,
    MONTH_WHOLE_COST,
    RESOURCE_COST,
    ROLLUP_COST,
    SERVICE_COST,
    WHOLE_COST,
    FactTable,
)
from billing.importing import counting
from billing.importing.summary import Summary
from billing.measures import Measure
from billing.models import (
    Delivery,
    DeliveryAccount,
    DeliveryState,
    ImportRun,
    ServiceName,
)
from connections.account_names import note_billed_accounts
from connections.models import Connection
from organizations.runs import ErrorClass, RunFailure, RunState
from organizations.texts import storable

Totals = Mapping[str, Decimal]


def loaded_totals(delivery: Delivery) -> tuple[dict[str, Decimal], int]:
    """Return what PostgreSQL holds of a delivery: unblended cost by currency, and its daily rows.

    Raises RunFailure when a rollup does not come to the same in every measure.
    """
    daily = _sums_of(DAILY_COST, delivery)
    measures = {name: row[:-1] for name, row in daily.items()}
    rollups = [SERVICE_COST, MONTH_COST, MONTH_SERVICE_COST, RESOURCE_COST]
    rollups += [one for one in (ROLLUP_COST, MONTH_TAG_COST) if one.name in delivery.rollup_rows]
    for table in rollups:
        summed = _sums_of(table, delivery)
        if measures != {name: row[:-1] for name, row in summed.items()}:
            raise _differs(table)
    for table in (DIMENSION_COST, WHOLE_COST, MONTH_WHOLE_COST):
        by_dimension = _sums_by_dimension(table, delivery)
        if any(by_dimension[one] != measures for one in delivery.rollup_rows[table.name]):
            raise _differs(table)
    totals = {name: row[0] for name, row in daily.items()}
    return totals, sum(row[-1] for row in daily.values())


def _differs(table: FactTable) -> RunFailure:
    return RunFailure(
        ErrorClass.BUG,
        f"The table {table.name} does not come to the same as the daily costs.",
        "The month stays as it was. Please report this with the export's schema.",
    )


def _sums_of(table: FactTable, delivery: Delivery) -> dict[str, tuple[Any, ...]]:
    """Return {currency: (every measure, number of rows)} of a delivery's partition."""
    source = table.partition(delivery.pk)
    if "cost_key" in table.column_names:
        source += f" JOIN {COST_KEY.partition(delivery.pk)} USING (cost_key)"
    sums = ", ".join(f"sum({name})" for name in Measure.values)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT currency, {sums}, count(*) FROM {source} GROUP BY currency")
        return {row[0]: row[1:] for row in cursor.fetchall()}


def _sums_by_dimension(
    table: FactTable, delivery: Delivery
) -> Mapping[str, dict[str, tuple[Any, ...]]]:
    """Return {dimension: {currency: every measure}} of a delivery's partition."""
    sums = ", ".join(f"sum({name})" for name in Measure.values)
    found: defaultdict[str, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT dimension, currency, {sums} FROM {table.partition(delivery.pk)} GROUP BY 1, 2"
        )
        for dimension, currency, *amounts in cursor.fetchall():
            found[dimension][currency] = tuple(amounts)
    return found


def compare(export: Totals, portal: Totals, summary: Summary) -> None:
    """Raise RunFailure unless the export's own total equals the portal's in every currency."""
    for currency in sorted({*export, *portal}):
        exported, loaded = export.get(currency, Decimal(0)), portal.get(currency, Decimal(0))
        if exported != loaded:
            with localcontext(EXACT):
                difference = exported - loaded
            raise RunFailure(
                ErrorClass.BUG,
                f"The control total failed: the export comes to {exported:f} {currency}, the portal"
                f" to {loaded:f} (difference {difference:f}).",
                "The month stays as it was. Please report this with the export's schema.",
            )
    by_account = {
        name: added(amount for _, _, currency, _, amount, _ in summary.accounts if currency == name)
        for name in {account[2] for account in summary.accounts}
    }
    if by_account != dict(portal):
        raise RunFailure(
            ErrorClass.BUG,
            "The accounts' totals do not add up to the bill's.",
            "The month stays as it was. Please report this with the export's schema.",
        )


def swap(run: ImportRun, delivery: Delivery, summary: Summary) -> None:
    """Point the month at the delivery and end the run, in one transaction."""
    names = _account_names(summary)
    with transaction.atomic():
        run.hold()
        _write_accounts(run.connection, delivery, summary, names)
        _write_services(run.connection, summary)
        delivery.state = DeliveryState.LOADED
        delivery.loaded_at = timezone.now()
        delivery.totals = {
            currency: {name: plain(amount) for name, amount in measures.items()}
            for currency, measures in summary.totals.items()
        }
        delivery.data_through = summary.data_through
        # What holds nothing at all must not pass for what may hold any day.
        delivery.first_day, delivery.last_day = (
            day or delivery.billing_period for day in summary.days
        )
        delivery.is_final = summary.is_final
        delivery.save()
        counting.point(run.connection, delivery)
        run.skipped_accounts = skipped_accounts(run.connection, summary, names)
        run.finish(RunState.SUCCEEDED)


def skipped_accounts(
    owner: Connection, summary: Summary, names: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the accounts of the bill that are not connected, the most expensive first."""
    connected = set(
        Connection.objects.of(owner.organization_id)
        .connected()
        .values_list("account_id", flat=True)
    )
    sums: dict[tuple[str, str], Decimal] = {}
    with localcontext(EXACT):
        for account_id, _, currency, _, amount, _ in summary.accounts:
            if account_id not in connected:
                key = (account_id, currency)
                sums[key] = sums.get(key, Decimal(0)) + amount
    return [
        {
            "account_id": account_id,
            "name": names.get(account_id, ""),
            "amount": plain(amount),
            "currency": currency,
        }
        for (account_id, currency), amount in sorted(sums.items(), key=lambda one: -one[1])
    ]


def _account_names(summary: Summary) -> dict[str, str]:
    return {account_id: storable(name or "") for account_id, _, _, name, _, _ in summary.accounts}


def _write_accounts(
    owner: Connection, delivery: Delivery, summary: Summary, names: Mapping[str, str]
) -> None:
    DeliveryAccount.objects.bulk_create(
        DeliveryAccount(
            delivery=delivery,
            account_id=account_id,
            payer_account_id=payer,
            currency=currency,
            unblended_cost=amount,
            line_items=count,
        )
        for account_id, payer, currency, _, amount, count in summary.accounts
    )
    note_billed_accounts(
        owner.organization_id,
        {(account_id, payer, names[account_id]) for account_id, payer, *_ in summary.accounts},
    )


def _write_services(owner: Connection, summary: Summary) -> None:
    names = {
        storable(code)[:200]: storable(name)[:300]
        for code, name in sorted(summary.services.items())
    }
    ServiceName.objects.bulk_create(
        (
            ServiceName(organization_id=owner.organization_id, code=code, name=name)
            for code, name in names.items()
        ),
        update_conflicts=True,
        unique_fields=["organization", "code"],
        update_fields=["name"],
    )
