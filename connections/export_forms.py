"""The forms of finding and of creating an export: each connects the account in the end."""

from typing import Any

from django import forms

from connections.aws.session import bucket_regions
from connections.inputs import AuthInput, ConnectionInput, ExportInput, ExportMode, Refusal
from connections.models import (
    AuthMethod,
    ConnectionKind,
    ExportSchema,
    FileFormat,
    Granularity,
)
from organizations.access import Action
from organizations.crypto import Secret
from organizations.models import Organization


class AccountForm(forms.Form):
    """Whose account it is and how to sign in."""

    organization = forms.ModelChoiceField(queryset=Organization.objects.none())
    name = forms.CharField(max_length=100, help_text="How you call this account here.")
    auth_method = forms.ChoiceField(
        label="Sign in with",
        choices=[one for one in AuthMethod.choices if one[0] != AuthMethod.COSTS_ONLY],
        initial=AuthMethod.ACCESS_KEY,
    )
    access_key_id = forms.CharField(label="Access key id", max_length=128, required=False)
    secret = forms.CharField(
        label="Secret access key",
        required=False,
        max_length=256,
        help_text="It is kept encrypted and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    role_arn = forms.CharField(
        label="Role ARN", max_length=2048, required=False, help_text="To sign in with a role."
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = user.organizations_allowing(Action.MANAGE_CONNECTIONS).order_by("name")
        field: Any = self.fields["organization"]
        field.queryset = mine
        few = list(mine[:2])
        if len(few) == 1:
            field.initial = few[0].pk

    def clean(self) -> dict[str, Any]:
        """Say what is wrong with the form of the credentials before AWS is asked."""
        given = super().clean() or {}
        if not self.errors:
            self.show(self.auth().cleaned().problems())
        return given

    def auth(self) -> AuthInput:
        """Return the credentials as the services take them."""
        given = self.cleaned_data
        return AuthInput(
            method=AuthMethod(given["auth_method"]),
            access_key_id=given["access_key_id"],
            secret_access_key=Secret(given["secret"]),
            role_arn=given["role_arn"],
        )

    def show(self, errors: Refusal | dict[str, str]) -> None:
        """Put a service's sentences beside the fields they are about."""
        found = errors.errors if isinstance(errors, Refusal) else errors
        for path, sentence in found.items():
            name = path.removeprefix("auth.").replace("export.", "export_")
            name = {
                "method": "auth_method",
                "auth": "auth_method",
                "secret_access_key": "secret",
            }.get(name, name)
            self.add_error(name if name in self.fields else None, sentence)


class CreateForm(AccountForm):
    """An export to make, and the account to connect by it."""

    export_schema = forms.ChoiceField(
        label="What to create",
        choices=[
            (ExportSchema.CUR2, "CUR 2.0 export (recommended)"),
            (ExportSchema.LEGACY_CUR, "Legacy Cost and Usage Report"),
        ],
    )
    export_bucket = forms.CharField(
        label="Bucket",
        max_length=63,
        help_text="It is made where there is none: private and encrypted. One that exists keeps its"
        " policy; what AWS needs to deliver is added.",
    )
    export_region = forms.ChoiceField(
        label="Region of a new bucket",
        required=False,
        help_text="A bucket that exists stays where it is.",
    )
    export_prefix = forms.CharField(label="Prefix", max_length=256, initial="countinghouse")
    export_name = forms.CharField(
        label="Export name",
        max_length=256,
        required=False,
        help_text="Left empty: countinghouse-cur2-daily, or what fits.",
    )
    export_granularity = forms.ChoiceField(
        label="Granularity",
        choices=[
            (Granularity.DAILY, "Daily (recommended: costs are shown by day)"),
            (Granularity.HOURLY, "Hourly"),
        ],
    )
    export_file_format = forms.ChoiceField(
        label="File format",
        choices=[
            (FileFormat.PARQUET, "Parquet (recommended)"),
            (FileFormat.CSV_GZIP, FileFormat.CSV_GZIP.label),
            (FileFormat.CSV_ZIP, "CSV, ZIP (legacy only)"),
        ],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["export_region"]
        field.choices = [
            ("", "Of the bucket that exists, or us-east-1"),
            *((n, n) for n in bucket_regions()),
        ]

    def connection(self) -> ConnectionInput:
        """Return what was entered as the service takes it."""
        given = self.cleaned_data
        export = ExportInput(
            mode=ExportMode.CREATE,
            schema=ExportSchema(given["export_schema"]),
            bucket=given["export_bucket"],
            region=given["export_region"],
            prefix=given["export_prefix"],
            name=given["export_name"],
            granularity=given["export_granularity"],
            file_format=given["export_file_format"],
        )
        return ConnectionInput(
            name=given["name"], kind=ConnectionKind.ROOT, auth=self.auth(), export=export
        )
