"""Measures how much resources are used. The only writer of their figures."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing

from django.utils import timezone

from connections.aws.session import AwsSession
from discovery.metrics.collector import FAMILY, Series, collector_of, window
from discovery.metrics.wanted import MEASURED_TYPES, Wanted, wanted_of
from discovery.models import DiscoveryRun, DiscoveryScope, Resource, ResourceMetrics
from discovery.outcome import Outcome
from discovery.reconcile import reconcile
from discovery.survey import Survey
from organizations.upsert import upsert

_BATCH = 1000


def measure(
    run: DiscoveryRun, session: AwsSession, regions: Collection[str], outcome: Outcome
) -> None:
    """Ask for the figures of every region that was not asked today.

    A region that refuses hurts nothing else: it is said on the run.
    """
    wanted = _wanted(run, set(regions) - _measured_today(run))
    told: dict[str, Series] = {}
    connection = run.connection
    survey = Survey(session, account_id=connection.account_id, partition=connection.partition)
    with closing(survey.answers([collector_of(wanted, told)], sorted(wanted))) as batches:
        for answers in batches:
            for answer in answers:
                series = told.get(answer.region, {})
                answer.measured = len({pk for pk, _ in series})
                if answer.is_complete:
                    _write(wanted[answer.region], series)
            outcome.add(answers, reconcile(run, answers))


def _measured_today(run: DiscoveryRun) -> set[str]:
    today = window(timezone.now())[1]
    scopes = DiscoveryScope.objects.filter(
        connection=run.connection_id, family=FAMILY, last_complete_at__gte=today
    )
    return set(scopes.values_list("region", flat=True))


def _wanted(run: DiscoveryRun, regions: Collection[str]) -> Mapping[str, Sequence[Wanted]]:
    """Return what to ask for in each of these regions that has something to measure."""
    rows = Resource.objects.of(run.connection.organization_id).filter(
        account_id=run.connection.account_id,
        region__in=regions,
        type__in=MEASURED_TYPES,
        gone_at=None,
    )
    wanted: defaultdict[str, list[Wanted]] = defaultdict(list)
    fields = ("region", "pk", "type", "resource_id", "state", "attributes")
    for region, *about in rows.order_by("pk").values_list(*fields).iterator(chunk_size=_BATCH):
        wanted[region] += wanted_of(*about)
    return wanted


def _write(wanted: Sequence[Wanted], series: Series) -> None:
    """Keep a region's figures, one row for each resource."""
    now = timezone.now()
    values: defaultdict[int, dict[str, list[float | None]]] = defaultdict(dict)
    for one in wanted:
        days = series.get((one.resource, one.name), [])
        values[one.resource][one.name] = days if days.count(None) < len(days) else []
    first_day = window(now)[0].date()
    rows = [
        {"resource_id": pk, "first_day": first_day, "values": figures, "measured_at": now}
        for pk, figures in values.items()
    ]
    upsert(
        ResourceMetrics,
        rows,
        unique=("resource_id",),
        update=("first_day", "values", "measured_at"),
    )
