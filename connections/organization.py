"""What operators see of a payer's AWS organization: each member, whether connected, its cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from connections.account_costs import AccountCost, last_month_costs
from connections.member_connecting import members_of
from connections.models import Account, Connection, MemberListing
from organizations.runs import ACTIVE_STATES


@dataclass(frozen=True)
class MemberLine:
    """A member: as AWS Organizations or the bill names it, its connection, what it cost last."""

    account: Account
    connection: Connection | None
    costs: Sequence[AccountCost]

    @property
    def is_connected(self) -> bool:
        """Whether its costs count now."""
        return self.connection is not None

    @property
    def can_connect(self) -> bool:
        """Whether connecting it changes something: it is not connected, or for costs only."""
        return self.connection is None or self.connection.is_costs_only


@dataclass(frozen=True)
class OrganizationView:
    """An organization as the portal knows it.

    listing    the last look that ended, None before the first; it may have failed
    under_way  the look under way
    """

    payer: Connection
    members: list[MemberLine]
    listing: MemberListing | None
    under_way: MemberListing | None

    @property
    def left_out(self) -> list[MemberLine]:
        """Return the members whose costs are in no total."""
        return [one for one in self.members if not one.is_connected]


def organization_of(payer: Connection) -> OrganizationView:
    """Return the organization of a payer's connection; members by unit and name."""
    connected = {
        one.account_id: one
        for one in Connection.objects.of(payer.organization_id)
        .connected()
        .defer("secret_access_key")
    }
    costs = last_month_costs(payer)
    lines = [
        MemberLine(one, connected.get(one.account_id), costs.get(one.account_id, ()))
        for one in members_of(payer)
    ]
    looks = MemberListing.objects.filter(connection=payer)
    return OrganizationView(
        payer,
        sorted(lines, key=_place),
        looks.exclude(state__in=ACTIVE_STATES).first(),
        looks.filter(state__in=ACTIVE_STATES).first(),
    )


def _place(line: MemberLine) -> tuple[str, str, str]:
    one = line.account
    return (one.organizational_unit.lower(), one.name.lower(), one.account_id)
