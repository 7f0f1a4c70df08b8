"""The explorer's form. It shows what the address says; the address is what is checked."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from billing import periods
from billing.cost_query import Granularity
from billing.explorer import CUSTOM, PREVIOUS
from billing.measures import Measure

# Parameters of the address -> the field that shows them.
_FIELD_OF = {
    "from": "first_day",
    "to": "last_day",
    "group_by": "group_1",
    "period": "period",
    "granularity": "granularity",
    "metric": "metric",
    "currency": "currency",
    "compare": "compare",
}
Choices = list[tuple[str, str]]


def _select(choices: Choices) -> forms.Select:
    return forms.Select(choices=choices)


def _day_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"})


class ExplorerForm(forms.Form):
    """Period, grain, groups and measure. Each field takes any text: see `of`."""

    period = forms.CharField(
        required=False,
        widget=_select(
            [*((one.name, one.label) for one in periods.PRESETS.values()), (CUSTOM, "These days")]
        ),
    )
    first_day = forms.CharField(required=False, label="First day", widget=_day_input())
    last_day = forms.CharField(required=False, label="Last day", widget=_day_input())
    shown = forms.CharField(required=False, widget=forms.HiddenInput())
    sort = forms.CharField(required=False, widget=forms.HiddenInput())
    granularity = forms.CharField(
        required=False, label="Granularity", widget=_select(list(Granularity.choices))
    )
    group_1 = forms.CharField(required=False, label="Group by", widget=forms.Select())
    group_2 = forms.CharField(required=False, label="And by", widget=forms.Select())
    metric = forms.CharField(required=False, label="Measure", widget=_select(list(Measure.choices)))
    compare = forms.CharField(
        required=False,
        label="Compare with",
        widget=_select([("", "Nothing"), (PREVIOUS, "Period before")]),
    )
    currency = forms.CharField(required=False, widget=forms.HiddenInput())

    @classmethod
    def of(
        cls,
        data: Mapping[str, Any],
        *,
        dimensions: Choices,
        currencies: Iterable[str],
        problems: Mapping[str, list[str]],
    ) -> "ExplorerForm":
        """Return the form filled with what the address says, sentences beside its fields.

        Problems of parameters without a field of their own (filters) stay with the caller.
        """
        form = cls(data)
        for name in ("group_1", "group_2"):
            form.set_choices(name, [("", "Nothing"), *dimensions])
        if len(offered := list(currencies)) > 1:
            form.fields["currency"].widget = forms.Select()
            form.set_choices("currency", [("", "Choose"), *((code, code) for code in offered)])
        form.is_valid()
        for parameter, sentences in problems.items():
            if parameter in _FIELD_OF:
                form.add_error(_FIELD_OF[parameter], sentences)
        return form

    def set_choices(self, name: str, choices: Choices) -> None:
        """Offer these, and what the address says even where it is nothing we know."""
        widget: Any = self.fields[name].widget
        given = self.data.get(name, "")
        known = {value for value, _ in choices}
        widget.choices = choices if given in known else [*choices, (given, given)]


def without_field(problems: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the problems that no field of the form shows."""
    return {name: sentences for name, sentences in problems.items() if name not in _FIELD_OF}
