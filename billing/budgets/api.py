"""Budgets in the API: list, create, read, change, delete."""

from collections.abc import Container
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billing.budgets import reports, services
from billing.budgets.inputs import (
    MAX_PERCENT,
    BudgetError,
    BudgetInput,
    Threshold,
    canonical_filters,
    checked_recipients,
    checked_thresholds,
    checked_webhook,
    filters_of,
)
from billing.budgets.models import Basis, Budget, BudgetPeriod
from billing.budgets.reports import BudgetLine
from billing.exact import plain
from billing.measures import Measure
from organizations.access import Action, is_allowed
from organizations.api_base import OrganizationAPIView, OrganizationListAPIView


class ThresholdSerializer(serializers.Serializer[Any]):
    """A part of the budget, and what is compared with it."""

    percent = serializers.IntegerField(min_value=1, max_value=MAX_PERCENT)
    basis = serializers.ChoiceField(Basis.choices)


class BudgetStandingSerializer(serializers.Serializer[Any]):
    """The present period; amounts are decimals as text."""

    to = serializers.DateField(help_text="The first day that does not count.")
    actual = serializers.CharField()
    forecast = serializers.CharField(
        allow_null=True, help_text="To the end of the period; null where too little is known."
    )
    data_through = serializers.DateField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """Add `from`, which is no name in Python."""
        return {"from": serializers.DateField(), **super().get_fields()}


class ReachedSerializer(ThresholdSerializer):
    """A threshold in the present period."""

    amount = serializers.CharField()
    is_reached = serializers.BooleanField()
    alerted_at = serializers.DateTimeField(allow_null=True)


