"""The form of a connection: AWS is asked while the form is validated, so that its answer stands
beside the field it is about and nothing that was entered is lost, but the secret."""

from typing import Any

from django import forms

from connections import services
from connections.inputs import AuthInput, ConnectionInput, ExportInput, Refusal
from connections.models import (
    AuthMethod,
    Connection,
    ConnectionKind,
    ExportSchema,
    Granularity,
)
from organizations.crypto import Secret

# The API's paths by the form's fields; what has no field of its own stands above the form.
_FIELDS = {
    "auth": "auth_method",
    "auth.method": "auth_method",
    "auth.access_key_id": "access_key_id",
    "auth.secret_access_key": "secret",
    "auth.role_arn": "role_arn",
    "auth.through": "through",
    "auth.account_id": "costs_account_id",
    "export": "export_name",
    "export.mode": "export_name",
    "export.schema": "export_schema",
    "export.name": "export_name",
    "export.bucket": "export_bucket",
    "export.prefix": "export_prefix",
    "name": "name",
}
_AUTH = {"auth_method", "access_key_id", "secret", "role_arn", "through"}
_EXPORT = {
    "export_schema",
    "export_name",
    "export_bucket",
    "export_prefix",
    "export_granularity",
}
_SETTINGS = ("name", "import_every", "discover_every")


class ConnectionForm(forms.ModelForm[Connection]):
    """What an operator enters. The services write it; `saved` is the connection afterwards."""

    name = forms.CharField(max_length=100, help_text="How you call this account here.")
    secret = forms.CharField(
        label="Secret access key",
        required=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    costs_account_id = forms.CharField(
        label="Account id",
        required=False,
        max_length=12,
        help_text="12 digits. A connected payer's bill or AWS organization must name it.",
    )
    export_bucket = forms.CharField(
        label="Bucket",
        required=False,
        max_length=1400,
        help_text="The S3 bucket that AWS writes the export to. Its region is found by itself.",
    )
    export_prefix = forms.CharField(
        label="Prefix",
        required=False,
        max_length=1400,
        help_text="As the AWS console shows it; a whole s3:// path can be pasted too.",
    )
    export_name = forms.CharField(
        label="Export name",
        required=False,
        max_length=256,
        help_text="The name of the export or report in Billing and Cost Management.",
    )
    export_schema = forms.ChoiceField(
        label="Schema",
        required=False,
        choices=[("", "Find out from the files"), *ExportSchema.choices],
    )
    export_granularity = forms.ChoiceField(
        label="Granularity", required=False, choices=[("", "Not said"), *Granularity.choices]
    )

    class Meta:
        model = Connection
        fields = [
            "organization",
            "name",
            "kind",
            "auth_method",
            "access_key_id",
            "role_arn",
            "through",
            "import_every",
            "discover_every",
        ]
        labels = {
            "auth_method": "Way to sign in",
            "role_arn": "Role ARN",
            "import_every": "Import",
            "discover_every": "Discover",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.saved: Connection | None = None
        self._offer_payers()
        self.fields["secret"].help_text = (
            "Set. Leave it empty to keep it."
            if self.instance.secret_access_key
            else "Not set. It is kept encrypted and never shown again."
        )
        export = self.instance.current_export if self.instance.pk else None
        if export is not None:
            for name in ("bucket", "prefix", "name", "schema", "granularity"):
                self.fields[f"export_{name}"].initial = getattr(export, name)

    def _offer_payers(self) -> None:
        """Offer the connected payers, of those that the operator may use, to assume a role."""
        field: Any = self.fields.get("through")
        if field is None:
            return
        field.label, field.empty_label = "Assumed by", "The portal's own identity"
        field.help_text = "Whose credentials assume the role: those of the account's payer can."
        field.queryset = field.queryset.filter(disconnected_at=None, kind=ConnectionKind.ROOT)
        if self.instance.pk:
            field.queryset = field.queryset.filter(organization=self.instance.organization_id)
        for link in ("add", "change", "delete", "view"):
            setattr(field.widget, f"can_{link}_related", False)

    def clean(self) -> dict[str, Any]:
        """Hand what was entered to the service unless a field is wrong by itself."""
        super().clean()
        if not self.errors:
            try:
                self.saved = self._change() if self.instance.pk else self._connect()
            except Refusal as refusal:
                self._show(refusal)
        return self.cleaned_data

    def _post_clean(self) -> None:
        """Leave the instance alone: the service has written already, and validated first."""

    def _show(self, refusal: Refusal) -> None:
        for path, sentence in refusal.errors.items():
            field = _FIELDS.get(path)
            self.add_error(field if field in self.fields else None, sentence)

    def _connect(self) -> Connection:
        given = self.cleaned_data
        is_root = given["kind"] == ConnectionKind.ROOT
        return services.connect(
            given["organization"],
            ConnectionInput(
                name=given["name"],
                kind=ConnectionKind(given["kind"]),
                auth=self._auth(),
                export=self._export() if is_root or self._has_export() else None,
                import_every=given["import_every"],
                discover_every=given["discover_every"],
            ),
        )

    def _change(self) -> Connection:
        changed = set(self.changed_data)
        return services.update_connection(
            self.instance,
            auth=self._auth() if changed & _AUTH else None,
            export=self._export() if changed & _EXPORT else None,
            **{name: self.cleaned_data[name] for name in _SETTINGS if name in changed},
        )

    def _has_export(self) -> bool:
        return any(self.cleaned_data.get(name) for name in ("export_bucket", "export_name"))

    def _auth(self) -> AuthInput:
        given = self.cleaned_data
        return AuthInput(
            method=AuthMethod(given["auth_method"]),
            access_key_id=given["access_key_id"],
            secret_access_key=Secret(given["secret"]),
            role_arn=given["role_arn"],
            through_id=through.pk if (through := given.get("through")) else None,
            account_id=given.get("costs_account_id", ""),
        )

    def _export(self) -> ExportInput:
        given = self.cleaned_data
        schema = given.get("export_schema")
        return ExportInput(
            bucket=given.get("export_bucket", ""),
            name=given.get("export_name", ""),
            prefix=given.get("export_prefix", ""),
            schema=ExportSchema(schema) if schema else None,
            granularity=given.get("export_granularity", ""),
        )
