"""Changes in the API: GET /changes/."""

from typing import Any, ClassVar

from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billing.changes.report import (
    BEHIND,
    MAX_CHANGES,
    RESOURCES,
    By,
    Change,
    Changes,
    Direction,
    changes,
)
from billing.cost_query import CostFilter
from billing.exact import plain
from billing.measures import Measure
from billing.months import MonthFrame, month_frame
from billing.page_params import PageParams
from organizations.access import Action
from organizations.api_base import OrganizationAPIView

_PARAMETERS = ("month", "by", "metric", "service", "account", "currency")


class _ResourceChange(serializers.Serializer[Any]):
    resource_id = serializers.CharField(help_text="'' is the cost that belongs to no resource.")
    before = serializers.CharField()
    now = serializers.CharField()
    difference = serializers.CharField()


class _CostChange(serializers.Serializer[Any]):
    group = serializers.DictField(
        child=serializers.CharField(), help_text="The service, the account or both, with names."
    )
    direction = serializers.ChoiceField(Direction.choices)
    before = serializers.CharField()
    now = serializers.CharField()
    difference = serializers.CharField()
    resources = _ResourceChange(
        many=True, help_text=f"Of the first {BEHIND} changes, the {RESOURCES} that differ most."
    )


class _ComparedDays(serializers.Serializer[Any]):
    to = serializers.DateField(help_text="The first day that does not count.")
    total = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """Add `from`, which is no name in Python."""
        return {"from": serializers.DateField(), **super().get_fields()}


class ChangesSerializer(serializers.Serializer[Any]):
    """A month against the one before; amounts are decimals as text."""

    month = serializers.CharField(help_text="YYYY-MM")
    metric = serializers.ChoiceField(Measure.choices)
    currency = serializers.CharField(allow_null=True)
    now = _ComparedDays()
    before = _ComparedDays()
    same_days = serializers.BooleanField(
        help_text="Whether the same days are compared, since the month is not all there."
    )
    difference = serializers.CharField()
    change_count = serializers.IntegerField(help_text="Also of the changes that are not listed.")
    changes = _CostChange(many=True, help_text=f"The largest first, at most {MAX_CHANGES}.")
    data_through = serializers.DateField(allow_null=True)
    final = serializers.BooleanField()


class ChangesView(OrganizationAPIView):
    """What changed from one month to the next."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}
    query_parameters = frozenset(_PARAMETERS)

    @extend_schema(
        operation_id="changes",
        responses=ChangesSerializer,
        parameters=[
            OpenApiParameter(
                "month",
                OpenApiTypes.STR,
                description="YYYY-MM. Left out: the newest month with a bill.",
            ),
            OpenApiParameter("by", OpenApiTypes.STR, enum=By.values),
            OpenApiParameter("metric", OpenApiTypes.STR, enum=Measure.values),
            OpenApiParameter("service", OpenApiTypes.STR, description="Only this product code."),
            OpenApiParameter("account", OpenApiTypes.STR, description="Only this account."),
            OpenApiParameter(
                "currency", OpenApiTypes.STR, description="Left out: USD if there are any."
            ),
        ],
        examples=[
            OpenApiExample(
                "By service",
                value={
                    "month": "2026-02",
                    "metric": "unblended_cost",
                    "currency": "USD",
                    "now": {"from": "2026-02-01", "to": "2026-03-01", "total": "1310.2"},
                    "before": {"from": "2026-01-01", "to": "2026-02-01", "total": "1204.7"},
                    "same_days": False,
                    "difference": "105.5",
                    "change_count": 1,
                    "changes": [
                        {
                            "group": {
                                "service": "AmazonEC2",
                                "service_name": "Amazon Elastic Compute Cloud",
                            },
                            "direction": "up",
                            "before": "900",
                            "now": "1005.5",
                            "difference": "105.5",
                            "resources": [
                                {
                                    "resource_id": "i-0abc",
                                    "before": "0",
                                    "now": "105.5",
                                    "difference": "105.5",
                                }
                            ],
                        }
                    ],
                    "data_through": "2026-02-28",
                    "final": True,
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Compare a month with the one before, by service, account or both.

        A month that is not all there is compared by the same days of the month before.
        """
        params = PageParams(_given(request), _PARAMETERS)
        month, currency = params.month("month"), params.currency()
        by = By(params.choice("by", By.values, By.SERVICE))
        measure = Measure(params.choice("metric", Measure.values, Measure.UNBLENDED))
        asked = {name: params.text(name) for name in ("service", "account")}
        if params.problems:
            raise ValidationError(params.problems)
        frame = month_frame(
            self.organization, timezone.now().date(), month=month, currency=currency, before=1
        )
        _check(frame, asked["account"])
        filters = [
            CostFilter(name, values=(value,)) for name, value in asked.items() if value is not None
        ]
        return Response(_json(frame, changes(frame, measure=measure, by=by, filters=filters)))


def _given(request: Request) -> QueryDict:
    """Return the parameters without the one that says whose."""
    given: QueryDict = request.query_params.copy()
    given.pop("organization", None)
    return given


def _check(frame: MonthFrame, account: str | None) -> None:
    if account is not None and account not in frame.what.accounts:
        raise ValidationError(
            {"account": [f"“{account}” is not an account that is connected here."]}
        )
    if frame.currencies and frame.currency not in frame.currencies:
        raise ValidationError({"currency": [f"Nothing was billed in {frame.currency}."]})


def _json(frame: MonthFrame, found: Changes) -> dict[str, Any]:
    days = found.days
    return {
        "month": f"{frame.month:%Y-%m}",
        "metric": found.measure.value,
        "currency": frame.currency,
        "now": {"from": days.start, "to": days.end, "total": plain(found.now)},
        "before": {
            "from": days.before_start,
            "to": days.before_end,
            "total": plain(found.before),
        },
        "same_days": days.is_partial,
        "difference": plain(found.difference),
        "change_count": found.change_count,
        "changes": [_change(found.by, one) for one in found.changes],
        "data_through": found.data_through,
        "final": frame.is_final,
    }


def _change(by: By, one: Change) -> dict[str, Any]:
    group: dict[str, str] = {}
    for dimension, value, name in zip(by.dimensions, one.values, one.names, strict=True):
        group |= {dimension: value, f"{dimension}_name": name}
    return {
        "group": group,
        "direction": one.direction.value,
        **_amounts(one),
        "resources": [
            {"resource_id": resource.resource_id, **_amounts(resource)}
            for resource in one.resources
        ],
    }


def _amounts(one: Any) -> dict[str, str]:
    return {
        "before": plain(one.before),
        "now": plain(one.now),
        "difference": plain(one.difference),
    }
