"""Findings: what should be looked at, each rule a module of its own."""

from discovery.findings.base import Rule
from discovery.findings.free_addresses import FREE_ADDRESSES
from discovery.findings.idle_instances import IDLE_INSTANCES
from discovery.findings.idle_load_balancers import IDLE_LOAD_BALANCERS
from discovery.findings.old_snapshots import OLD_SNAPSHOTS
from discovery.findings.open_security_groups import OPEN_SECURITY_GROUPS
from discovery.findings.public_buckets import PUBLIC_BUCKETS
from discovery.findings.stopped_instances import STOPPED_INSTANCES
from discovery.findings.unattached_volumes import UNATTACHED_VOLUMES
from discovery.findings.unused_keys import UNUSED_KEYS
from discovery.findings.unused_users import UNUSED_USERS

RULES: tuple[Rule, ...] = (
    UNATTACHED_VOLUMES,
    FREE_ADDRESSES,
    IDLE_LOAD_BALANCERS,
    IDLE_INSTANCES,
    STOPPED_INSTANCES,
    OLD_SNAPSHOTS,
    PUBLIC_BUCKETS,
    OPEN_SECURITY_GROUPS,
    UNUSED_USERS,
    UNUSED_KEYS,
)
BY_NAME = {rule.name: rule for rule in RULES}
