"""Background work on budgets. Tasks carry ids only and may be delivered twice."""

from celery import shared_task

from billing.budgets import notices, services
from organizations.models import Organization


@shared_task(name="billing.evaluate_budgets")
def evaluate_budgets(organization_id: int) -> None:
    """Look at the budgets of an organization whose costs changed."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is not None:
        services.evaluate_organization(organization)


@shared_task(name="billing.evaluate_all_budgets")
def evaluate_all_budgets() -> None:
    """Send what got lost; have every organization looked at: its bills or the day changed."""
    notices.send_due()
    # A task for each, so that no organization waits for another's trouble.
    organizations = Organization.objects.filter(budgets__is_active=True).distinct()
    for pk in organizations.values_list("pk", flat=True):
        evaluate_budgets.delay(pk)


@shared_task(name="billing.send_budget_notice")
def send_notice(notice_id: int) -> None:
    """Send one letter or webhook."""
    notices.send(notice_id)
