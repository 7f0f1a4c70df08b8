"""Restatement history in the API: what changed between two deliveries of a month."""

import re
from datetime import date
from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billing.exact import plain
from billing.measures import Measure
from billing.models import Delivery
from billing.periods import month_named
from billing.restatements import Change, Restatement, RestatementError, restatement
from connections.models import Connection
from organizations.access import Action
from organizations.api_base import OrganizationAPIView

_ID = re.compile(r"[0-9]{1,18}")


class _Delivery(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    export = serializers.CharField()
    execution_id = serializers.CharField()
    loaded_at = serializers.DateTimeField()
    is_final = serializers.BooleanField()


class _Change(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    service = serializers.CharField()
    charge_type = serializers.CharField()
    currency = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    difference = serializers.CharField()


class RestatementSerializer(serializers.Serializer[Any]):
    """What changed; amounts are decimals as text. `from_delivery` null: nothing to compare."""

    connection = serializers.IntegerField()
    billing_period = serializers.CharField()
    metric = serializers.ChoiceField(Measure.choices)
    deliveries = _Delivery(many=True)
    from_delivery = serializers.IntegerField(allow_null=True)
    to_delivery = serializers.IntegerField(allow_null=True)
    differences = serializers.DictField(child=serializers.CharField())
    changes = _Change(many=True)


class Restatements(OrganizationAPIView):
    """What changed between two deliveries of a connection's month."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}
    query_parameters = frozenset(
        {"connection", "billing_period", "from_delivery", "to_delivery", "metric"}
    )

    @extend_schema(
        operation_id="restatements",
        responses=RestatementSerializer,
        parameters=[
            OpenApiParameter("connection", OpenApiTypes.INT, required=True),
            OpenApiParameter(
                "billing_period", OpenApiTypes.STR, required=True, description="YYYY-MM"
            ),
            OpenApiParameter(
                "from_delivery",
                OpenApiTypes.INT,
                description="Left out: the one that the export delivered before.",
            ),
            OpenApiParameter(
                "to_delivery",
                OpenApiTypes.INT,
                description="Left out: the one that the month counts from.",
            ),
            OpenApiParameter("metric", OpenApiTypes.STR, enum=Measure.values),
        ],
    )
    def get(self, request: Request) -> Response:
        """Return every account, service and charge type whose cost differs."""
        given = _given(request)
        rows = Connection.objects.of(self.organization).connected()
        connection = rows.select_related("organization").filter(pk=given["connection"]).first()
        if connection is None:
            raise Http404
        try:
            found = restatement(
                connection,
                given["billing_period"],
                before=given.get("from_delivery"),
                after=given.get("to_delivery"),
                measure=given["metric"],
            )
        except RestatementError as error:
            raise ValidationError({error.field: [str(error)]}) from None
        return Response(_json(connection, given["billing_period"], found))


def _given(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    given = request.query_params
    for name in ("connection", "from_delivery", "to_delivery"):
        text = given.get(name, "")
        if _ID.fullmatch(text):
            found[name] = int(text)
        elif text or name == "connection":
            errors[name] = ["Give an id, a whole number."]
    if month := month_named(given.get("billing_period", "")):
        found["billing_period"] = month
    else:
        errors["billing_period"] = ["Give a month as YYYY-MM."]
    metric = given.get("metric") or Measure.UNBLENDED.value
    if metric in Measure.values:
        found["metric"] = Measure(metric)
    else:
        errors["metric"] = [f"Give one of {', '.join(Measure.values)}."]
    if errors:
        raise ValidationError(errors)
    return found


def _json(connection: Connection, billing_period: date, found: Restatement) -> dict[str, Any]:
    return {
        "connection": connection.pk,
        "billing_period": f"{billing_period:%Y-%m}",
        "metric": found.measure.value,
        "deliveries": [_delivery(one) for one in found.deliveries],
        "from_delivery": found.before.pk if found.before else None,
        "to_delivery": found.after.pk if found.after else None,
        "differences": {
            currency: plain(amount) for currency, amount in sorted(found.differences.items())
        },
        "changes": [_change(one) for one in found.changes],
    }


def _delivery(one: Delivery) -> dict[str, Any]:
    return {
        "id": one.pk,
        "export": str(one.export),
        "execution_id": one.execution_id,
        "loaded_at": one.loaded_at,
        "is_final": one.is_final,
    }


def _change(one: Change) -> dict[str, str]:
    return {
        "account_id": one.account_id,
        "service": one.service,
        "charge_type": one.charge_type,
        "currency": one.currency,
        "before": plain(one.before),
        "after": plain(one.after),
        "difference": plain(one.difference),
    }
