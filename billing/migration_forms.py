"""The form of adding an export beside the present one."""

from django import forms

from connections.inputs import ExportInput, ExportMode
from connections.models import ExportSchema, FileFormat, Granularity

_CHOICES = {
    ExportMode.BUCKET_ONLY: "It exists, and I say where it lies",
    ExportMode.DETECT: "It exists: let the portal find it by its name",
    ExportMode.CREATE: "Let the portal create it",
}


class NewExportForm(forms.Form):
    """Which export shall take the present one's place."""

    mode = forms.ChoiceField(
        label="The new export", choices=[(str(mode), label) for mode, label in _CHOICES.items()]
    )
    schema = forms.ChoiceField(choices=ExportSchema.choices, initial=ExportSchema.CUR2)
    bucket = forms.CharField(
        max_length=1400,
        required=False,
        help_text="The present bucket or another; not needed to find an export by its name.",
    )
    place_prefix = forms.CharField(
        label="Prefix",
        max_length=1400,
        required=False,
        help_text="Another one than the present export's.",
    )
    name = forms.CharField(label="Export name", max_length=256, required=False)
    region = forms.CharField(
        label="Region of a new bucket", max_length=30, required=False, help_text="As eu-central-1."
    )
    granularity = forms.ChoiceField(choices=Granularity.choices[:2], initial=Granularity.DAILY)
    file_format = forms.ChoiceField(label="File format", choices=FileFormat.choices)

    def export(self) -> ExportInput:
        """Return what was entered as the service takes it."""
        given = self.cleaned_data
        mode = ExportMode(given["mode"])
        wish = mode == ExportMode.CREATE
        return ExportInput(
            mode=mode,
            schema=ExportSchema(given["schema"]),
            bucket=given["bucket"],
            prefix=given["place_prefix"],
            name=given["name"],
            region=given["region"] if wish else "",
            granularity=given["granularity"] if wish else "",
            file_format=given["file_format"] if wish else "",
        )

    def show(self, errors: dict[str, str]) -> None:
        """Put a service's sentences beside the fields they are about."""
        for path, sentence in errors.items():
            name = path.removeprefix("export.").replace("prefix", "place_prefix")
            self.add_error(name if name in self.fields else None, sentence)
