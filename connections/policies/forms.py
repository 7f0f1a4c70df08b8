"""What the page and the API take: the same fields, the same sentences."""

from typing import Any

from django import forms

from connections.models import ExportSchema
from connections.policies.rendering import Format
from connections.policies.values import PARTITIONS, GrantTo, Mode, Values

_ANY_SCHEMA = [("", "Either"), *ExportSchema.choices]
_OPTIONAL = {
    "mode": Mode.READ_ONLY,
    "format": Format.JSON,
    "grant_to": GrantTo.POLICY,
    "partition": PARTITIONS[0],
    "role_name": "countinghouse",
    "with_discovery": "no",
    "with_organization": "no",
}


def _text(label: str, help_text: str = "", *, most: int = 2048) -> forms.CharField:
    return forms.CharField(label=label, help_text=help_text, required=False, max_length=most)


def _choice(label: str, choices: Any, help_text: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        help_text=help_text,
        choices=choices,
        required=False,
        error_messages={"invalid_choice": "“%(value)s” is not one of the possible values."},
    )


class PolicyForm(forms.Form):
    """What to write policies for. Nothing is required by itself: the mode decides."""

    mode = _choice("What for", Mode.choices)
    format = _choice("Written as", Format.choices)
    grant_to = _choice(
        "Permissions go to", GrantTo.choices, "A role with external id needs no stored keys."
    )
    account_id = _text("Account id", "The account whose credentials the portal gets: 12 digits.")
    bucket = _text("Bucket", "Also as s3://bucket/prefix, as the console shows it.")
    # A field of this name hides nothing: Django takes fields off the class.
    prefix = _text(  # type: ignore[assignment]
        "Prefix", "Empty when the export has none."
    )
    export_name = _text("Export name", "Narrows what may be read to this export.")
    schema = _choice("Schema", _ANY_SCHEMA)
    bucket_account_id = _text("Bucket's account id", "Where another account owns the bucket.")
    kms_key_arn = _text("KMS key ARN", "Only for a bucket that is encrypted with a key of yours.")
    with_discovery = _choice("Also discover resources", [("no", "No"), ("yes", "Yes")])
    with_organization = _choice(
        "Also list the organization's members",
        [("no", "No"), ("yes", "Yes")],
        "Of a payer account in AWS Organizations.",
    )
    member_role = _text(
        "Name of the members' roles", "Roles through which members are discovered, if any."
    )
    role_name = _text("Name of the role")
    portal_arn = _text("The portal's own ARN", "The user or role that the portal runs as.")
    reader_arn = _text(
        "Reader's ARN", "Narrows the bucket's policy to one user or role of the account."
    )
    partition = _choice("Partition", [(one, one) for one in PARTITIONS])

    def clean(self) -> dict[str, Any]:
        """Fill in what was left empty, and hold the values against the mode."""
        said: dict[str, Any] = super().clean() or self.cleaned_data
        for name, value in _OPTIONAL.items():
            said[name] = said.get(name) or value
        if not self.errors:
            for name, sentence in self.values().problems().items():
                self.add_error(name, sentence)
        return said

    def values(self, external_id: str = "") -> Values:
        """Return what was filled in."""
        said = {name: value for name, value in self.cleaned_data.items() if name != "format"}
        said["mode"], said["grant_to"] = Mode(said["mode"]), GrantTo(said["grant_to"])
        for name in ("with_discovery", "with_organization"):
            said[name] = said[name] == "yes"
        return Values(**said, external_id=external_id)
