"""A migration's months: what both exports say of them, and from which one each counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from django.db import transaction

from billing import services
from billing.exact import EXACT
from billing.importing import cleanup, counting
from billing.measures import Measure
from billing.models import BillingMonth, Delivery, DeliveryAccount, DeliveryState, ImportRun
from connections import migration
from connections.finding import Say
from connections.inputs import ExportInput, Refusal
from connections.migration import Migration, State, migration_of
from connections.models import Account, Connection, Export
from organizations.after_commit import after_commit
from organizations.runs import ErrorClass, RunFailure, Trigger

Amounts = Mapping[str, Decimal]


@dataclass(frozen=True)
class Pair:
    """The same amount from both exports; None where one does not hold it."""

    old: Decimal | None
    new: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """Return new minus old, None while only one of them is known."""
        if self.old is None or self.new is None:
            return None
        with localcontext(EXACT):
            return self.new - self.old


@dataclass(frozen=True)
class AccountPair:
    """What one account cost in a month, unblended, by both exports."""

    account_id: str
    name: str
    currency: str
    cost: Pair


@dataclass(frozen=True)
class CurrencyPair:
    """All measures of a month in one currency, by both exports."""

    currency: str
    measures: dict[str, Pair]

    @property
    def rows(self) -> list[tuple[str, Pair]]:
        """Return each measure's name for people with its amounts."""
        return [(str(Measure(name).label), pair) for name, pair in self.measures.items()]


@dataclass(frozen=True)
class Month:
    """One month by both exports. `counted` is "old", "new" or "" (from neither)."""

    billing_period: date
    counted: str
    old: Delivery | None
    new: Delivery | None
    totals: list[CurrencyPair]
    accounts: list[AccountPair]


def begin(
    connection: Connection, given: ExportInput, *, say: Say = lambda sentence: None
) -> Migration:
    """Add an export beside the present one and import its months for comparison. Raises Refusal."""
    found = migration.begin(connection, given, say=say)
    _import_new(connection, found.new)
    return found


def _import_new(connection: Connection, export: Export) -> None:
    after_commit(services.request_import, connection, Trigger.CONNECT, export=export)


def months(found: Migration) -> list[Month]:
    """Return every month that either export holds, the newest first."""
    old, new = counting.held(found.old), counting.held(found.new)
    accounts = _by_account([*old.values(), *new.values()])
    names = dict(
        Account.objects.of(found.new.connection.organization_id).values_list("account_id", "name")
    )
    counted = {
        pointer.billing_period: pointer.delivery.export_id
        for pointer in BillingMonth.objects.filter(
            connection=found.new.connection_id
        ).select_related("delivery")
    }
    sides = {found.old.pk: "old", found.new.pk: "new"}
    return [
        Month(
            billing_period=month,
            counted=sides.get(counted.get(month, 0), ""),
            old=old.get(month),
            new=new.get(month),
            totals=_totals(old.get(month), new.get(month)),
            accounts=_accounts(old.get(month), new.get(month), accounts, names),
        )
        for month in sorted(old.keys() | new.keys(), reverse=True)
    ]


def _totals(old: Delivery | None, new: Delivery | None) -> list[CurrencyPair]:
    by_old = old.totals if old else {}
    by_new = new.totals if new else {}
    return [
        CurrencyPair(
            currency,
            {
                measure: Pair(
                    _amount(by_old.get(currency), measure, exists=old is not None),
                    _amount(by_new.get(currency), measure, exists=new is not None),
                )
                for measure in Measure.values
            },
        )
        for currency in sorted(by_old.keys() | by_new.keys())
    ]


def _amount(said: Mapping[str, str] | None, measure: str, *, exists: bool) -> Decimal | None:
    if not exists:
        return None
    return Decimal(said.get(measure, "0")) if said else Decimal(0)


_AccountSums = dict[int, dict[tuple[str, str], Decimal]]


