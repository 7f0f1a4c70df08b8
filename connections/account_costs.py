"""The seam at which members meet their costs: connections asks, billing answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connections.models import Connection


@dataclass(frozen=True)
class AccountCost:
    """What an account cost in a month, unblended. `month` is the month's first day."""

    month: date
    amount: Decimal
    currency: str


# Of a payer's connection: {account id: what it cost in the last month, one for each currency}.
AccountCosts = Callable[[Connection], Mapping[str, Sequence[AccountCost]]]

_provider: AccountCosts | None = None


def register(provider: AccountCosts) -> None:
    """Name the function that answers. Called from billing's AppConfig.ready()."""
    global _provider  # noqa: PLW0603 - one provider for the process, set once at start
    _provider = provider


def last_month_costs(payer: Connection) -> Mapping[str, Sequence[AccountCost]]:
    """Return what each account in a payer's bill cost in its last whole month there.

    An account that is in this month's bill alone is answered with this month. Connected or not.
    """
    if _provider is None:
        raise RuntimeError("No app registered the costs of accounts.")
    return _provider(payer)
