"""Asks CloudWatch in one region: 500 metrics a call, every day of the window at once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.utils import timezone

from connections.aws.session import AwsClient
from discovery.collectors import LABELS
from discovery.collectors.base import Call, Collector, Found, Place
from discovery.metrics.wanted import DAYS, Wanted

FAMILY = "metrics"
PER_CALL = 500
# (resource, name) -> a figure for each day, None where CloudWatch has none
Series = dict[tuple[int, str], list[float | None]]


def window(now: datetime) -> tuple[datetime, datetime]:
    """Return the first moment of the first day, and that of today: whole days only."""
    end = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    return end - timedelta(days=DAYS), end


def _probe(client: AwsClient) -> dict[str, Any]:
    start, end = window(timezone.now())
    nobodys = Wanted(0, "", "AWS/EC2", "CPUUtilization", "Average", (("InstanceId", "i-0"),))
    return {"MetricDataQueries": [nobodys.query(0)], "StartTime": start, "EndTime": end}


GET_METRIC_DATA = Call(
    "cloudwatch", "get_metric_data", "See how much instances and load balancers are used", _probe
)


def collector_of(wanted: Mapping[str, Sequence[Wanted]], told: dict[str, Series]) -> Collector:
    """Return what asks for these metrics by region, and puts what it is told into `told`.

    Figures are not resources: it finds none.
    """
    start, end = window(timezone.now())

    def collect(place: Place) -> Iterator[Found]:
        series: Series = {}
        asked = wanted[place.region]
        for first in range(0, len(asked), PER_CALL):
            _ask(place.client("cloudwatch"), asked[first : first + PER_CALL], start, end, series)
        told[place.region] = series
        return iter(())

    return Collector(FAMILY, LABELS[FAMILY], types=(), calls=(GET_METRIC_DATA,), collect=collect)


def _ask(
    client: AwsClient, batch: Sequence[Wanted], start: datetime, end: datetime, series: Series
) -> None:
    queries = [one.query(number) for number, one in enumerate(batch)]
    results = client.pages(
        "get_metric_data",
        "MetricDataResults",
        MetricDataQueries=queries,
        StartTime=start,
        EndTime=end,
    )
    # An answer that has many points comes in parts, each with the id of its query.
    for result in results:
        one = batch[int(result["Id"][1:])]
        days = series.setdefault((one.resource, one.name), [None] * DAYS)
        for at, value in zip(result["Timestamps"], result["Values"], strict=True):
            number = (at - start).days
            if 0 <= number < DAYS:
                days[number] = (days[number] or 0.0) + value
