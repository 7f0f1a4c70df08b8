"""Resources found in the connected accounts, and the runs that find them."""

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Lower

from connections.models import Connection
from organizations.dismissal import Dismissible
from organizations.models import Organization
from organizations.runs import ACTIVE_STATES, ErrorClass, Run
from organizations.scoping import ScopedModel


def default_ports() -> list[int]:
    """Return the ports of remote consoles, file shares and databases."""
    return [22, 23, 445, 1433, 1521, 3306, 3389, 5432, 5900, 6379, 9200, 11211, 27017]


def money(**options: Any) -> "models.DecimalField[Any, Any]":
    """Return a field for an exact amount of a bill."""
    return models.DecimalField(max_digits=60, decimal_places=30, **options)


# What a search looks through. The index holds just this expression; nobody searches for line feeds.
SEARCHED = Lower(
    Concat(
        "name",
        Value("\n"),
        "resource_id",
        Value("\n"),
        "arn",
        output_field=models.TextField(),
    )
)


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
            GinIndex(OpClass(SEARCHED, name="gin_trgm_ops"), name="resource_searched"),
        ]

    def __str__(self) -> str:
        return self.name or self.resource_id


class ResourceCost(ScopedModel):
    """What a resource cost in a month, amortized, kept beside it so that lists sort by it.

    This month (so far) and the last one are kept, and brought up to date when bills or resources
    change. Without a row, no bill of the month names the resource.
    """

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="costs")
    month = models.DateField(help_text="First day of the month.")
    amount = money()
    currency = models.CharField(max_length=3)

    organization_path: ClassVar[str] = "resource__organization"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["resource", "month"], name="resource_cost_once"),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id} in {self.month:%Y-%m}"


class ResourceMetrics(ScopedModel):
    """How much a resource was used: daily figures of CloudWatch, as they were told last.

    `values` are {name of discovery.metrics.wanted: [figure of each day from `first_day` on]}, None
    for a day without one, an empty list where CloudWatch knows nothing at all.
    """

    resource = models.OneToOneField(Resource, on_delete=models.CASCADE, related_name="metrics")
    first_day = models.DateField()
    values = models.JSONField(default=dict)
    measured_at = models.DateTimeField()

    organization_path: ClassVar[str] = "resource__organization"

    class Meta:
        verbose_name_plural = "resource metrics"

    def __str__(self) -> str:
        return f"Use of {self.resource_id}"


class NotFoundReason(models.TextChoices):
    """Why what a bill names is not among the resources."""

    NO_ID = "no_id", "The bill names no resource"
    NOT_COLLECTED = "not_collected", "Not collected"
    ACCOUNT = "account", "Account not discovered"
    REGION = "region", "Region not seen"
    NOT_THERE = "not_there", "Not there when looked for"


class NotFoundCost(ScopedModel):
    """What cost money in a month and is no known resource: a sum by service, place and reason."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="not_found_costs"
    )
    month = models.DateField(help_text="First day of the month.")
    account_id = models.CharField(max_length=12)
    region = models.CharField(max_length=100, blank=True, help_text="As the bill says it.")
    service = models.CharField(max_length=200)
    service_name = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=20, choices=NotFoundReason.choices)
    ids = models.PositiveIntegerField(help_text="How many ids the bill names.")
    examples = models.JSONField(
        default=list, help_text="[[id, amount]] of the most expensive ones, as texts."
    )
    amount = money()
    currency = models.CharField(max_length=3)

    class Meta:
        ordering = ["-amount", "pk"]
        indexes = [models.Index(fields=["organization", "month"])]

    def __str__(self) -> str:
        return f"{self.service} in {self.account_id}"


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


class ResourceChange(ScopedModel):
    """What changed about a resource: its state, a tag, its existence. Nothing is written else."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    field = models.CharField(max_length=140, help_text="state, existence, or tag:<key>.")
    before = models.TextField(null=True)  # noqa: DJ001 - a tag may be empty, or not there
    after = models.TextField(null=True)  # noqa: DJ001

    organization_path: ClassVar[str] = "resource__organization"

    class Meta:
        ordering = ["-at", "field", "pk"]
        indexes = [models.Index(fields=["resource", "-at"])]

    def __str__(self) -> str:
        return f"{self.field} of {self.resource_id}"


