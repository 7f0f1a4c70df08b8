"""AWS connections, their exports, and the accounts that bills and AWS Organizations name."""

import secrets
from collections.abc import Iterable
from typing import Any, ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from organizations.crypto import EncryptedTextField
from organizations.models import Organization
from organizations.runs import ACTIVE_STATES, ErrorClass, Run
from organizations.scoping import ScopedModel, ScopedQuerySet

account_id_validator = RegexValidator(r"^\d{12}$", "An AWS account id has 12 digits.")


class ConnectionKind(models.TextChoices):
    """What the account is in its AWS organization."""

    ROOT = "root", "Payer (root or standalone) account"
    LINKED = "linked", "Linked (member) account"


class AuthMethod(models.TextChoices):
    """How the portal signs in to the account."""

    ACCESS_KEY = "access_key", "Access key and secret"
    ASSUME_ROLE = "assume_role", "Role with external id"
    AMBIENT = "ambient", "The portal's own role"
    COSTS_ONLY = "costs_only", "Not at all: costs only, from its payer's bill"


class ConnectionStatus(models.TextChoices):
    """What an operator sees first."""

    WAITING = "waiting", "Waiting for the first delivery"
    HEALTHY = "healthy", "Healthy"
    DEGRADED = "degraded", "Degraded"
    FAILING = "failing", "Failing"
    DISABLED = "disabled", "Disabled"


class Interval(models.IntegerChoices):
    """How often something runs by schedule, in hours."""

    HOURLY = 1, "Every hour"
    SIX_HOURLY = 6, "Every 6 hours"
    DAILY = 24, "Every day"


class ExternalId(ScopedModel):
    """The external id of an organization: trust policies of its roles demand it. Not a secret."""

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, related_name="external_id"
    )
    value = models.CharField(max_length=64, unique=True, default=secrets.token_hex, editable=False)

    def __str__(self) -> str:
        return self.value


class ConnectionQuerySet(ScopedQuerySet["Connection"]):
    """Connections of an organization."""

    def connected(self) -> "ConnectionQuerySet":
        """Return those that were not disconnected: their accounts count in totals."""
        return self.filter(disconnected_at=None)

    def active(self) -> "ConnectionQuerySet":
        """Return those that work is scheduled for."""
        return self.connected().filter(is_paused=False)


class Connection(ScopedModel):
    """One AWS account that an organization connected, and how to sign in to it.

    A disconnected connection keeps its history but no credentials; connecting the account again
    brings everything back. The account's costs count only while it is connected.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="connections"
    )
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=ConnectionKind.choices)
    account_id = models.CharField(max_length=12, validators=[account_id_validator])
    partition = models.CharField(max_length=10, default="aws")

    auth_method = models.CharField(max_length=12, choices=AuthMethod.choices)
    access_key_id = models.CharField(max_length=128, blank=True)
    secret_access_key = EncryptedTextField(blank=True, default="")
    role_arn = models.CharField(max_length=2048, blank=True)
    through = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="opens",
        help_text="The payer's connection whose credentials assume the role; empty: the portal's.",
    )

    status = models.CharField(
        max_length=10, choices=ConnectionStatus.choices, default=ConnectionStatus.WAITING
    )
    status_since = models.DateTimeField(default=timezone.now)
    status_message = models.TextField(blank=True)
    status_hint = models.TextField(blank=True)

    is_paused = models.BooleanField(
        default=False, help_text="Nothing is imported or discovered; the costs stay in the totals."
    )
    import_every = models.PositiveSmallIntegerField(
        choices=Interval.choices, default=Interval.HOURLY
    )
    discover_every = models.PositiveSmallIntegerField(
        choices=Interval.choices, default=Interval.HOURLY
    )
    created_at = models.DateTimeField(auto_now_add=True)
    disconnected_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[Any] = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "account_id"],
                condition=Q(disconnected_at=None),
                name="account_connected_once",
                violation_error_message="This account is connected already.",
            ),
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=Q(disconnected_at=None),
                name="connection_name_once",
                violation_error_message="A connection of this name exists.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.account_id})"

    @property
    def is_connected(self) -> bool:
        """Whether it was not disconnected."""
        return self.disconnected_at is None

    @property
    def is_costs_only(self) -> bool:
        """Whether the portal cannot sign in: its costs count, its resources stay unknown."""
        return self.auth_method == AuthMethod.COSTS_ONLY

    @property
    def current_export(self) -> "Export | None":
        """Return the export that is imported now, None for a linked account.

        While another one takes its place (see `connections.migration`), it is the old one until
        months count from the new one.
        """
        return Export.objects.current([self]).get(self.pk)


class ExportSchema(models.TextChoices):
    """The table a billing export holds."""

    CUR2 = "cur2", "CUR 2.0"
    LEGACY_CUR = "legacy_cur", "Legacy CUR"
    FOCUS_1_0 = "focus_1_0", "FOCUS 1.0"
    FOCUS_1_2 = "focus_1_2", "FOCUS 1.2"


class Granularity(models.TextChoices):
    """How line items are aggregated over time."""

    HOURLY = "hourly", "Hourly"
    DAILY = "daily", "Daily"
    MONTHLY = "monthly", "Monthly"


class FileFormat(models.TextChoices):
    """How the data files are written."""

    PARQUET = "parquet", "Parquet"
    CSV_GZIP = "csv_gzip", "CSV, gzip"
    CSV_ZIP = "csv_zip", "CSV, ZIP"


class ExportQuerySet(ScopedQuerySet["Export"]):
    """Exports of an organization."""

    def live(self) -> "ExportQuerySet":
        """Return those that are imported: one, or two while one takes the other's place."""
        return self.filter(retired_at=None)

    def current(self, connections: Iterable["Connection"]) -> dict[int, "Export"]:
        """Return {connection's id: its `current_export`}."""
        found = self.live().filter(connection__in=connections)
        found = found.exclude(replaces__isnull=False, counts_from=None)
        newest = found.order_by("connection_id", "-created_at").distinct("connection_id")
        return {one.connection_id: one for one in newest}


