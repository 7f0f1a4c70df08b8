"""The families of resources that are discovered, each a module of its own."""

from discovery.collectors.base import Collector
from discovery.collectors.classic_load_balancers import CLASSIC_LOAD_BALANCERS
from discovery.collectors.ebs_snapshots import EBS_SNAPSHOTS
from discovery.collectors.ebs_volumes import EBS_VOLUMES
from discovery.collectors.ec2_images import EC2_IMAGES
from discovery.collectors.ec2_instances import EC2_INSTANCES
from discovery.collectors.elastic_ips import ELASTIC_IPS
from discovery.collectors.iam_users import IAM_USERS
from discovery.collectors.load_balancers import LOAD_BALANCERS
from discovery.collectors.nat_gateways import NAT_GATEWAYS
from discovery.collectors.network_interfaces import NETWORK_INTERFACES
from discovery.collectors.s3_buckets import S3_BUCKETS
from discovery.collectors.security_groups import SECURITY_GROUPS
from discovery.collectors.target_groups import TARGET_GROUPS

# Families with many resources or many calls come first: they take longest.
COLLECTORS: tuple[Collector, ...] = (
    S3_BUCKETS,
    IAM_USERS,
    EC2_INSTANCES,
    NETWORK_INTERFACES,
    EBS_SNAPSHOTS,
    EBS_VOLUMES,
    SECURITY_GROUPS,
    LOAD_BALANCERS,
    TARGET_GROUPS,
    CLASSIC_LOAD_BALANCERS,
    EC2_IMAGES,
    ELASTIC_IPS,
    NAT_GATEWAYS,
)
LABELS = {"regions": "Enabled regions", "metrics": "Metrics of CloudWatch"} | {
    one.family: one.label for one in COLLECTORS
}
