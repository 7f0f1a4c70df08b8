"""Background work on cost centers. Tasks carry ids only and may be delivered twice."""

from celery import shared_task

from billing.allocation import sums
from billing.allocation.models import AllocationRule
from billing.models import Delivery
from organizations.models import Organization


@shared_task(name="billing.sum_cost_centers")
def sum_cost_centers(organization_id: int) -> None:
    """Sum an organization's bills by cost center, where that is not done yet."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is not None:
        sums.sum_up(organization)


@shared_task(name="billing.sum_all_cost_centers")
def sum_all_cost_centers() -> None:
    """Have every organization looked at that has rules or had some: names of accounts, on which
    rules may look, change without a word.
    """
    of_rules = AllocationRule.objects.values("organization")
    of_sums = Delivery.objects.exclude(centers_since=None).values(Delivery.organization_path)
    wanted = Organization.objects.filter(pk__in=of_rules) | Organization.objects.filter(
        pk__in=of_sums
    )
    for pk in wanted.values_list("pk", flat=True):
        sum_cost_centers.delay(pk)
