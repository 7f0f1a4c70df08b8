"""A saved report, when it is sent to whom, and the letters that went out."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from organizations.models import Organization
from organizations.scoping import ScopedModel


class SavedReport(ScopedModel):
    """An address of the explorer under a name.

    `query` is its query string in one canonical spelling; a period by name in it stays relative.
    A personal report is seen by its owner alone, a shared one by everybody in the organization.
    One that an API token made has no owner and is shared.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="saved_reports"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="saved_reports",
    )
    name = models.CharField(max_length=120)
    query = models.TextField(max_length=8000)
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = [Lower("name"), "pk"]
        constraints = [
            models.UniqueConstraint(
                "organization",
                "owner",
                Lower("name"),
                name="report_name_once_an_owner",
                violation_error_message="You have a report of this name already.",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(is_shared=True),
                name="report_without_owner_is_shared",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Frequency(models.TextChoices):
    """How often a report is sent."""

    DAILY = "daily", "Every day"
    WEEKLY = "weekly", "Every week"
    MONTHLY = "monthly", "Every month"


class Weekday(models.IntegerChoices):
    """Days of the week, as ISO 8601 counts them."""

    MONDAY = 1, "Monday"
    TUESDAY = 2, "Tuesday"
    WEDNESDAY = 3, "Wednesday"
    THURSDAY = 4, "Thursday"
    FRIDAY = 5, "Friday"
    SATURDAY = 6, "Saturday"
    SUNDAY = 7, "Sunday"


class FileFormat(models.TextChoices):
    """What is attached."""

    XLSX = "xlsx", "Excel workbook"
    CSV = "csv", "CSV"


class ReportSchedule(ScopedModel):
    """When a person has a report sent, and to which members."""

    report = models.ForeignKey(SavedReport, on_delete=models.CASCADE, related_name="schedules")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="report_schedules"
    )
    frequency = models.CharField(
        max_length=10, choices=Frequency.choices, default=Frequency.MONTHLY
    )
    weekday = models.PositiveSmallIntegerField(choices=Weekday.choices, default=Weekday.MONDAY)
    day = models.PositiveSmallIntegerField(
        "day of the month",
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
    )
    file_format = models.CharField(
        "attachment", max_length=4, choices=FileFormat.choices, default=FileFormat.XLSX
    )
    recipients = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    is_active = models.BooleanField("send it", default=True)
    starts_on = models.DateField(help_text="No letter is due before this day.")
    created_at = models.DateTimeField(auto_now_add=True)

    organization_path: ClassVar[str] = "report__organization"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["report", "owner"], name="one_schedule_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.report}, {self.get_frequency_display().lower()}"


class LetterState(models.TextChoices):
    """What became of a letter."""

    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Not sent"


class ReportLetter(ScopedModel):
    """One letter to one person for one due day: it is claimed before it is sent."""

    schedule = models.ForeignKey(ReportSchedule, on_delete=models.CASCADE, related_name="letters")
    due_on = models.DateField()
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    state = models.CharField(
        max_length=10, choices=LetterState.choices, default=LetterState.WAITING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    sentence = models.TextField(blank=True, help_text="Why it was not sent.")

    organization_path: ClassVar[str] = "schedule__report__organization"

    class Meta:
        ordering = ["-due_on", "recipient"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "due_on", "recipient"], name="letter_once_a_due_day"
            ),
        ]
        indexes = [models.Index(fields=["state", "claimed_at"])]

    def __str__(self) -> str:
        return f"{self.schedule} of {self.due_on} to {self.recipient}"
