"""The families of resources that are discovered, each a module of its own."""

from discovery.collectors.base import Collector
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
LABELS = {"regions": "Enabled regions"} | {one.family: one.label for one in COLLECTORS}
