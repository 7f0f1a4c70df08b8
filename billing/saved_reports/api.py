"""Saved reports in the API."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as ModelError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billing.saved_reports import services
from billing.saved_reports.models import SavedReport
from billing.saved_reports.reports import is_owner, visible
from organizations.access import Action, is_allowed
from organizations.api_base import OrganizationAPIView, OrganizationListAPIView
from organizations.models import User

_EXAMPLE = {
    "name": "EC2 by account",
    "query": "period=last-month&group_by=account&service=AmazonEC2",
    "is_shared": True,
}


class SavedReportSerializer(serializers.Serializer[SavedReport]):
    """A saved report."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    query = serializers.CharField(
        help_text="The explorer's query string; a period by name in it moves on with the calendar."
    )
    is_shared = serializers.BooleanField()
    owner = serializers.SerializerMethodField(help_text="null: it belongs to nobody alone.")
    is_mine = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_owner(self, report: SavedReport) -> str | None:
        """Return the owner's user name."""
        return report.owner.get_username() if report.owner else None

    def get_is_mine(self, report: SavedReport) -> bool:
        """Say whether it is the caller's own."""
        return is_owner(report, self.context["request"].user)


class SavedReportInput(serializers.Serializer[Any]):
    """What is saved."""

    name = serializers.CharField(max_length=120)
    query = serializers.CharField(max_length=8000, allow_blank=True)
    is_shared = serializers.BooleanField(required=False)


class SavedReportList(OrganizationListAPIView):
    """The saved reports that the caller sees."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS, "POST": Action.VIEW_COSTS}
    queryset = SavedReport.objects.all()
    serializer_class = SavedReportSerializer

    @extend_schema(operation_id="saved_reports", summary="Saved reports, by name")
    def get(self, request: Request) -> Response:
        """List the shared reports and the caller's own."""
        page = self.paginate_queryset(visible(self.organization, request.user))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="saved_report_create",
        summary="Save a report",
        request=SavedReportInput,
        responses={201: SavedReportSerializer},
        examples=[OpenApiExample("Shared", value=_EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Save an explorer query under a name.

        A report that a token saves is shared, which takes a role that manages reports.
        """
        is_person = isinstance(request.user, User)
        if not is_person and not is_allowed(
            request.user, Action.MANAGE_REPORTS, self.organization.pk
        ):
            self.permission_denied(request, "Sharing a report takes a role that manages reports.")
        entered = SavedReportInput(data=request.data)
        entered.is_valid(raise_exception=True)
        fields = {"is_shared": False, **entered.validated_data}
        try:
            report = services.create(
                self.organization, request.user, today=timezone.now().date(), **fields
            )
        except ModelError as error:
            raise _refused(error) from None
        return Response(self.get_serializer(report).data, status=status.HTTP_201_CREATED)


class SavedReportDetail(OrganizationAPIView):
    """One saved report."""

    actions: ClassVar = {
        "GET": Action.VIEW_COSTS,
        "PATCH": Action.VIEW_COSTS,
        "DELETE": Action.VIEW_COSTS,
    }

    def report(self, pk: int) -> SavedReport:
        """Return a report that the caller sees."""
        found: SavedReport = get_object_or_404(visible(self.organization, self.request.user), pk=pk)
        return found

    @extend_schema(
        operation_id="saved_report", summary="A saved report", responses=SavedReportSerializer
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return it."""
        return self._answer(self.report(pk))

    @extend_schema(
        operation_id="saved_report_change",
        summary="Rename or share a report, or save another query under its name",
        request=SavedReportInput(partial=True),
        responses=SavedReportSerializer,
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is given; a shared report takes a role that manages reports."""
        report = self.report(pk)
        services.demand_change(report, request.user)
        entered = SavedReportInput(data=request.data, partial=True)
        entered.is_valid(raise_exception=True)
        try:
            services.change(
                report, request.user, entered.validated_data, today=timezone.now().date()
            )
        except ModelError as error:
            raise _refused(error) from None
        return self._answer(report)

    @extend_schema(
        operation_id="saved_report_delete", summary="Delete a report", responses={204: None}
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Delete it with its schedules."""
        services.delete(self.report(pk), request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _answer(self, report: SavedReport) -> Response:
        return Response(SavedReportSerializer(report, context={"request": self.request}).data)


def _refused(error: ModelError) -> ValidationError:
    if not hasattr(error, "error_dict"):
        return ValidationError(error.messages)
    # The one rule about the row as a whole is that a name is used once.
    return ValidationError(
        {"name" if name == "__all__" else name: texts for name, texts in error.message_dict.items()}
    )
