"""Why something on the bill is not among the resources. Nothing here writes."""

from connections.models import Connection
from connections.resource_costs import BilledResource
from discovery.collectors.base import GLOBAL
from discovery.models import DiscoveryScope, NotFoundReason
from organizations.models import Organization

# How the bill names what discovery looks for: the start of the normalised id, and the family.
_FAMILIES = {
    "i-": "ec2_instances",
    "vol-": "ebs_volumes",
    "snap-": "ebs_snapshots",
    "ami-": "ec2_images",
    "eipalloc-": "elastic_ips",
    "eni-": "network_interfaces",
    "nat-": "nat_gateways",
    "sg-": "security_groups",
    "app/": "load_balancers",
    "net/": "load_balancers",
    "gwy/": "load_balancers",
}
_BUCKETS = "s3_buckets"
_S3 = "AmazonS3"
_CLASSIC = ":loadbalancer/"


class Reasons:
    """Tells why, for one organization; reads what its discoveries have seen once."""

    def __init__(self, organization: Organization) -> None:
        connected = Connection.objects.of(organization).connected()
        self._accounts = {one.pk: one.account_id for one in connected}
        # Scopes that have ever answered completely: what is not known from there is not there.
        scopes = DiscoveryScope.objects.of(organization).filter(connection__in=self._accounts)
        self._seen = {
            (self._accounts[connection], family, region)
            for connection, family, region in scopes.filter(
                last_complete_at__isnull=False
            ).values_list("connection", "family", "region")
        }
        self._discovered = {account for account, _, _ in self._seen}

    def why(self, one: BilledResource) -> NotFoundReason:
        """Return why this one is no known resource."""
        if not one.key.id:
            return NotFoundReason.NO_ID
        family = family_of(one.service, one.key.id)
        if not family:
            return NotFoundReason.NOT_COLLECTED
        if one.key.account_id not in self._discovered:
            return NotFoundReason.ACCOUNT
        places = (one.region, GLOBAL) if one.region else (GLOBAL, *self._regions(family))
        if not any((one.key.account_id, family, place) in self._seen for place in places):
            return NotFoundReason.REGION
        return NotFoundReason.NOT_THERE

    def _regions(self, family: str) -> set[str]:
        return {region for _, one, region in self._seen if one == family}


def family_of(service: str, resource_id: str) -> str:
    """Return the family that would find what a bill names so, "" where none looks for it.

    >>> family_of("AmazonEC2", "vol-1"), family_of("AmazonRDS", "arn:aws:rds:eu-west-1:1:db:x")
    ('ebs_volumes', '')
    """
    if service == _S3 and ":" not in resource_id:
        return _BUCKETS
    if resource_id.startswith("arn:") and _CLASSIC in resource_id:
        return "classic_load_balancers"
    return next((name for start, name in _FAMILIES.items() if resource_id.startswith(start)), "")
