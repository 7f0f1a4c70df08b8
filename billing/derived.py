"""The dimensions that an organization derives, by name. Reads only."""

from collections.abc import Callable, Mapping

from billing.cost_query import CostQuery
from billing.derivation import Derivation, LookUp
from billing.dimensions import ACCOUNT, ORGANIZATIONAL_UNIT, Dimension, Source
from connections.models import Account
from organizations.models import Organization


def _organizational_units(organization: Organization) -> Derivation:
    accounts = Account.objects.of(organization).exclude(organizational_unit="")
    return LookUp(ACCOUNT, dict(accounts.values_list("account_id", "organizational_unit")))


# Each reads the organization's mapping in a constant number of database queries.
_MAKERS: Mapping[str, Callable[[Organization], Derivation]] = {
    ORGANIZATIONAL_UNIT: _organizational_units,
}


def derivations(organization: Organization, query: CostQuery) -> dict[str, Derivation]:
    """Return the derivation of each derived dimension that the query needs, and of their inputs."""
    found: dict[str, Derivation] = {}
    waiting = [*query.group_by, *(one.dimension for one in query.filters)]
    while waiting:
        name = waiting.pop()
        if name in found or Dimension.named(name).source is not Source.DERIVED:
            continue
        found[name] = _MAKERS[name](organization)
        waiting += found[name].inputs
    return found
