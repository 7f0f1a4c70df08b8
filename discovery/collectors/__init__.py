"""The families of resources that are discovered, each a module of its own."""

from collections.abc import Iterable

from discovery.collectors.base import Call, Collector
from discovery.collectors.classic_load_balancers import CLASSIC_LOAD_BALANCERS
from discovery.collectors.ebs_volumes import EBS_VOLUMES
from discovery.collectors.ec2_instances import EC2_INSTANCES
from discovery.collectors.load_balancers import LOAD_BALANCERS
from discovery.collectors.s3_buckets import S3_BUCKETS

# Families with many resources come first: they take longest.
COLLECTORS: tuple[Collector, ...] = (
    S3_BUCKETS,
    EC2_INSTANCES,
    EBS_VOLUMES,
    LOAD_BALANCERS,
    CLASSIC_LOAD_BALANCERS,
)
LABELS = {collector.family: collector.label for collector in COLLECTORS}


def calls_of(collectors: Iterable[Collector]) -> list[Call]:
    """Return every call that these collectors make, each IAM action once, in order."""
    by_action: dict[str, Call] = {}
    for collector in collectors:
        for call in collector.calls:
            by_action.setdefault(call.action, call)
    return list(by_action.values())
