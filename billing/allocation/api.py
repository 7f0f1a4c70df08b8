"""Cost centers and allocation rules in the API."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.allocation.conditions import OPERATORS
from billing.allocation.models import AllocationRule, CostCenter, Split
from organizations.access import Action
from organizations.api_base import OrganizationListAPIView


class ShareSerializer(serializers.Serializer[Any]):
    """What part of a shared center's costs another one bears."""

    center = serializers.CharField(source="target.code")
    percent = serializers.SerializerMethodField(help_text="Decimal; those of a center make 100.")

    def get_percent(self, share: Any) -> str:
        """Return the exact percentage."""
        return f"{share.percent.normalize():f}"


class CostCenterSerializer(serializers.Serializer[CostCenter]):
    """A cost center; `code` is its value in group_by and filters of /costs/."""

    id = serializers.IntegerField(source="pk")
    code = serializers.CharField()
    name = serializers.CharField()
    split = serializers.ChoiceField(Split.choices)
    shares = ShareSerializer(many=True)


class ConditionSerializer(serializers.Serializer[Any]):
    """One condition of a rule: any of its values is enough; "" is cost that has none."""

    on = serializers.CharField(
        help_text="account, account_name, organizational_unit, service, region, charge_type, "
        "tag:<key> or cost_category:<key>"
    )
    operator = serializers.ChoiceField(list(OPERATORS.items()))
    values = serializers.ListField(child=serializers.CharField(allow_blank=True))


class AllocationRuleSerializer(serializers.Serializer[AllocationRule]):
    """A rule; the first one whose conditions all hold decides."""

    id = serializers.IntegerField(source="pk")
    position = serializers.IntegerField()
    cost_center = serializers.CharField(source="center.code")
    conditions = ConditionSerializer(many=True)


class CostCenterList(OrganizationListAPIView):
    """The cost centers."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}
    queryset = CostCenter.objects.prefetch_related("shares__target")
    serializer_class = CostCenterSerializer

    @extend_schema(operation_id="cost_centers", summary="Cost centers, by code")
    def get(self, request: Request) -> Response:
        """List the cost centers. What they cost: `GET /costs/?group_by=cost_center`."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class AllocationRuleList(OrganizationListAPIView):
    """The rules that put costs into cost centers."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}
    queryset = AllocationRule.objects.select_related("center")
    serializer_class = AllocationRuleSerializer

    @extend_schema(operation_id="allocation_rules", summary="Allocation rules, in their order")
    def get(self, request: Request) -> Response:
        """List the rules. Cost that none takes has the empty cost center."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
