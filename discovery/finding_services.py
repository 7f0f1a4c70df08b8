"""Finding and thresholds. The only writer of findings but for dismissals."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from connections.models import Connection
from connections.resource_costs import ResourceCost, ResourceKey, exact_sum, resource_costs
from discovery.findings import RULES
from discovery.findings.base import Hit, Rule, Stock, Undecided
from discovery.models import DiscoveryScope, Finding, FindingThresholds
from organizations.audit import record
from organizations.models import Organization

COST_DAYS = 30
_BATCH = 500
_TOLD = ("evidence", "since", "cost_ids")


def thresholds_of(organization: Organization | int) -> FindingThresholds:
    """Return the organization's thresholds, the defaults where it set none. Not saved."""
    found = FindingThresholds.objects.of(organization).first()
    if found is not None:
        return found
    pk = organization if isinstance(organization, int) else organization.pk
    return FindingThresholds(organization_id=pk)


@transaction.atomic
def set_thresholds(organization: Organization, values: dict[str, Any]) -> FindingThresholds:
    """Set the organization's thresholds and look through everything anew."""
    Organization.objects.select_for_update().get(pk=organization.pk)
    thresholds = thresholds_of(organization)
    before = {name: getattr(thresholds, name) for name in values}
    for name, value in values.items():
        setattr(thresholds, name, value)
    thresholds.save()
    changes = {
        name: [before[name], values[name]] for name in values if before[name] != values[name]
    }
    if changes:
        record("finding_thresholds.changed", organization=organization, changes=changes)
        for connection in Connection.objects.of(organization).connected():
            find(connection)
    return thresholds


@transaction.atomic
def find(connection: Connection) -> None:
    """Bring the findings of an account up to what its resources are now."""
    organization = connection.organization
    # One at a time: a discovery may end while somebody changes the thresholds.
    Connection.objects.select_for_update().get(pk=connection.pk)
    now = timezone.now()
    stock = Stock(organization.pk, connection.account_id, thresholds_of(organization), now)
    for rule in RULES:
        _apply(rule, stock, _can_tell(connection, rule))
    price(organization, account_id=connection.account_id)


def _apply(rule: Rule, stock: Stock, can_tell: Callable[[str], bool]) -> None:
    """Open, keep and close the findings of one rule."""
    open_ones = Finding.objects.of(stock.organization_id).filter(
        rule=rule.name, closed_at=None, resource__account_id=stock.account_id
    )
    known = {one.resource_id: one for one in open_ones.select_related("resource")}
    kept = {pk for pk, one in known.items() if not can_tell(one.resource.region)}
    new: list[Finding] = []
    changed: list[Finding] = []
    for verdict in rule.find(stock):
        pk = verdict.resource.pk
        kept.add(pk)
        if isinstance(verdict, Undecided) or not can_tell(verdict.resource.region):
            continue
        old = known.get(pk)
        if old is None:
            new.append(_opened(rule, verdict, stock))
        elif _differs(old, verdict):
            changed.append(old)
    # What is gone closes its finding, whatever else could be told in its region.
    gone = {pk for pk, one in known.items() if one.resource.gone_at is not None}
    closed = [one.pk for pk, one in known.items() if pk in gone or pk not in kept]
    Finding.objects.bulk_create(new, batch_size=_BATCH)
    Finding.objects.bulk_update(changed, _TOLD, batch_size=_BATCH)
    Finding.objects.filter(pk__in=closed).update(closed_at=stock.now)


def _opened(rule: Rule, hit: Hit, stock: Stock) -> Finding:
    return Finding(
        organization_id=stock.organization_id,
        resource_id=hit.resource.pk,
        rule=rule.name,
        evidence=hit.evidence,
        since=hit.since or stock.now,
        found_at=stock.now,
        cost_ids=list(hit.cost_ids),
    )


def _differs(old: Finding, hit: Hit) -> bool:
    """Bring an open finding up to date; say whether that changed anything."""
    told = (hit.evidence, hit.since or old.since, list(hit.cost_ids))
    before = tuple(getattr(old, name) for name in _TOLD)
    for name, value in zip(_TOLD, told, strict=True):
        setattr(old, name, value)
    return before != told


def _can_tell(connection: Connection, rule: Rule) -> Callable[[str], bool]:
    """Return whether a rule can tell in a region: every family it needs answered completely."""
    scopes = DiscoveryScope.objects.filter(
        connection=connection, family__in=rule.needs, is_complete=True
    )
    complete = set(scopes.values_list("family", "region"))
    return lambda region: all((family, region) in complete for family in rule.needs)


def price(organization: Organization, *, account_id: str | None = None) -> None:
    """Write what the open findings cost, from the bill of the last 30 days."""
    open_ones = Finding.objects.of(organization).filter(closed_at=None).exclude(cost_ids=[])
    if account_id is not None:
        open_ones = open_ones.filter(resource__account_id=account_id)
    findings = list(open_ones.select_related("resource"))
    keys = {key for one in findings for key in _keys(one)}
    start, end = priced_days(timezone.now().date())
    costs = resource_costs(organization, start=start, end=end, keys=keys) if keys else {}
    changed = []
    for one in findings:
        found = [costs[key] for key in _keys(one) if key in costs]
        amount, currency = _sum(found)
        if (one.monthly_cost, one.currency) != (amount, currency):
            one.monthly_cost, one.currency = amount, currency
            changed.append(one)
    Finding.objects.bulk_update(changed, ["monthly_cost", "currency"], batch_size=_BATCH)


def priced_days(today: date) -> tuple[date, date]:
    """Return the days start <= day < end that money a month is taken from."""
    return today - timedelta(days=COST_DAYS), today


def _keys(finding: Finding) -> list[ResourceKey]:
    return [ResourceKey(finding.resource.account_id, one) for one in finding.cost_ids]


def _sum(costs: Sequence[ResourceCost]) -> tuple[Decimal | None, str]:
    """Return the sum; an account is billed in one currency, others are never added to it."""
    if not costs:
        return None, ""
    currency = costs[0].currency
    return exact_sum(one.amount for one in costs if one.currency == currency), currency
