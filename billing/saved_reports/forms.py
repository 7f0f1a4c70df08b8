"""The forms of saved reports."""

from typing import Any

from django import forms

from billing.saved_reports.models import Frequency, ReportSchedule, SavedReport
from billing.saved_reports.reports import possible_recipients
from organizations.models import Organization, User


class ReportForm(forms.ModelForm[SavedReport]):
    """A name, and whether everybody sees it."""

    class Meta:
        model = SavedReport
        fields = ["name", "is_shared"]
        labels = {"is_shared": "Who sees it"}
        widgets = {
            "is_shared": forms.Select(
                choices=[("False", "Only me"), ("True", "Everybody in the organization")]
            )
        }

    def __init__(self, *args: Any, may_share: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_share:
            del self.fields["is_shared"]


class ScheduleForm(forms.ModelForm[ReportSchedule]):
    """When a report is sent to whom."""

    class Meta:
        model = ReportSchedule
        fields = ["frequency", "weekday", "day", "file_format", "recipients", "is_active"]
        labels = {"weekday": "Day of the week", "is_active": "Send it"}
        help_texts = {
            "frequency": "E-mails go out after 06:00 UTC.",
            "weekday": "Counts for a report of every week.",
            "day": "Counts for a report of every month, 1 to 28.",
            "file_format": "The table of the explorer, as its download gives it.",
        }
        widgets = {
            "is_active": forms.Select(choices=[("True", "Yes"), ("False", "No: paused")]),
            "recipients": forms.CheckboxSelectMultiple(),
        }

    def __init__(self, *args: Any, organization: Organization, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        recipients: Any = self.fields["recipients"]
        recipients.queryset = possible_recipients(organization, owner)
        recipients.label_from_instance = lambda user: (
            f"{user.get_full_name() or user.get_username()} <{user.email}>"
        )
        recipients.error_messages["required"] = "Choose at least one person."
        if not self.is_bound and not self.instance.pk:
            self.initial.update(frequency=Frequency.MONTHLY, recipients=[owner.pk])
