"""The API of what costs money and was not found."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from discovery.amounts import exact_text
from discovery.filters import FilterError
from discovery.models import NotFoundReason
from discovery.not_found_reports import (
    PARAMETERS,
    Month,
    NotFoundFilters,
    NotFoundService,
    not_found_report,
)
from organizations.access import Action
from organizations.api_base import OrganizationAPIView


class NotFoundExampleSerializer(serializers.Serializer[Any]):
    """One id on the bill."""

    id = serializers.CharField()
    amount = serializers.CharField()


class NotFoundServiceSerializer(serializers.Serializer[Any]):
    """What one service cost for one reason."""

    service = serializers.CharField()
    service_name = serializers.CharField()
    reason = serializers.ChoiceField(choices=NotFoundReason.choices)
    ids = serializers.IntegerField(help_text="How many ids the bill names.")
    accounts = serializers.ListField(child=serializers.CharField())
    regions = serializers.ListField(child=serializers.CharField())
    amount = serializers.CharField(help_text="Amortized cost, a decimal string.")
    currency = serializers.CharField()
    examples = NotFoundExampleSerializer(many=True)


class NotFoundSerializer(serializers.Serializer[Any]):
    """Both sums by currency, and what was not found by service."""

    month = serializers.CharField(help_text="YYYY-MM")
    not_found = serializers.DictField(child=serializers.CharField())
    found = serializers.DictField(child=serializers.CharField())
    services = NotFoundServiceSerializer(many=True)


def _parameter(name: str, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description, **more)


class NotFoundCosts(OrganizationAPIView):
    """What the bill names and discovery has not found."""

    actions: ClassVar = {"GET": Action.VIEW_RESOURCES}
    query_parameters = PARAMETERS

    @extend_schema(
        operation_id="resources_not_found",
        summary="What costs money and was not found, by service and reason",
        parameters=[
            _parameter(
                "month", "This month so far (the default), or last month.", enum=list(Month)
            ),
            _parameter("account", "Any of these account ids.", many=True),
            _parameter("reason", "Any of these reasons.", enum=NotFoundReason.values, many=True),
        ],
        responses=NotFoundSerializer,
    )
    def get(self, request: Request) -> Response:
        """Show it."""
        try:
            filters = NotFoundFilters.from_query(request.query_params)
        except FilterError as error:
            raise ValidationError(error.errors) from None
        report = not_found_report(self.organization, filters)
        return Response(
            {
                "month": f"{report.month:%Y-%m}",
                "not_found": {name: exact_text(told) for name, told in report.not_found.items()},
                "found": {name: exact_text(told) for name, told in report.found.items()},
                "services": [_service(one) for one in report.services],
            }
        )


def _service(one: NotFoundService) -> dict[str, Any]:
    return {
        "service": one.service,
        "service_name": one.service_name,
        "reason": one.reason.value,
        "ids": one.ids,
        "accounts": one.accounts,
        "regions": one.regions,
        "amount": exact_text(one.amount),
        "currency": one.currency,
        "examples": [{"id": name, "amount": exact_text(amount)} for name, amount in one.examples],
    }
