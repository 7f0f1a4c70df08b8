"""Anomalies, and how far they were looked for."""

from django.db import models

from billing.measures import Measure
from billing.models import money
from organizations.dismissal import Dismissible
from organizations.models import Organization
from organizations.scoping import ScopedModel


class Anomaly(Dismissible):
    """One day on which a service of an account cost far more than usual.

    It is withdrawn when a later bill no longer says so, and may come back.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="anomalies"
    )
    day = models.DateField()
    account_id = models.CharField(max_length=12)
    service = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    metric = models.CharField(max_length=20, choices=Measure.choices)
    actual = money()
    expected = money()
    impact = money()
    is_new_service = models.BooleanField(default=False, help_text="Nothing is usual there yet.")
    found_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-impact", "-day", "pk"]
        verbose_name_plural = "anomalies"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "day", "account_id", "service", "currency", "metric"],
                name="anomaly_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service or 'No service'} in {self.account_id} on {self.day}"

    def why_over(self) -> str:
        """Return why nobody can dismiss it or put it back any more, '' while they can."""
        return "It was withdrawn: the bill no longer says so." if self.withdrawn_at else ""


class AnomalyLook(ScopedModel):
    """How far the portal looked for anomalies: the days first_day <= day < end."""

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, related_name="anomaly_look"
    )
    first_day = models.DateField(null=True)
    end = models.DateField(null=True)
    looked_as = models.CharField(
        max_length=64, blank=True, help_text="What counted then, as a digest."
    )
    looked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Anomalies of {self.organization}"