class BudgetInputSerializer(serializers.Serializer[Any]):
    """A budget as it is written. A `webhook_secret` never comes back."""

    name = serializers.CharField(max_length=100)
    amount = serializers.DecimalField(
        max_digits=18, decimal_places=2, min_value=Decimal("0.01"), help_text="For one period."
    )
    currency = serializers.RegexField(r"^[A-Z]{3}\Z")
    metric = serializers.ChoiceField(Measure.choices, default=Measure.UNBLENDED)
    period = serializers.ChoiceField(BudgetPeriod.choices, default=BudgetPeriod.MONTH)
    filters = serializers.DictField(
        child=serializers.ListField(
            child=serializers.CharField(allow_blank=True, max_length=2048, trim_whitespace=False)
        ),
        default=dict,
        help_text="{parameter: [value]} with the names of the filters of /costs/.",
    )
    thresholds = ThresholdSerializer(many=True, default=list)
    recipients = serializers.ListField(child=serializers.CharField(max_length=254), default=list)
    webhook_url = serializers.CharField(max_length=500, allow_blank=True, default="")
    webhook_secret = serializers.CharField(
        write_only=True, required=False, max_length=200, trim_whitespace=False
    )
    is_active = serializers.BooleanField(default=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse fields that nobody knows."""
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise ValidationError({name: ["This field is not known here."] for name in unknown})
        return attrs


class BudgetSerializer(serializers.Serializer[Any]):
    """A budget, and how it stands. `standing` is null before there is any bill."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    amount = serializers.CharField()
    currency = serializers.CharField()
    metric = serializers.ChoiceField(Measure.choices)
    period = serializers.ChoiceField(BudgetPeriod.choices)
    filters = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    thresholds = ReachedSerializer(many=True)
    recipients = serializers.ListField(child=serializers.CharField())
    webhook_url = serializers.CharField(
        help_text="Without its path for a role that may not manage reports."
    )
    has_webhook_secret = serializers.BooleanField()
    is_active = serializers.BooleanField()
    state = serializers.CharField(help_text="healthy, degraded, failing, waiting or off")
    problem = serializers.CharField(help_text="Why its costs cannot be asked for, else empty.")
    standing = BudgetStandingSerializer(allow_null=True)
    evaluated_at = serializers.DateTimeField(allow_null=True)


_WRITTEN = {
    "name": "Data platform",
    "amount": "12000.00",
    "currency": "USD",
    "metric": "amortized_cost",
    "period": "month",
    "filters": {"tag:Team": ["data"], "charge_type!": ["Tax"]},
    "thresholds": [{"percent": 80, "basis": "actual"}, {"percent": 100, "basis": "forecast"}],
    "recipients": ["finance@example.com"],
    "webhook_url": "https://hooks.example.com/costs",
    "webhook_secret": "sixteen characters or more",
    "is_active": True,
}
_READ = {
    **{name: value for name, value in _WRITTEN.items() if name != "webhook_secret"},
    "id": 7,
    "thresholds": [
        {
            "percent": 80,
            "basis": "actual",
            "amount": "9600",
            "is_reached": True,
            "alerted_at": "2026-11-19T06:12:00Z",
        }
    ],
    "has_webhook_secret": True,
    "state": "degraded",
    "problem": "",
    "standing": {
        "from": "2026-11-01",
        "to": "2026-12-01",
        "actual": "9731.0225",
        "forecast": "14590.1",
        "data_through": "2026-11-20",
    },
    "evaluated_at": "2026-11-21T06:12:00Z",
}
_EXAMPLES = [
    OpenApiExample("A budget", value=_WRITTEN, request_only=True),
    OpenApiExample("How it stands", value=_READ, response_only=True),
]


class Budgets(OrganizationListAPIView):
    """The organization's budgets."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS, "POST": Action.MANAGE_REPORTS}
    queryset = Budget.objects.all()
    serializer_class = BudgetSerializer

    @extend_schema(
        operation_id="budgets",
        summary="Budgets, the one in most trouble first",
        examples=_EXAMPLES,
    )
    def get(self, request: Request) -> Response:
        """List them."""
        lines: Any = reports.budget_lines(self.organization, timezone.now().date())
        page = self.paginate_queryset(lines) or []
        shows_secrets = _may_manage(self)
        rows = [_told(one, shows_secrets=shows_secrets) for one in page]
        rows = self.get_serializer(rows, many=True).data
        return self.get_paginated_response(rows)

    @extend_schema(
        operation_id="budget_create",
        summary="Set a budget",
        request=BudgetInputSerializer,
        responses={201: BudgetSerializer},
        examples=_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Create one."""
        entered = BudgetInputSerializer(data=request.data)
        entered.is_valid(raise_exception=True)
        try:
            budget = services.create_budget(self.organization, _input(self, entered))
        except BudgetError as error:
            raise ValidationError(error.errors) from None
        return Response(_answer(self, budget), status=status.HTTP_201_CREATED)


class BudgetView(OrganizationAPIView):
    """One budget."""

    actions: ClassVar = {
        "GET": Action.VIEW_COSTS,
        "PATCH": Action.MANAGE_REPORTS,
        "DELETE": Action.MANAGE_REPORTS,
    }

    @extend_schema(
        operation_id="budget", summary="A budget", responses=BudgetSerializer, examples=_EXAMPLES
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return it."""
        return Response(_answer(self, self._budget(pk)))

    @extend_schema(
        operation_id="budget_change",
        summary="Change a budget: the fields given, each whole",
        request=BudgetInputSerializer(partial=True),
        responses=BudgetSerializer,
        examples=_EXAMPLES,
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change it; bad values change nothing."""
        budget = self._budget(pk)
        given: Any = request.data
        # Checked whole: what is inside a list of a partial serializer would be partial, too.
        whole = {**_written(budget), **given} if isinstance(given, dict) else given
        entered = BudgetInputSerializer(data=whole)
        entered.is_valid(raise_exception=True)
        try:
            budget = services.change_budget(budget, _input(self, entered, budget, given))
        except BudgetError as error:
            raise ValidationError(error.errors) from None
        return Response(_answer(self, budget))

    @extend_schema(operation_id="budget_delete", summary="Delete a budget", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete it with its history."""
        services.delete_budget(self._budget(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _budget(self, pk: int) -> Budget:
        return get_object_or_404(Budget.objects.of(self.organization), pk=pk)


def _written(budget: Budget) -> dict[str, Any]:
    """Return the budget as a request would write it, without its secret."""
    return {
        **{name: getattr(budget, name) for name in _PLAIN if name in BudgetInput.__annotations__},
        "amount": str(budget.amount),
        "filters": filters_of(budget.filters),
        "thresholds": budget.thresholds,
    }


def _input(
    view: OrganizationAPIView,
    entered: BudgetInputSerializer,
    budget: Budget | None = None,
    names: Container[str] | None = None,
) -> BudgetInput:
    """Return the whole budget as it shall be: what was given, over what there is.

    `names` are the fields that were given; None: all of them.
    """
    given: dict[str, Any] = {
        name: value
        for name, value in entered.validated_data.items()
        if names is None or name in names
    }
    if "filters" in given:
        given["filters"] = canonical_filters(view.organization, given["filters"])
    if "thresholds" in given:
        given["thresholds"] = checked_thresholds(Threshold(**one) for one in given["thresholds"])
    if "recipients" in given:
        given["recipients"] = checked_recipients(given["recipients"])
    whole = replace(services.as_input(budget), **given) if budget else BudgetInput(**given)
    has_secret = budget is not None and bool(budget.webhook_secret)
    checked_webhook(whole.webhook_url, whole.webhook_secret, has_secret=has_secret)
    return whole


def _answer(view: OrganizationAPIView, budget: Budget) -> Any:
    line = reports.budget_line(budget, timezone.now().date())
    return BudgetSerializer(_told(line, shows_secrets=_may_manage(view))).data


def _may_manage(view: OrganizationAPIView) -> bool:
    return is_allowed(view.request.user, Action.MANAGE_REPORTS, view.organization.pk)


def _told(line: BudgetLine, *, shows_secrets: bool) -> dict[str, Any]:
    """Return a budget for the answer; a webhook's path is often a secret itself."""
    budget = line.budget
    row = line.standing.row if line.standing else None
    return {
        **{name: getattr(budget, name) for name in _PLAIN},
        "amount": plain(budget.amount),
        "filters": filters_of(budget.filters),
        "webhook_url": budget.webhook_url if shows_secrets else budget.shown_webhook,
        "has_webhook_secret": bool(budget.webhook_secret),
        "state": line.state,
        "thresholds": [
            {
                **one.threshold.stored(),
                "amount": plain(one.amount),
                "is_reached": one.is_crossed,
                "alerted_at": one.alert.crossed_at if one.alert else None,
            }
            for one in line.reached
        ],
        "standing": row
        and {
            "from": row.period_start,
            "to": row.period_end,
            "actual": plain(row.actual),
            "forecast": None if row.forecast is None else plain(row.forecast),
            "data_through": row.data_through,
        },
    }


_PLAIN = (
    *("id", "name", "currency", "metric", "period", "recipients", "webhook_url"),
    *("is_active", "problem", "evaluated_at"),
)