class Finding(Dismissible):
    """Something to look at: a rule that holds for a resource.

    It stays one row while the rule holds, and is closed when it holds no more; should it hold
    again later, that is another finding. A dismissed one stays dismissed while it is open.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="findings"
    )
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="findings")
    rule = models.CharField(max_length=40, help_text="Name of the rule that found it.")
    evidence = models.TextField(help_text="What was seen, in a sentence.")
    since = models.DateTimeField(help_text="Since when it is so, as far as is known.")
    found_at = models.DateTimeField(help_text="When it was noticed first.")
    closed_at = models.DateTimeField(null=True, blank=True)
    cost_ids = models.JSONField(default=list, help_text="Ids under which the bill has its cost.")
    monthly_cost = money(
        null=True, blank=True, help_text="Amortized cost on the bill of the last 30 days."
    )
    currency = models.CharField(max_length=3, blank=True)

    class Meta:
        ordering = [F("monthly_cost").desc(nulls_last=True), "since", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "rule"],
                condition=Q(closed_at=None),
                name="finding_open_once",
            ),
        ]
        indexes = [models.Index(fields=["organization", "closed_at", "dismissed_at"])]

    def __str__(self) -> str:
        return self.evidence

    def why_over(self) -> str:
        """Return why nobody can dismiss it or put it back any more, '' while they can."""
        return "It holds no more: it was closed." if self.closed_at else ""


class FindingThresholds(ScopedModel):
    """From when on an organization wants to be told. Without a row the defaults hold."""

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, related_name="finding_thresholds"
    )
    unattached_days = models.PositiveSmallIntegerField(
        "days unattached or unused",
        default=7,
        validators=[MaxValueValidator(3650)],
        help_text="Volumes, addresses and load balancers that nothing uses for this long.",
    )
    stopped_days = models.PositiveSmallIntegerField(
        "days stopped",
        default=30,
        validators=[MaxValueValidator(3650)],
        help_text="Instances that have been stopped for this long.",
    )
    snapshot_days = models.PositiveSmallIntegerField(
        "age of snapshots in days",
        default=90,
        validators=[MaxValueValidator(3650)],
        help_text="Snapshots older than this whose volume is gone and that no image uses.",
    )
    unused_days = models.PositiveSmallIntegerField(
        "days without sign-in or use",
        default=90,
        validators=[MaxValueValidator(3650)],
        help_text="IAM users and access keys that nobody has used for this long.",
    )
    idle_days = models.PositiveSmallIntegerField(
        "idle days",
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(14)],
        help_text="Running instances and load balancers that did next to nothing on each of this"
        " many last days (14 at most).",
    )
    idle_cpu_percent = models.DecimalField(
        "CPU of idle instances",
        default=Decimal(3),
        max_digits=4,
        decimal_places=1,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="In percent: an instance is idle on a day when its CPU was not above this on"
        " average…",
    )
    idle_network_mb = models.PositiveIntegerField(
        "network of idle instances",
        default=50,
        validators=[MaxValueValidator(1_000_000)],
        help_text="…and it moved no more than this many megabytes in and out.",
    )
    sensitive_ports = ArrayField(
        models.PositiveIntegerField(validators=[MinValueValidator(1), MaxValueValidator(65535)]),
        default=default_ports,
        help_text="Ports that must not be open to the whole internet, with commas between them.",
    )

    class Meta:
        verbose_name_plural = "finding thresholds"

    def __str__(self) -> str:
        return f"Thresholds of {self.organization}"
