"""The findings API."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from discovery.amounts import exact_text
from discovery.filters import FilterError
from discovery.finding_reports import (
    PARAMETERS,
    FindingFilters,
    Standing,
    finding_list,
    standing_of,
)
from discovery.findings import BY_NAME
from discovery.findings.base import Kind
from discovery.models import Finding, ResourceType
from organizations.access import Action
from organizations.api_base import OrganizationAPIView, OrganizationListAPIView
from organizations.dismissal import DismissalError, dismiss, restore
from organizations.walking import CURSOR, WalkedPagination


class FoundAtSerializer(serializers.Serializer[Any]):
    """The resource of a finding, in short."""

    id = serializers.IntegerField(source="pk")
    type = serializers.ChoiceField(choices=ResourceType.choices)
    resource_id = serializers.CharField()
    name = serializers.CharField()
    account_id = serializers.CharField()
    region = serializers.CharField()


class FindingSerializer(serializers.Serializer[Finding]):
    """A finding as the API shows it; the amount is a decimal string."""

    id = serializers.IntegerField(source="pk")
    rule = serializers.ChoiceField(choices=[(one.name, one.label) for one in BY_NAME.values()])
    kind = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    evidence = serializers.CharField()
    since = serializers.DateTimeField()
    found_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    dismissed_at = serializers.DateTimeField(allow_null=True)
    dismissed_by = serializers.CharField()
    dismissed_reason = serializers.CharField()
    monthly_cost = serializers.SerializerMethodField(
        help_text="On the bill of the last 30 days; null where the bill names no cost of it."
    )
    currency = serializers.CharField()
    resource = FoundAtSerializer()

    def get_kind(self, finding: Finding) -> str:
        """Return why somebody should look."""
        return BY_NAME[finding.rule].kind

    def get_state(self, finding: Finding) -> str:
        """Return what became of it."""
        return standing_of(finding)

    def get_monthly_cost(self, finding: Finding) -> str | None:
        """Return the exact amount."""
        return None if finding.monthly_cost is None else exact_text(finding.monthly_cost)


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a finding is dismissed."""

    reason = serializers.CharField(max_length=500)


def _parameter(name: str, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description, **more)


class FindingList(OrganizationListAPIView):
    """What should be looked at."""

    actions: ClassVar = {"GET": Action.VIEW_RESOURCES}
    query_parameters = PARAMETERS | {CURSOR}
    pagination_class = WalkedPagination
    queryset = Finding.objects.all()
    serializer_class = FindingSerializer

    @extend_schema(
        summary="Findings, what costs most first",
        parameters=[
            _parameter("rule", "Any of these rules.", enum=list(BY_NAME), many=True),
            _parameter("kind", "Any of these kinds.", enum=list(Kind), many=True),
            _parameter("account", "Any of these account ids.", many=True),
            _parameter("region", "Any of these regions.", many=True),
            _parameter(
                "state", "Open ones (the default), dismissed, closed, all.", enum=list(Standing)
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        """List the findings."""
        try:
            filters = FindingFilters.from_query(request.query_params)
        except FilterError as error:
            raise ValidationError(error.errors) from None
        page = self.paginate_queryset(finding_list(self.organization, filters))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class FindingDismissal(OrganizationAPIView):
    """The dismissal of a finding."""

    actions: ClassVar = {"POST": Action.MANAGE_FINDINGS, "DELETE": Action.MANAGE_FINDINGS}

    @extend_schema(
        summary="Dismiss a finding with a reason",
        request=ReasonSerializer,
        responses=FindingSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Take it off the list."""
        finding = self._finding(pk)
        told = ReasonSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        return self._answer(dismiss, finding, told.validated_data["reason"])

    @extend_schema(
        summary="Undo the dismissal of a finding",
        request=None,
        responses={200: FindingSerializer},
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Put it back on the list."""
        return self._answer(restore, self._finding(pk))

    def _finding(self, pk: int) -> Finding:
        return get_object_or_404(
            Finding.objects.of(self.organization).filter(rule__in=BY_NAME), pk=pk
        )

    def _answer(self, service: Callable[..., Finding], *args: Any) -> Response:
        try:
            return Response(FindingSerializer(service(*args)).data)
        except DismissalError as error:
            raise ValidationError(str(error)) from None
