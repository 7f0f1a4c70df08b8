"""Anomalies in the API."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billing.anomalies.models import Anomaly
from billing.anomalies.reports import (
    PARAMETERS,
    AnomalyFilterError,
    AnomalyFilters,
    State,
    anomaly_list,
    state_of,
)
from billing.exact import plain
from billing.measures import Measure
from billing.reports import NAMED_GROUPS, names_for
from organizations.access import Action
from organizations.api_base import OrganizationListAPIView
from organizations.walking import CURSOR, WalkedPagination


class AnomalySerializer(serializers.Serializer[Any]):
    """A day that cost far more than usual; amounts are decimals as text."""

    id = serializers.IntegerField()
    day = serializers.DateField()
    account_id = serializers.CharField()
    account_name = serializers.CharField()
    service = serializers.CharField()
    service_name = serializers.CharField()
    metric = serializers.ChoiceField(Measure.choices)
    currency = serializers.CharField()
    actual = serializers.CharField()
    expected = serializers.CharField(help_text="What is usual there on such a day.")
    impact = serializers.CharField(help_text="actual - expected")
    is_new_service = serializers.BooleanField()
    state = serializers.ChoiceField([State.OPEN, State.DISMISSED, State.WITHDRAWN])
    found_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    dismissed_at = serializers.DateTimeField(allow_null=True)
    dismissed_by = serializers.CharField()
    dismissed_reason = serializers.CharField()


_EXAMPLE = {
    "id": 12,
    "day": "2026-11-17",
    "account_id": "222233334444",
    "account_name": "production",
    "service": "AmazonEC2",
    "service_name": "Amazon Elastic Compute Cloud",
    "metric": "unblended_cost",
    "currency": "USD",
    "actual": "412.08",
    "expected": "120.5",
    "impact": "291.58",
    "is_new_service": False,
    "state": "open",
    "found_at": "2026-11-18T06:10:00Z",
    "withdrawn_at": None,
    "dismissed_at": None,
    "dismissed_by": "",
    "dismissed_reason": "",
}


class AnomalyList(OrganizationListAPIView):
    """Anomalies of the connected accounts."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}
    query_parameters = PARAMETERS | {CURSOR}
    pagination_class = WalkedPagination
    queryset = Anomaly.objects.all()
    serializer_class = AnomalySerializer

    @extend_schema(
        operation_id="anomalies",
        summary="Days that cost far more than usual, the most money first",
        parameters=[
            OpenApiParameter(
                "state", OpenApiTypes.STR, enum=State.values, description="Open ones by default."
            ),
            OpenApiParameter("account", OpenApiTypes.STR, many=True, description="Account ids."),
            OpenApiParameter("service", OpenApiTypes.STR, many=True, description="Product codes."),
            OpenApiParameter("from", OpenApiTypes.DATE, description="First day."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="First day that is left out."),
        ],
        examples=[OpenApiExample("A day", value=_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the anomalies."""
        try:
            filters = AnomalyFilters.from_query(request.query_params)
        except AnomalyFilterError as error:
            raise ValidationError(error.errors) from None
        page = self.paginate_queryset(anomaly_list(self.organization, filters)) or []
        names = names_for(self.organization, NAMED_GROUPS)
        rows = [
            {
                **{name: getattr(one, name) for name in _PLAIN},
                **{name: plain(getattr(one, name)) for name in ("actual", "expected", "impact")},
                "account_name": names.of("account", one.account_id),
                "service_name": names.of("service", one.service),
                "state": state_of(one),
            }
            for one in page
        ]
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)


_PLAIN = (
    *("id", "day", "account_id", "service", "metric", "currency", "is_new_service"),
    *("found_at", "withdrawn_at", "dismissed_at", "dismissed_by", "dismissed_reason"),
)
