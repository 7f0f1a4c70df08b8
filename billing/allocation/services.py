"""Writes on cost centers and allocation rules.

Rules say how costs are looked at, not what was billed: a change counts for every month, past ones
too. The audit trail keeps what was before.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from billing import followups
from billing.allocation import conditions as conditions_module
from billing.allocation.conditions import Condition
from billing.allocation.models import AllocationRule, CostCenter, FixedShare, Split
from organizations.audit import record
from organizations.models import Organization

MAX_CENTERS = 500
MAX_RULES = 200
Shares = Sequence[tuple[CostCenter, Decimal]]


@transaction.atomic
def create_center(
    organization: Organization, *, code: str, name: str, split: str, shares: Shares = ()
) -> CostCenter:
    """Create a cost center. Raises ValidationError."""
    _lock(organization)
    if CostCenter.objects.of(organization).count() >= MAX_CENTERS:
        raise ValidationError(f"An organization has at most {MAX_CENTERS} cost centers.")
    center = CostCenter(
        organization=organization, code=code.strip(), name=name.strip(), split=split
    )
    _save(center, shares)
    record(
        "cost_center.created", organization=organization, obj=center, changes=_center_state(center)
    )
    return center


@transaction.atomic
def change_center(center: CostCenter, *, name: str, split: str, shares: Shares = ()) -> CostCenter:
    """Rename a center, or split its costs otherwise. Its code stays: addresses and files name it.

    Raises ValidationError.
    """
    _lock(center.organization)
    before = _center_state(center)
    center.name, center.split = name.strip(), split
    _save(center, shares)
    record(
        "cost_center.changed",
        organization=center.organization,
        obj=center,
        changes={"before": before, "after": _center_state(center)},
    )
    return center


@transaction.atomic
def delete_center(center: CostCenter) -> None:
    """Delete a center. Raises ValidationError while rules or shares name it."""
    _lock(center.organization)
    state = _center_state(center)
    try:
        record("cost_center.deleted", organization=center.organization, obj=center, changes=state)
        center.delete()
    except ProtectedError:
        raise ValidationError(
            f"Rules put costs into {center}, or it bears shares of another center. Change those "
            "first."
        ) from None


@transaction.atomic
def add_rule(
    organization: Organization, *, center: CostCenter, conditions: Sequence[Condition]
) -> AllocationRule:
    """Add a rule behind all others. Raises ValidationError."""
    _lock(organization)
    _check_rule(organization, center, conditions)
    last = AllocationRule.objects.of(organization).order_by("position").last()
    if AllocationRule.objects.of(organization).count() >= MAX_RULES:
        raise ValidationError(f"An organization has at most {MAX_RULES} rules.")
    rule: AllocationRule = AllocationRule.objects.create(
        organization=organization,
        position=last.position + 1 if last else 1,
        center=center,
        conditions=[one.stored for one in conditions],
    )
    followups.after_rules(organization.pk)
    record("allocation_rule.created", organization=organization, obj=rule, changes=_state(rule))
    return rule


@transaction.atomic
def change_rule(
    rule: AllocationRule, *, center: CostCenter, conditions: Sequence[Condition]
) -> AllocationRule:
    """Give a rule another center or other conditions. Raises ValidationError."""
    _lock(rule.organization)
    _check_rule(rule.organization, center, conditions)
    before = _state(rule)
    rule.center, rule.conditions = center, [one.stored for one in conditions]
    rule.save(update_fields=["center", "conditions"])
    followups.after_rules(rule.organization_id)
    record(
        "allocation_rule.changed",
        organization=rule.organization,
        obj=rule,
        changes={"before": before, "after": _state(rule)},
    )
    return rule


@transaction.atomic
def delete_rule(rule: AllocationRule) -> None:
    """Delete a rule: later ones, or none, take what it took."""
    _lock(rule.organization)
    record(
        "allocation_rule.deleted", organization=rule.organization, obj=rule, changes=_state(rule)
    )
    rule.delete()
    followups.after_rules(rule.organization_id)


@transaction.atomic
def move_rule(rule: AllocationRule, *, up: bool) -> bool:
    """Change places with the rule before (or after) it; return whether there was one."""
    _lock(rule.organization)
    rule.refresh_from_db()
    others = AllocationRule.objects.of(rule.organization)
    if up:
        other = others.filter(position__lt=rule.position).order_by("-position").first()
    else:
        other = others.filter(position__gt=rule.position).order_by("position").first()
    if other is None:
        return False
    before = rule.position
    rule.position, other.position = other.position, before
    rule.save(update_fields=["position"])
    other.save(update_fields=["position"])
    followups.after_rules(rule.organization_id)
    record(
        "allocation_rule.moved",
        organization=rule.organization,
        obj=rule,
        changes={**_state(rule), "position": [before, rule.position]},
    )
    return True


def check_shares(center: CostCenter, shares: Shares) -> None:
    """Raise ValidationError unless the center's costs can be split so."""
    if center.split != Split.FIXED:
        if shares:
            raise ValidationError({"shares": "Only a center split by fixed shares has shares."})
        return
    total = sum((percent for _, percent in shares), Decimal(0))
    if total != 100:
        raise ValidationError(
            {"shares": f"The shares must make exactly 100 %; these make {total.normalize():f} %."}
        )
    for target, percent in shares:
        if percent <= 0:
            raise ValidationError({"shares": f"The share of {target} must be more than 0 %."})
        if target.organization_id != center.organization_id:
            raise ValidationError({"shares": "There is no such cost center."})
        if target.is_shared or target.pk == center.pk:
            raise ValidationError(
                {"shares": f"{target} is shared itself: costs are split to centers that are not."}
            )


def _save(center: CostCenter, shares: Shares) -> None:
    center.full_clean()
    check_shares(center, shares)
    if center.pk and center.is_shared and center.shares_borne.exists():
        raise ValidationError(
            {"split": "It bears a fixed share of another center's costs: change that one first."}
        )
    center.save()
    center.shares.all().delete()
    for target, percent in shares:
        share = FixedShare(center=center, target=target, percent=percent)
        share.full_clean()
        share.save()


def _check_rule(
    organization: Organization, center: CostCenter, conditions: Sequence[Condition]
) -> None:
    if center.organization_id != organization.pk:
        raise ValidationError({"center": "There is no such cost center."})
    try:
        conditions_module.check(conditions)
    except ValueError as error:
        raise ValidationError({"conditions": str(error)}) from None


def _lock(organization: Organization) -> None:
    """Let one change follow the other: positions and shares are looked at before they are set."""
    Organization.objects.select_for_update().get(pk=organization.pk)


def _state(rule: AllocationRule) -> dict[str, Any]:
    return {"position": rule.position, "center": rule.center.code, "conditions": rule.conditions}


def _center_state(center: CostCenter) -> Mapping[str, Any]:
    shares = center.shares.select_related("target")
    return {
        "code": center.code,
        "name": center.name,
        "split": center.split,
        "shares": {one.target.code: f"{one.percent.normalize():f}" for one in shares},
    }
