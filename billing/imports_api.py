"""Imports in the API: what ran, how it went, what it found. Starting one is the connection's."""

from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from billing.exact import plain
from billing.models import ImportRun
from billing.periods import month_named
from organizations.access import Action
from organizations.api_base import OrganizationAPIView, OrganizationListAPIView
from organizations.runs import RunState


class _Error(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {name: serializers.CharField() for name in ("class", "message", "hint")}


class _SkippedAccount(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    name = serializers.CharField()
    amount = serializers.CharField()
    currency = serializers.CharField()


class ImportSerializer(serializers.ModelSerializer[ImportRun]):
    """One import: a look at a connection (billing_period null) or one month of it."""

    billing_period = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    error = _Error(allow_null=True)
    export_total = serializers.SerializerMethodField()
    portal_total = serializers.SerializerMethodField()
    skipped_accounts = _SkippedAccount(many=True)

    class Meta:
        model = ImportRun
        fields = [
            "id",
            "connection",
            "parent",
            "billing_period",
            "state",
            "step",
            "trigger",
            "attempt",
            "rows_read",
            "rows_loaded",
            "bytes_read",
            "export_total",
            "portal_total",
            "currency",
            "progress",
            "warnings",
            "timings",
            "skipped_accounts",
            "error",
            "queued_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_billing_period(self, run: ImportRun) -> str | None:
        """Return YYYY-MM; null for a look at all months."""
        return f"{run.billing_period:%Y-%m}" if run.billing_period else None

    def get_progress(self, run: ImportRun) -> dict[str, Any]:
        """Return {files, files_read, rows, bytes, bytes_total, seconds, step}, as far as known."""
        seconds = run.seconds
        known = {} if seconds is None else {"seconds": round(seconds, 1)}
        return {**run.progress, "step": run.step, **known}

    def get_export_total(self, run: ImportRun) -> str | None:
        """Return the export's own total, a decimal."""
        return _optional(run.export_total)

    def get_portal_total(self, run: ImportRun) -> str | None:
        """Return what the portal holds, a decimal."""
        return _optional(run.portal_total)


def _optional(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def serialize_import(run: Any) -> dict[str, Any]:
    """Return what the API says of an import."""
    return dict(ImportSerializer(run).data)


class ImportList(OrganizationListAPIView):
    """The imports of an organization, newest first."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}
    query_parameters = frozenset({"connection", "state", "billing_period"})
    queryset = ImportRun.objects.all()
    serializer_class = ImportSerializer

    @extend_schema(
        operation_id="imports_list",
        responses=ImportSerializer(many=True),
        parameters=[
            OpenApiParameter("connection", OpenApiTypes.INT),
            OpenApiParameter("state", OpenApiTypes.STR, enum=RunState.values),
            OpenApiParameter("billing_period", OpenApiTypes.STR, description="YYYY-MM"),
        ],
    )
    def get(self, request: Request) -> Response:
        """List imports."""
        found = self.get_queryset().filter(**_filters(request))
        page = self.paginate_queryset(found)
        return self.get_paginated_response(ImportSerializer(page, many=True).data)


class ImportDetail(OrganizationAPIView):
    """One import."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}

    @extend_schema(responses=ImportSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """Show an import."""
        run = get_object_or_404(ImportRun.objects.of(self.organization), pk=pk)
        return Response(ImportSerializer(run).data)


def _filters(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {}
    given, errors = request.query_params, {}
    if "connection" in given:
        if given["connection"].isascii() and given["connection"].isdigit():
            found["connection"] = min(int(given["connection"]), 2**63 - 1)
        else:
            errors["connection"] = ["Give a connection's id, a whole number."]
    if "state" in given:
        if given["state"] in RunState.values:
            found["state"] = given["state"]
        else:
            errors["state"] = [f"Give one of {', '.join(RunState.values)}."]
    if "billing_period" in given:
        if month := month_named(given["billing_period"]):
            found["billing_period"] = month
        else:
            errors["billing_period"] = ["Give a month as YYYY-MM."]
    if errors:
        raise ValidationError(errors)
    return found
