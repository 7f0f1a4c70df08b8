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
    """Look at every organization whose bills, accounts or day changed."""
    connected = Connection.objects.connected().values("organization")
    for organization in Organization.objects.filter(pk__in=connected):
        services.look(organization)
