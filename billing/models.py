"""Deliveries of billing exports, the months they make up, and the runs that import them.

The facts themselves (daily costs, rollups and their dimensions) lie in tables partitioned by
delivery, see `billing.facts`: a delivery is a partition, a month is a pointer to a delivery.
"""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from connections.models import Connection, Export
from organizations.models import Organization
from organizations.runs import ACTIVE_STATES, Run
from organizations.scoping import ScopedModel


def money(*, optional: bool = False) -> "models.DecimalField[Any, Any]":
    """Return a field for an exact amount; AWS bills with more than ten decimals."""
    return models.DecimalField(max_digits=38, decimal_places=20, null=optional, blank=optional)


class DeliveryState(models.TextChoices):
    """Where a delivery stands. Readers see only a delivery that a month points to."""

    LOADING = "loading", "Loading"
    LOADED = "loaded", "Loaded"
    DROPPED = "dropped", "Dropped"


class Delivery(ScopedModel):
    """One version of one month, as AWS delivered it: export x billing period x execution."""

    export = models.ForeignKey(Export, on_delete=models.PROTECT, related_name="deliveries")
    billing_period = models.DateField(help_text="First day of the month.")
    execution_id = models.CharField(
        max_length=200, help_text="executionId (Data Exports) or assemblyId (legacy CUR)."
    )
    manifest_key = models.CharField(max_length=1024)
    manifest_etag = models.CharField(max_length=200)
    state = models.CharField(
        max_length=10, choices=DeliveryState.choices, default=DeliveryState.LOADING
    )
    rows_read = models.BigIntegerField(default=0)
    rows_loaded = models.BigIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    totals = models.JSONField(
        default=dict, help_text="{currency: {measure: decimal text}} of the line items that count."
    )
    data_through = models.DateField(null=True, help_text="Last day with usage.")
    first_day = models.DateField(
        null=True, help_text="First day of its facts, in its month or not."
    )
    last_day = models.DateField(null=True, help_text="Last day of its facts, in its month or not.")
    is_final = models.BooleanField(default=False, help_text="Every line item carries an invoice.")
    rollup_rows = models.JSONField(
        default=dict,
        help_text="{table: {dimension or '': rows}} of what is stored only where it is worth it.",
    )
    centers_by = models.CharField(
        max_length=64,
        blank=True,
        help_text="Name of the cost centers' rules it was last summed by, '' for none.",
    )
    centers_since = models.DateTimeField(
        null=True, blank=True, help_text="When they were first seen to be by these rules."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    loaded_at = models.DateTimeField(null=True, blank=True)

    organization_path: ClassVar[str] = "export__connection__organization"

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "deliveries"
        indexes = [models.Index(fields=["export", "billing_period", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.billing_period:%Y-%m} as of {self.created_at:%Y-%m-%d %H:%M}"


class DeliveryAccount(ScopedModel):
    """What one account cost in one delivery: answers which accounts a bill names, at once."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="accounts")
    account_id = models.CharField(max_length=12)
    payer_account_id = models.CharField(max_length=12, blank=True)
    currency = models.CharField(max_length=3)
    unblended_cost = money()
    line_items = models.BigIntegerField()

    organization_path: ClassVar[str] = "delivery__export__connection__organization"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "account_id", "payer_account_id", "currency"],
                name="account_total_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} in {self.delivery}"


class DeliveryCost(ScopedModel):
    """What a delivery came to by account, service and charge type, kept when its facts are dropped.

    A bill's whole history so takes a few hundred rows a delivery.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="costs")
    account_id = models.CharField(max_length=12)
    service = models.TextField()
    charge_type = models.TextField()
    currency = models.TextField()
    unblended_cost = money()
    net_unblended_cost = money()
    amortized_cost = money()
    net_amortized_cost = money()
    list_cost = money()

    organization_path: ClassVar[str] = "delivery__export__connection__organization"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "account_id", "service", "charge_type", "currency"],
                name="delivery_cost_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} of {self.account_id} in {self.delivery}"


class BillingMonth(ScopedModel):
    """The pointer that says which delivery a connection's month is counted from."""

    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="billing_months"
    )
    billing_period = models.DateField(help_text="First day of the month.")
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    organization_path: ClassVar[str] = "connection__organization"

    class Meta:
        ordering = ["-billing_period"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "billing_period"], name="month_once"),
        ]

    def __str__(self) -> str:
        return f"{self.billing_period:%Y-%m} of {self.connection}"


class ServiceName(ScopedModel):
    """AWS's readable name of a product code, as the bills of an organization give it."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="service_names"
    )
    code = models.CharField(max_length=200)
    name = models.CharField(max_length=300)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "code"], name="service_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ImportRun(Run):
    """One import: a look at a connection's export, or one month of it.

    The look (`billing_period` None) compares manifests and makes a run for each month whose
    delivery changed (`parent`); it ends when the last of them has ended and carries their sums.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="imports")
    export = models.ForeignKey(Export, null=True, blank=True, on_delete=models.CASCADE)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="months"
    )
    billing_period = models.DateField(null=True, blank=True)
    delivery = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.SET_NULL)
    first_period = models.DateField(null=True, blank=True, help_text="Look from this month on.")
    last_period = models.DateField(null=True, blank=True, help_text="Look up to this month.")
    is_forced = models.BooleanField(default=False, help_text="Import unchanged months too.")

    rows_read = models.BigIntegerField(default=0)
    rows_loaded = models.BigIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    export_total = money(optional=True)
    portal_total = money(optional=True)
    currency = models.CharField(max_length=3, blank=True)
    skipped_accounts = models.JSONField(
        default=list, help_text="[{account_id, name, amount, currency}] of unconnected accounts."
    )

    class Meta(Run.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "export", "billing_period"],
                condition=Q(state__in=ACTIVE_STATES),
                nulls_distinct=False,
                name="one_import_at_a_time",
                violation_error_message="This import is under way already.",
            ),
        ]

    def __str__(self) -> str:
        if self.billing_period is None:
            return f"Import of {self.connection}"
        return f"Import of {self.billing_period:%Y-%m}, {self.connection}"


# Models of sub-packages: Django looks for them here.
from billing.allocation.models import (  # noqa: E402, F401
    AllocationRule,
    CostCenter,
    FixedShare,
)
from billing.anomalies.models import Anomaly, AnomalyLook  # noqa: E402, F401
from billing.budgets.models import (  # noqa: E402, F401
    AlertNotice,
    Budget,
    BudgetAlert,
    BudgetStanding,
)
from billing.saved_reports.models import (  # noqa: E402, F401
    ReportLetter,
    ReportSchedule,
    SavedReport,
)
