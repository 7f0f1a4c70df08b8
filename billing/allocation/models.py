"""Cost centers, the rules that fill them, and the fixed shares of shared ones."""

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower

from organizations.models import Organization
from organizations.scoping import ScopedModel

code_validator = RegexValidator(
    r"\A[^\W_](?:[\w ./&+-]*[^\s\W_])?\Z",
    "Write letters, digits, spaces and . / & + - _ only; begin and end with a letter or digit.",
)


class Split(models.TextChoices):
    """What happens to the costs of a center."""

    NONE = "none", "It keeps its costs"
    FIXED = "fixed", "Shared: split by fixed shares"
    PROPORTIONAL = "proportional", "Shared: split in proportion to the other centers' own costs"


class CostCenter(ScopedModel):
    """Who bears a cost. `code` is its name in addresses, files and the API."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="cost_centers"
    )
    code = models.CharField(max_length=60, validators=[code_validator])
    name = models.CharField(max_length=120)
    split = models.CharField("its costs", max_length=12, choices=Split.choices, default=Split.NONE)

    class Meta:
        ordering = [Lower("code")]
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("code"),
                name="cost_center_code_once",
                violation_error_message="There is a cost center with this code already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    @property
    def is_shared(self) -> bool:
        """Say whether its costs are split to other centers."""
        return self.split != Split.NONE


class FixedShare(ScopedModel):
    """What part of a shared center's costs another one bears; those of a center make 100 %."""

    center = models.ForeignKey(CostCenter, on_delete=models.CASCADE, related_name="shares")
    target = models.ForeignKey(CostCenter, on_delete=models.PROTECT, related_name="shares_borne")
    percent = models.DecimalField(
        max_digits=9,
        decimal_places=6,
        validators=[MinValueValidator(Decimal("0.000001")), MaxValueValidator(Decimal(100))],
    )

    organization_path: ClassVar[str] = "center__organization"

    class Meta:
        ordering = ["center", "target"]
        constraints = [
            models.UniqueConstraint(fields=["center", "target"], name="fixed_share_once"),
        ]

    def __str__(self) -> str:
        return f"{self.percent.normalize():f} % of {self.center} to {self.target}"


class AllocationRule(ScopedModel):
    """Costs for which all conditions hold belong to a center, unless an earlier rule took them.

    `conditions` is [{"on": what, "operator": "is" | "matches", "values": [text, …]}]: see
    `billing.allocation.conditions`.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="allocation_rules"
    )
    position = models.PositiveIntegerField()
    center = models.ForeignKey(CostCenter, on_delete=models.PROTECT, related_name="rules")
    conditions = models.JSONField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "position"],
                name="allocation_rule_position_once",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return f"Rule {self.position} for {self.center}"
