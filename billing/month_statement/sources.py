"""Where a month's figures come from: the deliveries, and how their totals lead to the statement."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from billing.counted import BilledAccount, billed_accounts
from billing.exact import added
from billing.models import Delivery, ImportRun
from billing.months import MonthFrame
from organizations.runs import RunState


@dataclass(frozen=True)
class Source:
    """A delivery that the month counts from, and its control totals in unblended cost.

    export_total   AWS's own: the sum of the export's raw rows; None where no import tells it
    portal_total   what the portal holds of the delivery
    left_out       of it, what accounts cost that are not connected
    elsewhere      of it, what is counted from another bill
    counted        what remains: the delivery's part of the statement
    """

    delivery: Delivery
    payer_name: str
    payer_account_id: str
    export_total: Decimal | None
    portal_total: Decimal
    left_out: Decimal
    elsewhere: Decimal

    @property
    def counted(self) -> Decimal:
        """Return the delivery's part of the statement."""
        return added([self.portal_total, self.left_out.copy_negate(), self.elsewhere.copy_negate()])

    @property
    def is_reconciled(self) -> bool:
        """Say whether the export's total and the portal's are known to be equal."""
        return self.export_total is not None and self.export_total == self.portal_total


def sources(frame: MonthFrame) -> list[Source]:
    """Return the deliveries of the frame's month, by payer. Takes three queries."""
    ids = frame.what.delivery_ids
    deliveries = (
        Delivery.objects.filter(pk__in=ids)
        .select_related("export__connection")
        .defer("export__connection__secret_access_key")
        .order_by("export__connection__name", "pk")
    )
    runs = ImportRun.objects.filter(delivery__in=ids, state=RunState.SUCCEEDED).order_by("pk")
    imports = {run.delivery_id: run for run in runs}
    billed = list(
        billed_accounts(frame.what.deliveries)
        .filter(currency=frame.currency)
        .values_list("delivery_id", "account_id", "payer_account_id", "unblended_cost")
    )
    elsewhere, connected = set(frame.what.elsewhere), set(frame.what.accounts)
    found = []
    for delivery in deliveries:
        mine = [(BilledAccount(*row[:3]), row[3]) for row in billed if row[0] == delivery.pk]
        run = imports.get(delivery.pk)
        payer = delivery.export.connection
        found.append(
            Source(
                delivery=delivery,
                payer_name=payer.name,
                payer_account_id=payer.account_id,
                export_total=_export_total(run, frame.currency),
                portal_total=added(cost for _, cost in mine),
                left_out=_cost(mine, (one for one, _ in mine if one.account_id not in connected)),
                elsewhere=_cost(mine, elsewhere),
            )
        )
    return found


def _export_total(run: ImportRun | None, currency: str | None) -> Decimal | None:
    """Return the total that the import read; it keeps one only where a bill has one currency."""
    return run.export_total if run is not None and run.currency == currency else None


def _cost(
    billed: Iterable[tuple[BilledAccount, Decimal]], accounts: Iterable[BilledAccount]
) -> Decimal:
    wanted = set(accounts)
    return added(cost for account, cost in billed if account in wanted)
