"""The dimensions that an organization derives, by name. Reads only."""

from collections.abc import Callable, Mapping

from billing.allocation.derivation import Allocation, allocation_of
from billing.allocation.splitting import with_parts
from billing.cost_query import CostQuery
from billing.counted import Counted
from billing.derivation import Derivation, LookUp
from billing.dimensions import ACCOUNT, COST_CENTER, ORGANIZATIONAL_UNIT, Dimension, Source
from connections.models import Account
from organizations.models import Organization


def _organizational_units(organization: Organization) -> Derivation:
    accounts = Account.objects.of(organization).exclude(organizational_unit="")
    return LookUp(ACCOUNT, dict(accounts.values_list("account_id", "organizational_unit")))


# Each reads the organization's mapping in a constant number of database queries.
_MAKERS: Mapping[str, Callable[[Organization], Derivation]] = {
    ORGANIZATIONAL_UNIT: _organizational_units,
    COST_CENTER: allocation_of,
}


def derivations(query: CostQuery, what: Counted, currency: str | None) -> dict[str, Derivation]:
    """Return the derivation of each derived dimension that the query needs, and of their inputs.

    `what` must hold the deliveries that are read, for the parts by which costs are split.
    """
    found: dict[str, Derivation] = {}
    waiting = [*query.group_by, *(one.dimension for one in query.filters)]
    while waiting:
        name = waiting.pop()
        if name in found or Dimension.named(name).source is not Source.DERIVED:
            continue
        made = _MAKERS[name](what.organization)
        if isinstance(made, Allocation) and currency is not None:
            made = with_parts(made, query, what, currency)
        found[name] = made
        waiting += made.inputs
    return found
