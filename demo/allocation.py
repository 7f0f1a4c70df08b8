"""The sample company's cost centers, rules and a shared report, made by the product's services."""

import datetime as dt

from billing.allocation.conditions import IS, MATCHES, Condition
from billing.allocation.models import CostCenter, Split
from billing.allocation.services import add_rule, create_center
from billing.saved_reports.services import create
from organizations.models import Organization, User

_CENTERS = (
    ("CC-1001", "Storefront", Split.NONE),
    ("CC-2001", "Platform", Split.PROPORTIONAL),
    ("CC-3001", "Data", Split.NONE),
)
# The tag says it first, in any spelling; what carries none goes by its account.
_RULES = (
    ("CC-1001", Condition("tag:CostCenter", MATCHES, ("cc-1001",))),
    ("CC-2001", Condition("tag:CostCenter", MATCHES, ("cc-2001",))),
    ("CC-3001", Condition("tag:CostCenter", MATCHES, ("cc-3001",))),
    ("CC-3001", Condition("account_name", MATCHES, ("*-data",))),
    ("CC-2001", Condition("service", IS, ("AWSSupportBusiness", "AWSCloudTrail"))),
)


def seed_allocation(organization: Organization) -> None:
    """Create them unless there are cost centers."""
    if CostCenter.objects.of(organization).exists():
        return
    centers = {
        code: create_center(organization, code=code, name=name, split=split)
        for code, name, split in _CENTERS
    }
    for code, condition in _RULES:
        add_rule(organization, center=centers[code], conditions=[condition])
    create(
        organization,
        User.objects.get(username="finance"),
        name="Cost centers, the last six months",
        query="period=last-6-months&granularity=monthly&group_by=cost_center",
        is_shared=True,
        today=dt.datetime.now(dt.UTC).date(),
    )
