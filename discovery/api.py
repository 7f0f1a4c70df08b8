"""The resources API."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from discovery import reports
from discovery.filters import PARAMETERS, Existence, FilterError, ResourceFilters
from discovery.models import Resource, ResourceType
from organizations.access import Action
from organizations.api_base import OrganizationListAPIView


class ResourceSerializer(serializers.Serializer[reports.ResourceRow]):
    """A resource as the API shows it; the amount is a decimal string."""

    id = serializers.IntegerField(source="resource.pk")
    type = serializers.ChoiceField(source="resource.type", choices=ResourceType.choices)
    resource_id = serializers.CharField(source="resource.resource_id")
    arn = serializers.CharField(source="resource.arn")
    name = serializers.CharField(source="resource.name")
    account_id = serializers.CharField(source="resource.account_id")
    region = serializers.CharField(source="resource.region")
    state = serializers.CharField(source="resource.state")
    tags = serializers.DictField(source="resource.tags", child=serializers.CharField())
    attributes = serializers.DictField(source="resource.attributes")
    first_seen = serializers.DateTimeField(source="resource.first_seen")
    last_seen = serializers.DateTimeField()
    gone_at = serializers.DateTimeField(source="resource.gone_at", allow_null=True)
    month_to_date_cost = serializers.SerializerMethodField()
    currency = serializers.CharField(help_text="Empty where no bill names the resource.")

    def get_month_to_date_cost(self, row: reports.ResourceRow) -> str | None:
        """Return the exact amount, None where no bill names the resource."""
        return None if row.month_to_date_cost is None else f"{row.month_to_date_cost:f}"


def _parameter(name: str, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description, **more)


class ResourceList(OrganizationListAPIView):
    """Resources in the connected accounts."""

    actions: ClassVar = {"GET": Action.VIEW_RESOURCES}
    query_parameters = PARAMETERS
    queryset = Resource.objects.all()
    serializer_class = ResourceSerializer

    @extend_schema(
        summary="Resources with tags, state and month-to-date cost",
        parameters=[
            _parameter("type", "Any of these types.", enum=ResourceType.values, many=True),
            _parameter("region", "Any of these regions; “global” has what is in none.", many=True),
            _parameter("account", "Any of these account ids.", many=True),
            _parameter(
                "state", "What exists (the default), what is gone, or all.", enum=list(Existence)
            ),
            _parameter("tag:<key>", "This value of the tag; empty: without the tag.", many=True),
            _parameter("q", "Part of a name, id or ARN."),
        ],
    )
    def get(self, request: Request) -> Response:
        """List what exists, or what is gone."""
        try:
            filters = ResourceFilters.from_query(request.query_params)
        except FilterError as error:
            raise ValidationError(error.errors) from None
        page = self.paginate_queryset(reports.resource_list(self.organization, filters))
        rows = reports.rows_of(self.organization, page or [])
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)