def _by_account(deliveries: list[Delivery]) -> _AccountSums:
    found: _AccountSums = {}
    with localcontext(EXACT):
        for row in DeliveryAccount.objects.filter(delivery__in=deliveries):
            sums = found.setdefault(row.delivery_id, {})
            key = (row.account_id, row.currency)
            sums[key] = sums.get(key, Decimal(0)) + row.unblended_cost
    return found


def _accounts(
    old: Delivery | None, new: Delivery | None, sums: _AccountSums, names: Mapping[str, str]
) -> list[AccountPair]:
    by_old = sums.get(old.pk, {}) if old else {}
    by_new = sums.get(new.pk, {}) if new else {}
    return [
        AccountPair(
            account_id,
            names.get(account_id, ""),
            currency,
            Pair(
                by_old.get((account_id, currency), Decimal(0)) if old else None,
                by_new.get((account_id, currency), Decimal(0)) if new else None,
            ),
        )
        for account_id, currency in sorted(by_old.keys() | by_new.keys())
    ]


# --- the steps ------------------------------------------------------------------------------
def switch(connection: Connection, first: date | None = None) -> Migration:
    """Count every month from `first` on from the new export, where it holds the month.

    Without `first`, from the first month that both hold. It may be called again with another month,
    earlier or later. Months that only the old export holds stay with it. Raises Refusal.
    """
    with transaction.atomic():
        found = _locked(connection)
        both = counting.held(found.old).keys() & counting.held(found.new).keys()
        first = first or min(both, default=None)
        if first is None:
            raise Refusal(
                {
                    "from": "There is no month yet that both exports hold: wait for the new"
                    " export's first import."
                }
            )
        if first not in counting.held(found.new):
            raise Refusal(
                {"from": f"The new export does not hold {first:%Y-%m}: choose a month it holds."}
            )
        migration.set_counts_from(found, first)
        counting.settle(connection, found.old, found.new)
    return found


def undo(connection: Connection) -> Migration:
    """Count every month from the old export again, as before the switch. Raises Refusal."""
    with transaction.atomic():
        found = _locked(connection)
        if found.state == State.COMPARING:
            raise Refusal({"": "Nothing counts from the new export yet: there is nothing to undo."})
        migration.set_counts_from(found, None)
        counting.settle(connection, found.old, found.new)
    return found


def finish(connection: Connection) -> Migration:
    """Look at the old export no more; months that only it holds stay. Raises Refusal."""
    with transaction.atomic():
        found = _locked(connection)
        if found.state != State.SWITCHED:
            raise Refusal({"": "Switch months to the new export first."})
        migration.retire_old(found)
    return found


def abandon(connection: Connection) -> None:
    """Give the migration up and forget what was imported for it. Raises Refusal."""
    with transaction.atomic():
        found = _locked(connection)
        if found.state != State.COMPARING:
            raise Refusal({"": "Months count from the new export already: undo the switch first."})
        migration.drop_new(found)
        pointed = BillingMonth.objects.filter(delivery__export=found.new).values("delivery")
        unused = Delivery.objects.filter(export=found.new, state=DeliveryState.LOADED)
        unused.exclude(pk__in=pointed).update(state=DeliveryState.DROPPED)
    cleanup.remove_strays()


def _locked(connection: Connection) -> Migration:
    """Return the migration, alone: no import points a month meanwhile."""
    Connection.objects.select_for_update().get(pk=connection.pk)
    found = migration_of(connection)
    if found is None:
        raise Refusal({"": "No export of this connection is taking another's place."})
    return found


def last_problem(found: Migration) -> RunFailure | None:
    """Return why the last look at the new export failed, None when it did not."""
    look = ImportRun.objects.filter(export=found.new, billing_period=None).first()
    if look is None or not look.error_message:
        return None
    return RunFailure(ErrorClass(look.error_class), look.error_message, look.error_hint)
