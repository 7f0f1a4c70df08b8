"""The resources API."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from discovery import reports
from discovery.amounts import exact_text
from discovery.filters import (
    COST_PARAMETERS,
    PARAMETERS,
    SORTS,
    Existence,
    FilterError,
    ResourceFilters,
)
from discovery.models import Resource, ResourceChange, ResourceType
from discovery.resource_detail import RelatedCost, ResourceCostsShown, resource_detail
from organizations.access import Action
from organizations.api_base import OrganizationAPIView, OrganizationListAPIView
from organizations.walking import CURSOR, WalkedPagination


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
    last_month_cost = serializers.SerializerMethodField()
    currency = serializers.CharField(help_text="Empty where no bill names the resource.")

    def get_month_to_date_cost(self, row: reports.ResourceRow) -> str | None:
        """Return the exact amount, None where no bill of this month names the resource."""
        return None if row.month_to_date_cost is None else exact_text(row.month_to_date_cost)

    def get_last_month_cost(self, row: reports.ResourceRow) -> str | None:
        """Return the exact amount, None where no bill of the last month names the resource."""
        return None if row.last_month_cost is None else exact_text(row.last_month_cost)


class ChangeSerializer(serializers.Serializer[ResourceChange]):
    """One change of a resource."""

    at = serializers.DateTimeField()
    field = serializers.CharField(help_text="state, existence, or tag:<key>.")
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class RelatedCostSerializer(serializers.Serializer[RelatedCost]):
    """What one id on the bill cost for one usage type."""

    id = serializers.CharField(source="of")
    relation = serializers.CharField(source="why", help_text="Empty: the resource itself.")
    usage_type = serializers.CharField()
    month_to_date = serializers.SerializerMethodField()
    last_month = serializers.SerializerMethodField()

    def get_month_to_date(self, cost: RelatedCost) -> str:
        """Return the exact amount."""
        return exact_text(cost.this_month)

    def get_last_month(self, cost: RelatedCost) -> str:
        """Return the exact amount."""
        return exact_text(cost.last_month)


class ResourceCostSerializer(serializers.Serializer[ResourceCostsShown]):
    """Amortized cost of a resource in one currency, from the first day of last month on."""

    currency = serializers.CharField()
    month_to_date = serializers.SerializerMethodField()
    last_month = serializers.SerializerMethodField()
    days = serializers.SerializerMethodField()
    parts = RelatedCostSerializer(source="related", many=True)

    def get_month_to_date(self, costs: ResourceCostsShown) -> str:
        """Return the exact amount."""
        return exact_text(costs.this_month)

    def get_last_month(self, costs: ResourceCostsShown) -> str:
        """Return the exact amount."""
        return exact_text(costs.last_month)

    def get_days(self, costs: ResourceCostsShown) -> dict[str, str]:
        """Return {day: exact amount}."""
        return {day.isoformat(): exact_text(amount) for day, amount in costs.days.items()}


class ResourceDetailSerializer(ResourceSerializer):
    """A resource with its costs, its use and its history."""

    costs = serializers.SerializerMethodField()
    metrics = serializers.SerializerMethodField()
    changes = serializers.SerializerMethodField()

    @extend_schema_field(ResourceCostSerializer(many=True))
    def get_costs(self, row: reports.ResourceRow) -> Any:
        """Return the costs by currency."""
        return ResourceCostSerializer(self.context["detail"].costs, many=True).data

    def get_metrics(self, row: reports.ResourceRow) -> dict[str, dict[str, float]]:
        """Return {figure: {day: value}} of CloudWatch: bytes, percent of CPU, or a number."""
        return {
            one.name: {day.isoformat(): value for day, value in one.days.items()}
            for one in self.context["detail"].use
        }

    @extend_schema_field(ChangeSerializer(many=True))
    def get_changes(self, row: reports.ResourceRow) -> Any:
        """Return what changed, newest first."""
        return ChangeSerializer(self.context["detail"].changes, many=True).data


def _parameter(name: str, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description, **more)


class ResourceList(OrganizationListAPIView):
    """Resources in the connected accounts."""

    actions: ClassVar = {"GET": Action.VIEW_RESOURCES}
    query_parameters = PARAMETERS | {CURSOR}
    pagination_class = WalkedPagination
    queryset = Resource.objects.all()
    serializer_class = ResourceSerializer

    @extend_schema(
        summary="Resources with tags, state and costs of this month and the last",
        parameters=[
            _parameter("type", "Any of these types.", enum=ResourceType.values, many=True),
            _parameter("region", "Any of these regions; “global” has what is in none.", many=True),
            _parameter("account", "Any of these account ids.", many=True),
            _parameter(
                "state", "What exists (the default), what is gone, or all.", enum=list(Existence)
            ),
            _parameter(
                "resource_state",
                "Any of these states in AWS's words, such as running or available.",
                many=True,
            ),
            _parameter("tag:<key>", "This value of the tag; empty: without the tag.", many=True),
            _parameter("q", "Part of a name, id or ARN."),
            _parameter("sort", "What to sort by; “-” for the highest first.", enum=list(SORTS)),
            *(
                _parameter(name, "An amount in the resource's own currency.")
                for name in COST_PARAMETERS
            ),
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


class ResourceDetailView(OrganizationAPIView):
    """One resource."""

    actions: ClassVar = {"GET": Action.VIEW_RESOURCES}

    @extend_schema(
        operation_id="resource_retrieve",
        summary="One resource with its costs by day and by usage type, and its history",
        responses=ResourceDetailSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Show it."""
        detail = resource_detail(self.organization, pk)
        return Response(ResourceDetailSerializer(detail.row, context={"detail": detail}).data)
