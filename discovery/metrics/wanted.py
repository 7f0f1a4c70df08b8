"""Which figures are asked for: the metrics of each type of resource, by day.

CloudWatch charges for every metric that is asked for. So few are, each for all days in one query.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from discovery.models import ResourceType

DAYS = 14
_STORAGE_TYPES = (
    "StandardStorage",
    "StandardIAStorage",
    "OneZoneIAStorage",
    "IntelligentTieringFAStorage",
    "IntelligentTieringIAStorage",
    "GlacierInstantRetrievalStorage",
    "GlacierStorage",
    "DeepArchiveStorage",
)


@dataclass(frozen=True)
class Figure:
    """What one figure is: its label, and its unit ("%", "bytes", "" for a number)."""

    label: str
    unit: str = ""


# By the names under which they are kept.
CPU, NETWORK_IN, NETWORK_OUT = "cpu", "network_in", "network_out"
REQUESTS, PROCESSED, FLOWS = "requests", "processed_bytes", "new_flows"
SIZE, OBJECTS = "size", "objects"
ATTACHED = "attached"
FIGURES = {
    CPU: Figure("CPU, average of the day", "%"),
    NETWORK_IN: Figure("Network in", "bytes"),
    NETWORK_OUT: Figure("Network out", "bytes"),
    REQUESTS: Figure("Requests"),
    PROCESSED: Figure("Processed data", "bytes"),
    FLOWS: Figure("New connections"),
    SIZE: Figure("Size", "bytes"),
    OBJECTS: Figure("Objects"),
    ATTACHED: Figure("Times measured while attached"),
}
# Figures for which CloudWatch reports nothing when there was nothing.
ZERO_WHEN_ABSENT = frozenset({REQUESTS, PROCESSED, FLOWS, ATTACHED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """One metric of one resource. Several of one `name` add up (a bucket's storage classes)."""

    resource: int
    name: str
    namespace: str
    metric: str
    stat: str
    dimensions: tuple[tuple[str, str], ...]

    def query(self, number: int) -> dict[str, Any]:
        """Return it as GetMetricData asks."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        metric = {
            "Namespace": self.namespace,
            "MetricName": self.metric,
            "Dimensions": dimensions,
        }
        stat = {"Metric": metric, "Period": 86400, "Stat": self.stat}
        return {"Id": f"m{number}", "MetricStat": stat}


MEASURED_TYPES = (
    ResourceType.EC2_INSTANCE,
    ResourceType.EBS_VOLUME,
    ResourceType.LOAD_BALANCER,
    ResourceType.S3_BUCKET,
)


def wanted_of(
    pk: int, kind: str, resource_id: str, state: str, attributes: Mapping[str, Any]
) -> Iterator[Wanted]:
    """Yield what is asked for about one resource.

    Of volumes only those that are free are: CloudWatch hears of a volume while it is attached, so
    its silence tells since when nothing uses it.
    """
    if kind == ResourceType.EBS_VOLUME and state == "available":
        where = (("VolumeId", resource_id),)
        yield Wanted(pk, ATTACHED, "AWS/EBS", "VolumeReadBytes", "SampleCount", where)
    elif kind == ResourceType.EC2_INSTANCE:
        by_id = (("InstanceId", resource_id),)
        yield Wanted(pk, CPU, "AWS/EC2", "CPUUtilization", "Average", by_id)
        yield Wanted(pk, NETWORK_IN, "AWS/EC2", "NetworkIn", "Sum", by_id)
        yield Wanted(pk, NETWORK_OUT, "AWS/EC2", "NetworkOut", "Sum", by_id)
    elif kind == ResourceType.LOAD_BALANCER:
        yield from _of_balancer(pk, resource_id, str(attributes.get("kind", "")))
    elif kind == ResourceType.S3_BUCKET:
        yield from _of_bucket(pk, resource_id)


def _of_bucket(pk: int, name: str) -> Iterator[Wanted]:
    for storage in _STORAGE_TYPES:
        where = (("BucketName", name), ("StorageType", storage))
        yield Wanted(pk, SIZE, "AWS/S3", "BucketSizeBytes", "Average", where)
    where = (("BucketName", name), ("StorageType", "AllStorageTypes"))
    yield Wanted(pk, OBJECTS, "AWS/S3", "NumberOfObjects", "Average", where)


def _of_balancer(pk: int, resource_id: str, kind: str) -> Iterator[Wanted]:
    if kind == "classic":
        where = (("LoadBalancerName", resource_id),)
        yield Wanted(pk, REQUESTS, "AWS/ELB", "RequestCount", "Sum", where)
        yield Wanted(pk, PROCESSED, "AWS/ELB", "EstimatedProcessedBytes", "Sum", where)
        return
    where = (("LoadBalancer", resource_id),)
    if kind == "application":
        yield Wanted(pk, REQUESTS, "AWS/ApplicationELB", "RequestCount", "Sum", where)
        return
    namespace = "AWS/GatewayELB" if kind == "gateway" else "AWS/NetworkELB"
    yield Wanted(pk, PROCESSED, namespace, "ProcessedBytes", "Sum", where)
    yield Wanted(pk, FLOWS, namespace, "NewFlowCount", "Sum", where)
