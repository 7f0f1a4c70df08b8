"""The budget form: plain fields, and the explorer's filter rows."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from billing.budgets.inputs import (
    MAX_THRESHOLDS,
    BudgetError,
    BudgetInput,
    Threshold,
    canonical_filters,
    checked_recipients,
    checked_thresholds,
    checked_webhook,
)
from billing.budgets.models import Basis, Budget, BudgetPeriod
from billing.cost_query import CostFilter, Operator
from billing.measures import Measure
from organizations.models import Organization

SPARE_THRESHOLDS = 2


class BudgetForm(forms.Form):
    """What a budget is. `entered` is the checked input once the form is valid."""

    name = forms.CharField(max_length=100)
    amount = forms.DecimalField(
        max_digits=18, decimal_places=2, help_text="For one period, in the currency beside it."
    )
    currency = forms.RegexField(
        r"^[A-Z]{3}\Z", error_messages={"invalid": "Write three capital letters, such as USD."}
    )
    period = forms.ChoiceField(choices=BudgetPeriod.choices)
    metric = forms.ChoiceField(choices=Measure.choices, label="Measure")
    recipients = forms.CharField(
        required=False,
        max_length=8000,
        label="E-mail addresses",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One on each line. Each gets a letter of its own.",
    )
    webhook_url = forms.CharField(
        required=False,
        max_length=500,
        label="Webhook address",
        widget=forms.URLInput(),
        help_text="https:// only. Every message is signed.",
    )
    webhook_secret = forms.CharField(
        required=False,
        max_length=200,
        label="Webhook secret",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="16 characters or more; signs the messages and is never shown again.",
    )
    is_active = forms.BooleanField(required=False, label="Watch this budget and send alerts")

    entered: BudgetInput

    def __init__(
        self, data: Any = None, *, organization: Organization, budget: Budget | None, **more: Any
    ) -> None:
        super().__init__(data, **more)
        self.organization = organization
        self.budget = budget
        if budget is not None and budget.webhook_secret:
            self.fields["webhook_secret"].help_text = "One is set. Leave this empty to keep it."

    def clean(self) -> dict[str, Any]:
        """Check what needs several fields, with the API's own rules."""
        cleaned: dict[str, Any] = super().clean() or {}
        filters = thresholds = recipients = None
        try:
            filters = canonical_filters(self.organization, self._filters())
        except BudgetError as error:
            self._note(error)
        try:
            thresholds = checked_thresholds(self._thresholds())
        except BudgetError as error:
            self._note(error)
        try:
            recipients = checked_recipients(cleaned.get("recipients", "").splitlines())
        except BudgetError as error:
            self._note(error)
        secret = cleaned.get("webhook_secret") or None
        has_secret = self.budget is not None and bool(self.budget.webhook_secret)
        try:
            checked_webhook(cleaned.get("webhook_url", ""), secret, has_secret=has_secret)
        except BudgetError as error:
            self._note(error)
        if cleaned.get("amount") is not None and cleaned["amount"] <= 0:
            self.add_error("amount", "Give an amount above zero.")
        if not self.errors:
            self.entered = BudgetInput(
                **{name: cleaned[name] for name in _PLAIN},
                filters=filters or "",
                thresholds=thresholds or (),
                recipients=recipients or (),
                webhook_secret=secret,
            )
        return cleaned

    def add_errors(self, error: BudgetError) -> None:
        """Show what a service refused."""
        self._note(error)

    @property
    def filter_problems(self) -> list[str]:
        """Return the sentences about filters and thresholds, which are rows and no fields."""
        return [str(text) for text in self.non_field_errors()]

    def _note(self, error: BudgetError) -> None:
        for name, texts in error.errors.items():
            field = name if name in self.fields else None
            for text in texts:
                said = text if field or "." not in name else f"{name.partition('.')[2]}: {text}"
                self.add_error(field, said)

    def _filters(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for dimension, operator, value in filter_rows(self._data()):
            # An empty value is one too: cost without a region, without the tag.
            if dimension:
                if operator not in Operator.values:
                    raise BudgetError({"filters": [f"“{operator[:20]}” is no comparison."]})
                one = CostFilter.of(dimension, Operator(operator), (value,))
                found.setdefault(one.parameter, []).append(value)
        return found

    def _thresholds(self) -> list[Threshold]:
        found = []
        for percent, basis in threshold_rows(self._data()):
            if not percent.strip():
                continue
            if not percent.strip().isascii() or not percent.strip().isdecimal():
                raise BudgetError(
                    {"thresholds": [f"“{percent[:20]}” is no whole number of percent."]}
                )
            found.append(Threshold(int(percent.strip()[:9]), basis))
        return found

    def _data(self) -> QueryDict:
        return self.data if isinstance(self.data, QueryDict) else QueryDict()


_PLAIN = ("name", "amount", "currency", "period", "metric", "webhook_url", "is_active")


def filter_rows(data: QueryDict) -> list[tuple[str, str, str]]:
    """Return the rows (dimension, operator, value) that were entered."""
    names = ("filter_dimension", "filter_operator", "filter_value")
    return list(zip(*(data.getlist(name) for name in names), strict=False))


def threshold_rows(data: QueryDict) -> list[tuple[str, str]]:
    """Return the rows (percent, basis) that were entered."""
    rows = zip(data.getlist("threshold_percent"), data.getlist("threshold_basis"), strict=False)
    return list(rows)


def shown_thresholds(rows: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the rows to show: those there are, and some to fill in."""
    spare = max(0, min(SPARE_THRESHOLDS, MAX_THRESHOLDS - len(rows)))
    return [
        {"percent": percent, "basis": basis}
        for percent, basis in [*rows, *[("", Basis.ACTUAL.value)] * spare]
    ]


def initial_of(budget: Budget | None, address: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the empty form shows; `address` is what an explorer link says."""
    if budget is None:
        return {
            "currency": address.get("currency") or "USD",
            "metric": address.get("metric") or Measure.UNBLENDED.value,
            "period": BudgetPeriod.MONTH.value,
            "is_active": True,
        }
    plain = {name: getattr(budget, name) for name in _PLAIN}
    return {**plain, "recipients": "\n".join(budget.recipients)}
