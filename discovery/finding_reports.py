"""Reading findings. Nothing here writes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Count, Sum

from connections.models import Connection
from connections.resource_costs import exact_sum
from discovery.filters import FilterError, account_error, one_of, region_error
from discovery.findings import BY_NAME, RULES
from discovery.findings.base import Kind, Rule
from discovery.models import Finding
from organizations.models import Organization

PARAMETERS = frozenset({"rule", "kind", "account", "region", "state"})


class Standing(StrEnum):
    """What became of findings."""

    OPEN = "open"
    DISMISSED = "dismissed"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True)
class FindingFilters:
    """What is asked for. Several values of one kind mean any of them."""

    rules: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    standing: Standing = Standing.OPEN

    @classmethod
    def from_query(cls, query: Any) -> "FindingFilters":
        """Read a QueryDict. An empty value means any. Raises FilterError."""
        given = {name: tuple(one for one in query.getlist(name) if one) for name in PARAMETERS}
        errors: dict[str, list[str]] = {}
        for name, values in given.items():
            if said := [told for value in values if (told := _CHECKS[name](value))]:
                errors[name] = said
        if errors:
            raise FilterError(errors)
        return cls(
            rules=given["rule"],
            kinds=given["kind"],
            accounts=given["account"],
            regions=given["region"],
            standing=Standing((given["state"] or (Standing.OPEN,))[-1]),
        )


@dataclass(frozen=True)
class RuleTotal:
    """What one rule found: how many, and what they cost by currency."""

    rule: Rule
    count: int
    costs: Mapping[str, Decimal]


def finding_list(organization: Organization, filters: FindingFilters) -> Any:
    """Return the findings in connected accounts, what costs most first, as a queryset."""
    connected = Connection.objects.of(organization).connected().values("account_id")
    findings = Finding.objects.of(organization).filter(
        resource__account_id__in=connected, rule__in=BY_NAME
    )
    findings = _standing(findings, filters.standing)
    wanted = {
        "rule__in": filters.rules,
        "resource__account_id__in": filters.accounts,
        "resource__region__in": filters.regions,
    }
    findings = findings.filter(**{name: values for name, values in wanted.items() if values})
    if filters.kinds:
        findings = findings.filter(
            rule__in=[rule.name for rule in RULES if rule.kind in filters.kinds]
        )
    return findings.select_related("resource")


def _standing(findings: Any, standing: Standing) -> Any:
    if standing is Standing.OPEN:
        return findings.filter(closed_at=None, dismissed_at=None)
    if standing is Standing.DISMISSED:
        return findings.filter(closed_at=None, dismissed_at__isnull=False)
    if standing is Standing.CLOSED:
        return findings.filter(closed_at__isnull=False)
    return findings


def standing_of(finding: Finding) -> Standing:
    """Return what became of a finding."""
    if finding.closed_at is not None:
        return Standing.CLOSED
    return Standing.OPEN if finding.dismissed_at is None else Standing.DISMISSED


def totals(findings: Any) -> list[RuleTotal]:
    """Return what each rule found among these, what costs most first."""
    rows = (
        findings.order_by()
        .values("rule", "currency")
        .annotate(n=Count("pk"), cost=Sum("monthly_cost"))
    )
    counts: dict[str, int] = {}
    costs: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        counts[row["rule"]] = counts.get(row["rule"], 0) + row["n"]
        if row["cost"] is not None:
            costs.setdefault(row["rule"], {})[row["currency"]] = row["cost"]
    found = [
        RuleTotal(rule, counts[rule.name], costs.get(rule.name, {}))
        for rule in RULES
        if rule.name in counts
    ]
    return sorted(found, key=lambda one: -max(one.costs.values(), default=Decimal(-1)))


def costs_by_currency(rules: Iterable[RuleTotal]) -> dict[str, Decimal]:
    """Return what everything costs, by currency."""
    parts: dict[str, list[Decimal]] = {}
    for one in rules:
        for currency, amount in one.costs.items():
            parts.setdefault(currency, []).append(amount)
    return {currency: exact_sum(amounts) for currency, amounts in parts.items()}


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "rule": one_of(BY_NAME, "rule"),
    "kind": one_of(Kind, "kind of finding"),
    "state": one_of(Standing, "state of a finding"),
    "account": account_error,
    "region": region_error,
}
