"""The forms of cost centers and rules."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.http import QueryDict

from billing.allocation.conditions import IS, MAX_CONDITIONS, OPERATORS, PLAIN, Condition
from billing.allocation.models import CostCenter, Split
from billing.dimensions import Dimension
from organizations.models import Organization

NONE_WORD = "(none)"
_LEAST_ROWS = 3


class CenterForm(forms.ModelForm[CostCenter]):
    """A cost center. Its code is chosen once."""

    class Meta:
        model = CostCenter
        fields = ["code", "name", "split"]
        help_texts = {
            "code": "How addresses, files and the API name it, for example MKT-210. It stays.",
        }

    def __init__(self, *args: Any, targets: Iterable[CostCenter], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.targets = [one for one in targets if not one.is_shared and one != self.instance]
        if self.instance.pk:
            del self.fields["code"]
        held = {}
        if self.instance.pk:
            held = {one.target_id: one.percent for one in self.instance.shares.all()}
        self._held = held

    @property
    def share_rows(self) -> list[dict[str, Any]]:
        """Return a row for each center that can bear a share, with what was entered."""
        return [
            {"center": one, "name": f"share_{one.pk}", "value": self._entered(one)}
            for one in self.targets
        ]

    def _entered(self, target: CostCenter) -> str:
        if self.is_bound:
            return str(self.data.get(f"share_{target.pk}", ""))
        percent = self._held.get(target.pk)
        return f"{percent.normalize():f}" if percent else ""

    def clean(self) -> dict[str, Any]:
        """Read the shares where the center is split by them; others are left aside."""
        cleaned = super().clean() or {}
        shares = []
        if cleaned.get("split") == Split.FIXED:
            for target in self.targets:
                text = self._entered(target).strip().replace(",", ".").removesuffix("%").strip()
                if text:
                    shares.append((target, _percent(target, text)))
        cleaned["shares"] = shares
        return cleaned


def _percent(target: CostCenter, text: str) -> Decimal:
    try:
        percent = Decimal(text)
    except InvalidOperation:
        percent = Decimal("NaN")
    if not re.fullmatch(r"[0-9.]{1,10}", text) or not percent.is_finite():
        raise forms.ValidationError(f"The share of {target}: write percent as a number.")
    if percent != round(percent, 6) or percent > 100:
        raise forms.ValidationError(
            f"The share of {target}: at most 100 %, with at most six decimals."
        )
    return percent


class RuleForm:
    """A rule: a center and rows of conditions. It keeps what was entered, right or wrong."""

    def __init__(
        self,
        organization: Organization,
        *,
        keys: Iterable[str],
        data: QueryDict | None = None,
        center_id: int | None = None,
        conditions: Iterable[Condition] = (),
    ) -> None:
        self.centers = list(CostCenter.objects.of(organization))
        self.errors: list[str] = []
        self.center_id = str(center_id or "")
        self.choices = [*PLAIN.items(), *((key, Dimension.named(key).label) for key in keys)]
        self.operators = list(OPERATORS.items())
        if data is None:
            self.rows = [_row_of(one) for one in conditions]
        else:
            self.center_id = data.get("center", "")
            self.rows = [row for row in _entered(data) if row["on"] or row["text"].strip()]
        known = {value for value, _ in self.choices}
        for row in self.rows:
            row["is_unknown"] = row["on"] not in ("", *known)
        self.conditions = self._read() if data is not None else list(conditions)

    @property
    def center(self) -> CostCenter | None:
        """Return the chosen center."""
        return next((one for one in self.centers if str(one.pk) == self.center_id), None)

    @property
    def is_valid(self) -> bool:
        """Say whether the rule can be made."""
        return not self.errors

    @property
    def shown_rows(self) -> list[dict[str, Any]]:
        """Return the rows with spare ones behind them."""
        wanted = min(MAX_CONDITIONS, max(_LEAST_ROWS, len(self.rows) + 1))
        spare = [{"on": "", "operator": IS, "text": ""}] * (wanted - len(self.rows))
        return [*self.rows, *spare]

    def _read(self) -> list[Condition]:
        if self.center is None:
            self.errors.append("Choose the cost center that the costs belong to.")
        found = []
        for number, row in enumerate(self.rows, start=1):
            try:
                found.append(Condition(row["on"], row["operator"], _values(row["text"])))
            except ValueError as error:
                self.errors.append(f"Condition {number}: {error}")
        if not self.rows:
            self.errors.append("Give at least one condition.")
        return found


def _entered(data: QueryDict) -> list[dict[str, Any]]:
    columns = (data.getlist(name) for name in ("on", "operator", "values"))
    return [
        {"on": on, "operator": operator, "text": text}
        for on, operator, text in zip(*columns, strict=False)
    ]


def _row_of(one: Condition) -> dict[str, Any]:
    lines = [value or NONE_WORD for value in one.values]
    return {"on": one.on, "operator": one.operator, "text": "\n".join(lines)}


def _values(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return tuple(dict.fromkeys("" if line == NONE_WORD else line for line in lines))
