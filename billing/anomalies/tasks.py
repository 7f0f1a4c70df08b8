"""Background work on anomalies."""

from celery import shared_task

from billing.anomalies import services
from connections.models import Connection
from organizations.models import Organization


@shared_task(name="billing.find_anomalies")
def find_anomalies(organization_id: int) -> None:
    """Look for anomalies in the costs of an organization, if they changed."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is not None:
        services.look(organization)


@shared_task(name="billing.find_all_anomalies")
def find_all_anomalies() -> None:
    """Have every organization looked at: its bills, accounts or the day may have changed."""
    organizations = Connection.objects.connected().order_by().values_list("organization", flat=True)
    for pk in organizations.distinct():
        find_anomalies.delay(pk)
