"""Resources found in the connected accounts, and the runs that find them."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from connections.models import Connection
from organizations.models import Organization
from organizations.runs import ACTIVE_STATES, ErrorClass, Run
from organizations.scoping import ScopedModel


class ResourceType(models.TextChoices):
    """What a resource is. The names of the API."""

    EC2_INSTANCE = "ec2_instance", "EC2 instance"
    EBS_VOLUME = "ebs_volume", "EBS volume"
    EBS_SNAPSHOT = "ebs_snapshot", "EBS snapshot"
    EC2_IMAGE = "ec2_image", "Image (AMI)"
    ELASTIC_IP = "elastic_ip", "Elastic IP"
    NETWORK_INTERFACE = "network_interface", "Network interface"
    NAT_GATEWAY = "nat_gateway", "NAT gateway"
    SECURITY_GROUP = "security_group", "Security group"
    S3_BUCKET = "s3_bucket", "S3 bucket"
    LOAD_BALANCER = "load_balancer", "Load balancer"
    TARGET_GROUP = "target_group", "Target group"
    IAM_USER = "iam_user", "IAM user"
    IAM_ACCESS_KEY = "iam_access_key", "IAM access key"


class Resource(ScopedModel):
    """One thing in one account and region, from its first sight on; never deleted.

    `last_seen` is written when something about the row changes or it goes; while it exists, the
    truth is the last complete answer of its scope (region x family), see `DiscoveryScope`.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="resources"
    )
    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=30)
    type = models.CharField(max_length=30, choices=ResourceType.choices)
    family = models.CharField(max_length=30, help_text="Name of the collector that finds it.")
    resource_id = models.CharField(max_length=512)
    cost_id = models.CharField(max_length=512, help_text="The id by which bills are joined.")
    arn = models.CharField(max_length=2048, blank=True)
    name = models.CharField(max_length=512, blank=True)
    state = models.CharField(
        max_length=50, blank=True, help_text="As AWS says it: running, in-use."
    )
    tags = models.JSONField(default=dict)
    attributes = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, help_text="Hash of what was found.")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["type", "name", "resource_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "account_id", "region", "type", "resource_id"],
                name="resource_once",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "type", "name", "resource_id"]),
            models.Index(fields=["organization", "account_id", "family", "region"]),
            models.Index(fields=["organization", "account_id", "cost_id"]),
            GinIndex(fields=["tags"], name="resource_tags"),
        ]

    def __str__(self) -> str:
        return self.name or self.resource_id


class DiscoveryRun(Run):
    """One discovery of a connection's account."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="discoveries")
    found = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    coverage = models.JSONField(
        default=dict,
        help_text="{family: {region: number found, or the class of the error}}.",
    )

    class Meta(Run.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=ACTIVE_STATES),
                name="one_discovery_at_a_time",
                violation_error_message="A discovery is under way already.",
            ),
        ]

    def __str__(self) -> str:
        return f"Discovery of {self.connection}"


class DiscoveryScope(ScopedModel):
    """How one region answered one family of calls, last and last completely.

    A resource may be called gone only where its own scope answered completely.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="scopes")
    region = models.CharField(max_length=30)
    family = models.CharField(max_length=30)
    run = models.ForeignKey(DiscoveryRun, on_delete=models.CASCADE, related_name="scopes")
    is_complete = models.BooleanField()
    found = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)
    error_class = models.CharField(max_length=10, choices=ErrorClass.choices, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)
    last_complete_at = models.DateTimeField(null=True)

    organization_path: ClassVar[str] = "connection__organization"

    class Meta:
        ordering = ["family", "region"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "region", "family"], name="scope_once"),
        ]

    def __str__(self) -> str:
        return f"{self.family} in {self.region}"
