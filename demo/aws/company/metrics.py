"""What CloudWatch says of the company's last two weeks: how busy each thing was on each day."""

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from demo.aws.company import cast
from demo.aws.company.resources import Made

DAYS = 15
_NAMESPACES = {
    "classic": "AWS/ELB",
    "application": "AWS/ApplicationELB",
    "network": "AWS/NetworkELB",
}
# (metric, what a busy day comes to)
_OF_BALANCER = {
    "classic": (("RequestCount", 40_000.0),),
    "application": (("RequestCount", 900_000.0),),
    "network": (("ProcessedBytes", 6e9), ("NewFlowCount", 120_000.0)),
}
_GB = 1024**3
_OBJECT = 1_500_000  # bytes on average
Datum = tuple[str, str, dict[str, str], float]  # namespace, metric, dimensions, value


def measure(made: list[Made], today: dt.date) -> None:
    """Give CloudWatch a value at noon of each of the last days, through yesterday."""
    for number in range(1, DAYS + 1):
        day = today - dt.timedelta(days=number)
        noon = dt.datetime.combine(day, dt.time(12))
        for resource in made:
            backend = cloudwatch_backends[resource.account][resource.region]
            for namespace, metric, dimensions, value in _day(resource, day):
                backend.put_metric_data(namespace, [_datum(metric, dimensions, value, noon)])


def _datum(
    metric: str, dimensions: dict[str, str], value: float, at: dt.datetime
) -> dict[str, Any]:
    named = [{"Name": name, "Value": text} for name, text in dimensions.items()]
    return {"MetricName": metric, "Dimensions": named, "Timestamp": at, "Value": value}


def _day(resource: Made, day: dt.date) -> Iterator[Datum]:
    level = random.Random(f"{resource.line_item_id}|{day}").uniform(0.8, 1.2)
    if resource.kind == "instance" and resource.hours:
        yield from _of_instance(resource, level)
    elif resource.kind == "volume" and resource.is_used:
        where = {"VolumeId": resource.line_item_id}
        yield "AWS/EBS", "VolumeReadBytes", where, 4e9 * level
    elif resource.kind == "balancer":
        yield from _of_balancer(resource, level)
    elif resource.kind == "bucket":
        size = float(resource.size) * _GB
        where = {"BucketName": resource.line_item_id}
        yield "AWS/S3", "BucketSizeBytes", {**where, "StorageType": "StandardStorage"}, size
        count = float(int(size / _OBJECT))
        yield "AWS/S3", "NumberOfObjects", {**where, "StorageType": "AllStorageTypes"}, count


def _of_instance(resource: Made, level: float) -> Iterator[Datum]:
    where = {"InstanceId": resource.line_item_id}
    is_idle = resource.name in cast.IDLE_SERVERS
    yield "AWS/EC2", "CPUUtilization", where, (0.9 if is_idle else 34.0) * level
    for metric in ("NetworkIn", "NetworkOut"):
        yield "AWS/EC2", metric, where, (3e6 if is_idle else 9e9) * level


def _of_balancer(resource: Made, level: float) -> Iterator[Datum]:
    name = resource.line_item_id.partition(":loadbalancer/")[2]
    parts = name.split("/")
    if (parts[1] if len(parts) > 1 else name) in cast.IDLE_BALANCERS:
        return
    where = {"LoadBalancerName" if resource.size == "classic" else "LoadBalancer": name}
    for metric, busy in _OF_BALANCER[resource.size]:
        yield _NAMESPACES[resource.size], metric, where, busy * level
