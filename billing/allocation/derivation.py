"""How an organization's rules derive the cost center of a cost: one CASE, parameters only."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from psycopg import sql

from billing.allocation.conditions import (
    ACCOUNT_NAME,
    IS,
    Condition,
    conditions_of,
)
from billing.allocation.models import AllocationRule, CostCenter, FixedShare, Split
from billing.derivation import Part
from billing.dimensions import ACCOUNT, COST_CENTER
from billing.statement import Statement
from connections.models import Account
from organizations.models import Organization

SUMMED_PREFIX = f"{COST_CENTER}:"


class KnownAccount(NamedTuple):
    """An account as the organization knows it."""

    account_id: str
    name: str
    unit: str


@dataclass(frozen=True)
class Rule:
    """Costs for which all conditions hold belong to the center of this code."""

    conditions: tuple[Condition, ...]
    code: str
    pk: int | None = None


@dataclass(frozen=True)
class Allocation:
    """The rules in their order, and how the costs of shared centers are split.

    bearers       codes of the centers that shared costs can be split to, sorted
    fixed         {code of a shared center: {code: part of 1}}
    proportional  codes of the centers that are split in proportion to the bearers' own costs
    parts         by what parts costs are split: see `billing.allocation.splitting`
    """

    rules: tuple[Rule, ...]
    accounts: tuple[KnownAccount, ...]
    bearers: tuple[str, ...]
    fixed: Mapping[str, Mapping[str, Decimal]]
    proportional: tuple[str, ...]
    parts: tuple[Part, ...] = ()

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Return the dimensions that the rules look at."""
        named = {
            ACCOUNT if one.is_about_accounts else one.on
            for rule in self.rules
            for one in rule.conditions
        }
        return tuple(sorted(named))

    @cached_property
    def summed_as(self) -> str:
        """Return the name of these rules, as what they say of every cost: see `sums`.

        Two allocations of one name put every cost into the same center.
        """
        if not self.rules:
            return ""
        said = self.expression(
            {name: Statement.of("{}", sql.Identifier(name)) for name in self.inputs}
        )
        text = f"{said.text.as_string(None)}{said.params!r}"
        return SUMMED_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:24]

    @property
    def splits(self) -> bool:
        """Say whether any costs are split."""
        return bool(self.fixed or self.proportional)

    @property
    def unsplit(self) -> "Allocation":
        """Return the same rules, with shared centers keeping their costs."""
        return replace(self, fixed={}, proportional=())

    def expression(self, values: Mapping[str, Statement]) -> Statement:
        """Return the code of the first rule that holds, '' where none does."""
        if not self.rules:
            return Statement.of("''::text")
        cases = [
            Statement.of(
                "WHEN {} THEN %s::text",
                Statement.joined(
                    " AND ", [self._condition(one, values) for one in rule.conditions]
                ),
                params=(rule.code,),
            )
            for rule in self.rules
        ]
        return Statement.of("CASE {} ELSE '' END", Statement.joined(" ", cases))

    def _condition(self, one: Condition, values: Mapping[str, Statement]) -> Statement:
        if one.is_about_accounts and not (one.on == ACCOUNT and one.operator == IS):
            return self._of_accounts(one, values[ACCOUNT])
        if one.operator == IS:
            return Statement.of("{} = ANY(%s::text[])", values[one.on], params=(list(one.values),))
        return Statement.of("{} ILIKE ANY(%s::text[])", values[one.on], params=(one.like_patterns,))

    def _of_accounts(self, one: Condition, account: Statement) -> Statement:
        """Return the condition as a list of account ids: what it asks of is not in the bill."""
        if one.on == ACCOUNT:
            return Statement.of("{} ILIKE ANY(%s::text[])", account, params=(one.like_patterns,))
        holds = {
            known.account_id: one.holds_for(known.name if one.on == ACCOUNT_NAME else known.unit)
            for known in self.accounts
        }
        # An account that nobody named yet has the empty name and stands in no unit.
        if one.holds_for(""):
            others = sorted(account_id for account_id, does in holds.items() if not does)
            return Statement.of("{} <> ALL(%s::text[])", account, params=(others,))
        mine = sorted(account_id for account_id, does in holds.items() if does)
        return Statement.of("{} = ANY(%s::text[])", account, params=(mine,))


def allocation_of(organization: Organization) -> Allocation:
    """Return the organization's allocation. Takes four queries."""
    return Allocation(
        rules=tuple(rules_of(organization)),
        accounts=tuple(
            KnownAccount(*row)
            for row in Account.objects.of(organization).values_list(
                "account_id", "name", "organizational_unit"
            )
        ),
        **splits_of(organization),
    )


def rules_of(organization: Organization) -> list[Rule]:
    """Return the rules in their order."""
    rules = AllocationRule.objects.of(organization).select_related("center")
    return [Rule(conditions_of(one.conditions), one.center.code, one.pk) for one in rules]


def splits_of(organization: Organization) -> dict[str, Any]:
    """Return the fields of an Allocation that say how shared centers are split."""
    centers = list(CostCenter.objects.of(organization))
    fixed: dict[str, dict[str, Decimal]] = {}
    for share in FixedShare.objects.of(organization).select_related("center", "target"):
        if share.center.split == Split.FIXED:
            fixed.setdefault(share.center.code, {})[share.target.code] = share.percent / 100
    return {
        "bearers": tuple(sorted(one.code for one in centers if not one.is_shared)),
        "fixed": fixed,
        "proportional": tuple(
            sorted(one.code for one in centers if one.split == Split.PROPORTIONAL)
        ),
    }