class Export(ScopedModel):
    """Where AWS writes a root connection's bill.

    A connection may have had several one after another (legacy CUR, then CUR 2.0). Which one a
    month is counted from is said by `billing.BillingMonth`, never by this table.
    """

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="exports")
    schema = models.CharField(max_length=10, choices=ExportSchema.choices)
    name = models.CharField(max_length=256)
    bucket = models.CharField(max_length=255)
    prefix = models.CharField(
        max_length=1024, blank=True, help_text="Without slashes at its ends and without the name."
    )
    region = models.CharField(max_length=30)
    granularity = models.CharField(max_length=10, choices=Granularity.choices, blank=True)
    file_format = models.CharField(max_length=10, choices=FileFormat.choices, blank=True)
    arn = models.CharField(max_length=2048, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="Set when another export took its place."
    )
    replaces = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The export whose place this one takes, month by month.",
    )
    counts_from = models.DateField(
        null=True,
        blank=True,
        help_text="First month that counts from this export instead of the replaced one.",
    )

    objects: ClassVar[Any] = ExportQuerySet.as_manager()
    organization_path: ClassVar[str] = "connection__organization"

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "bucket", "prefix", "name"], name="export_place_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_schema_display()} “{self.name}” in s3://{self.bucket}/{self.prefix}"

    @property
    def root_key(self) -> str:
        """Return the S3 key prefix under which the export's files lie, with a slash at its end."""
        return "/".join(filter(None, (self.prefix, self.name))) + "/"


class Account(ScopedModel):
    """An AWS account that a bill or AWS Organizations named, connected or not."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="aws_accounts"
    )
    account_id = models.CharField(max_length=12, validators=[account_id_validator])
    name = models.CharField(max_length=200, blank=True)
    organizational_unit = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=30, blank=True, help_text="As AWS Organizations says it.")
    payer_account_id = models.CharField(max_length=12, blank=True)

    class Meta:
        ordering = ["account_id"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "account_id"], name="account_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.account_id})" if self.name else self.account_id

    @property
    def is_listed(self) -> bool:
        """Whether AWS Organizations names it as a member now."""
        return bool(self.status)


class JobHealth(ScopedModel):
    """How one kind of work on a connection (check, import, discover) stands."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="health")
    job = models.CharField(max_length=20)
    is_ok = models.BooleanField()
    since = models.DateTimeField(help_text="Since when it is so.")
    error_class = models.CharField(max_length=10, choices=ErrorClass.choices, blank=True)
    message = models.TextField(blank=True)
    hint = models.TextField(blank=True)
    last_run_at = models.DateTimeField()
    last_success_at = models.DateTimeField(null=True, blank=True)

    organization_path: ClassVar[str] = "connection__organization"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "job"], name="job_health_once"),
        ]

    def __str__(self) -> str:
        return f"{self.job}: {'ok' if self.is_ok else self.message}"


class CheckRun(Run):
    """One permission check: each permission that the connection needs, tried for real.

    `results` is a list of {"permission", "purpose", "state": "pass"|"fail"|"unknown", "message",
    "hint"}.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="checks")
    results = models.JSONField(default=list)

    class Meta(Run.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=ACTIVE_STATES),
                name="one_check_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Check of {self.connection}"


class MemberListing(Run):
    """One look at the AWS organization of a payer account: its members, their units and names."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="member_listings"
    )
    aws_organization_id = models.CharField(max_length=40, blank=True)
    members = models.PositiveIntegerField(default=0)

    class Meta(Run.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=ACTIVE_STATES),
                name="one_member_listing_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Listing of the members of {self.connection}"


class RoleSource(models.TextChoices):
    """Whose identity assumes the roles of members."""

    PAYER = "payer", "The payer's connection"
    PORTAL = "portal", "The portal's own identity"


class MemberConnecting(Run):
    """Connecting several members of a payer account at once; one that fails stops no other.

    `results` is a list of {"account_id", "name", "state": "connected"|"updated"|"already"|
    "refused", "message", "connection": id or None}. An empty `role_name`: for costs only.
    """

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="member_connectings"
    )
    account_ids = models.JSONField(default=list)
    role_name = models.CharField(max_length=576, blank=True)
    role_source = models.CharField(
        max_length=10, choices=RoleSource.choices, default=RoleSource.PAYER
    )
    results = models.JSONField(default=list)

    class Meta(Run.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=ACTIVE_STATES),
                name="one_member_connecting_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Connecting of {len(self.account_ids)} members of {self.connection}"
