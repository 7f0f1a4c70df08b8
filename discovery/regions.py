"""Which regions of an account are searched."""

from connections.aws.session import AwsSession
from discovery.collectors.base import Call

DESCRIBE_REGIONS = Call("ec2", "describe_regions", "See which regions are enabled", probe={})

# Where a partition's account-wide services answer.
_HOME_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
_OFF = "not-opted-in"


def home_region(partition: str) -> str:
    """Return the region that answers for a whole account of this partition."""
    return _HOME_REGIONS[partition]


def enabled_regions(session: AwsSession, partition: str) -> list[str]:
    """Return the regions that are enabled for the account, sorted. Raises AwsFailure.

    Nothing can run in the others, and every call there is refused.
    """
    client = session.client("ec2", home_region(partition))
    regions = client.call("describe_regions")["Regions"]
    return sorted(one["RegionName"] for one in regions if one.get("OptInStatus") != _OFF)
