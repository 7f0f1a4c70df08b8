"""Budgets, what they came to, the thresholds they crossed, and who was told."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from billing.budgets.webhooks import host_only
from billing.measures import Measure
from billing.models import money
from organizations.crypto import EncryptedTextField
from organizations.models import Organization
from organizations.scoping import ScopedModel


class BudgetPeriod(models.TextChoices):
    """How long a budget's amount lasts."""

    MONTH = "month", "Month"
    QUARTER = "quarter", "Quarter"
    YEAR = "year", "Year"


class Basis(models.TextChoices):
    """What a threshold is compared with."""

    ACTUAL = "actual", "Actual cost"
    FORECAST = "forecast", "Forecast to the end of the period"


class Channel(models.TextChoices):
    """How somebody is told."""

    MAIL = "mail", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class NoticeState(models.TextChoices):
    """Where a notice stands. The last two are final."""

    PENDING = "pending", "Pending"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class Budget(ScopedModel):
    """An amount for a part of the costs in every period.

    `filters` is the filter part of a cost query's query string, in its canonical form. Whenever
    what is measured changes, `revision` grows, and every threshold may be crossed anew.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="budgets")
    name = models.CharField(max_length=100)
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    currency = models.CharField(max_length=3)
    metric = models.CharField(
        max_length=20, choices=Measure.choices, default=Measure.UNBLENDED, verbose_name="cost"
    )
    period = models.CharField(
        max_length=10, choices=BudgetPeriod.choices, default=BudgetPeriod.MONTH
    )
    filters = models.TextField(blank=True)
    thresholds = models.JSONField(default=list, help_text='[{"percent": 80, "basis": "actual"}].')
    recipients = models.JSONField(default=list, blank=True, help_text="E-mail addresses.")
    webhook_url = models.CharField(max_length=500, blank=True)
    webhook_secret = EncryptedTextField(blank=True, default="")
    is_active = models.BooleanField(default=True)
    revision = models.PositiveIntegerField(default=1)
    evaluated_as = models.CharField(
        max_length=64, blank=True, help_text="What counted when it was last looked at, as a digest."
    )
    evaluated_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, help_text="Why its costs cannot be asked for.")
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="budget_name_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="budget_amount_positive"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_webhook(self) -> str:
        """Return the webhook's address for those who may read budgets only."""
        return host_only(self.webhook_url)


class BudgetStanding(ScopedModel):
    """What one period of a budget came to when it was last looked at.

    `data_from` is the first day of the bills; the period is only partly known where that lies
    inside it. `forecast` is None where there is too little to tell from, and for past periods.
    """

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="standings")
    period_start = models.DateField()
    period_end = models.DateField(help_text="The first day that does not count.")
    budget_amount = models.DecimalField(max_digits=18, decimal_places=2)
    actual = money()
    forecast = money(optional=True)
    data_from = models.DateField()
    data_through = models.DateField(null=True)
    is_final = models.BooleanField(default=False)

    organization_path: ClassVar[str] = "budget__organization"

    class Meta:
        ordering = ["-period_start"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "period_start"], name="standing_once"),
        ]

    def __str__(self) -> str:
        return f"{self.budget} from {self.period_start}"


class BudgetAlert(ScopedModel):
    """A threshold that was crossed in a period: at most once for each revision of the budget."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="alerts")
    revision = models.PositiveIntegerField()
    period_start = models.DateField()
    period_end = models.DateField(help_text="The first day that does not count.")
    percent = models.PositiveSmallIntegerField()
    basis = models.CharField(max_length=10, choices=Basis.choices)
    budget_amount = models.DecimalField(max_digits=18, decimal_places=2)
    currency = models.CharField(max_length=3)
    actual = money()
    forecast = money(optional=True)
    data_through = models.DateField(null=True)
    crossed_at = models.DateTimeField(auto_now_add=True)

    organization_path: ClassVar[str] = "budget__organization"

    class Meta:
        ordering = ["-crossed_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "revision", "period_start", "percent", "basis"],
                name="alert_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.budget} ({self.basis})"


class AlertNotice(ScopedModel):
    """One message to one address about an alert, or a test (`alert` None).

    Sent by whoever changes it from pending to sending; `due_at` is when to try next.
    """

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="notices")
    alert = models.ForeignKey(
        BudgetAlert, null=True, blank=True, on_delete=models.CASCADE, related_name="notices"
    )
    channel = models.CharField(max_length=10, choices=Channel.choices)
    target = models.CharField(max_length=500)
    state = models.CharField(
        max_length=10, choices=NoticeState.choices, default=NoticeState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    organization_path: ClassVar[str] = "budget__organization"

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["state", "due_at"])]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} to {self.shown_target}"

    @property
    def shown_target(self) -> str:
        """Return the target for those who may read budgets only."""
        return host_only(self.target) if self.channel == Channel.WEBHOOK else self.target
