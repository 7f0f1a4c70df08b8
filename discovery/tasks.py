"""Background tasks of discovery. They carry ids only; everything else is in the run's row."""

import logging
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from connections.models import Connection
from discovery import services
from discovery.models import DiscoveryRun
from organizations.models import Organization
from organizations.runs import RunFailure, RunState, Trigger, may_retry

logger = logging.getLogger(__name__)

# Longer than a busy worker leaves a run waiting, shorter than people do.
_UNSENT_AFTER = timedelta(minutes=10)
_RETRY_SECONDS = 60


@shared_task(name="discovery.discover")
def discover(run_id: int) -> None:
    """Do a queued run; try it again later when its failure may pass."""
    run = DiscoveryRun.objects.select_related("connection__organization").filter(pk=run_id).first()
    if run is None:
        return
    services.run_discovery(run)
    if run.is_ours:
        _try_again(run)


@shared_task(name="discovery.discover_connection")
def discover_connection(connection_id: int) -> None:
    """Start the scheduled discovery of a connection, unless one is under way."""
    connection = Connection.objects.active().filter(pk=connection_id).first()
    if connection is not None:
        _start(connection, Trigger.SCHEDULE)


@shared_task(name="discovery.watch")
def watch() -> None:
    """End runs whose worker is gone, and send the tasks of runs that no worker ever saw."""
    for run in services.end_stale():
        _try_again(run)
    limit = timezone.now() - _UNSENT_AFTER
    for run in DiscoveryRun.objects.filter(state=RunState.QUEUED, queued_at__lt=limit):
        services.send(run)


@shared_task(name="discovery.refresh_costs")
def refresh_costs(organization_id: int) -> None:
    """Bring what resources cost, and the money of findings, up to the bills."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is not None:
        services.refresh_costs(organization)


@shared_task(name="discovery.refresh_all_costs")
def refresh_all_costs() -> None:
    """Do so for everyone: a month may have begun, or an account been connected."""
    for organization in Organization.objects.order_by("pk"):
        services.refresh_costs(organization)


def _try_again(run: DiscoveryRun) -> None:
    if may_retry(run):
        delay = _RETRY_SECONDS * 2 ** (run.attempt - 1)
        _start(run.connection, Trigger.RETRY, attempt=run.attempt + 1, delay=delay)


def _start(connection: Connection, trigger: Trigger, *, attempt: int = 1, delay: int = 0) -> None:
    try:
        services.request_discovery(connection, trigger, attempt=attempt, delay=delay)
    except RunFailure as failure:
        # Under way already, or paused meanwhile: nothing is lost.
        logger.info("%s", failure)
