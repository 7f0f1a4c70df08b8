"""The REST API of migrating a connection from one export to another."""

from abc import ABC, abstractmethod
from datetime import date
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billing import migration
from billing.exact import plain
from billing.migration import AccountPair, Month, Pair
from billing.models import Delivery
from billing.periods import month_named
from connections.api import OneConnectionView, or_problem
from connections.migration import Migration, migration_of
from connections.models import Connection, Export
from connections.serializers import ExportSerializer, StrictSerializer, export_input
from organizations.access import Action
from organizations.api_base import NON_FIELD

_MANAGE = Action.MANAGE_CONNECTIONS


class BeginSerializer(StrictSerializer):
    """The export that shall take the present one's place."""

    export = ExportSerializer()


class SwitchSerializer(StrictSerializer):
    """From which month on the new export counts; left out: the first that both hold."""

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.CharField(required=False, allow_null=True)}


class MigrationView(OneConnectionView):
    """The migration of one connection: both exports, month by month."""

    actions = {"GET": _MANAGE, "POST": _MANAGE, "DELETE": _MANAGE}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """Return both exports' totals side by side, and from which one each month counts."""
        return Response(migration_json(self.connection(pk)))

    @extend_schema(request=BeginSerializer, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Add an export beside the present one. It is imported; nothing counts from it yet."""
        connection = self.connection(pk)
        given = BeginSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        export, steps = export_input(given.validated_data["export"]), list[str]()
        or_problem(lambda: migration.begin(connection, export, say=steps.append))
        answer = {**migration_json(connection), "created": steps}
        return Response(answer, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Give the migration up before anything counts from the new export."""
        connection = self.connection(pk)
        or_problem(lambda: migration.abandon(connection))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SwitchView(OneConnectionView):
    """Count months from the new export."""

    actions = {"POST": _MANAGE}

    @extend_schema(request=SwitchSerializer, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, pk: int) -> Response:
        """Count every month from `from` on (YYYY-MM) from the new export, where it holds it."""
        connection = self.connection(pk)
        given = SwitchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        first = parsed_month(given.validated_data.get("from"))
        or_problem(lambda: migration.switch(connection, first))
        return Response(migration_json(connection))


class _StepView(ABC, OneConnectionView):
    """A step that has nothing to choose."""

    actions = {"POST": _MANAGE}

    @abstractmethod
    def step(self, connection: Connection) -> Migration:
        """Do it."""

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, pk: int) -> Response:
        """Do it and return how the migration stands then."""
        connection = self.connection(pk)
        if request.data:
            raise ValidationError({NON_FIELD: ["Send no body: there is nothing to choose."]})
        or_problem(lambda: self.step(connection))
        return Response(migration_json(connection))


class UndoView(_StepView):
    """Count every month from the old export again."""

    def step(self, connection: Connection) -> Migration:
        return migration.undo(connection)


class FinishView(_StepView):
    """Look at the old export no more."""

    def step(self, connection: Connection) -> Migration:
        return migration.finish(connection)


def parsed_month(text: str | None) -> date | None:
    """Return the first day of "YYYY-MM", None for nothing. Raises ValidationError."""
    if not text:
        return None
    month = month_named(text)
    if month is None:
        raise ValidationError({"from": [f"Give a month as YYYY-MM, not “{text}”."]})
    return month


def migration_json(connection: Connection) -> dict[str, Any]:
    """Return what the API says of a connection's migration."""
    found = migration_of(connection)
    if found is None:
        return {"state": "none", "old": None, "new": None, "counts_from": None, "months": []}
    first = found.new.counts_from
    return {
        "state": found.state,
        "old": _export_json(found.old),
        "new": _export_json(found.new),
        "counts_from": f"{first:%Y-%m}" if first else None,
        "months": [_month_json(one) for one in migration.months(found)],
    }


def _export_json(export: Export) -> dict[str, Any]:
    names = ("schema", "name", "bucket", "prefix", "region", "granularity", "file_format")
    return {name: getattr(export, name) for name in names}


def _month_json(month: Month) -> dict[str, Any]:
    return {
        "billing_period": f"{month.billing_period:%Y-%m}",
        "counted_from": month.counted or None,
        "old": _delivery_json(month.old),
        "new": _delivery_json(month.new),
        "totals": [
            {
                "currency": one.currency,
                **{measure: _pair_json(pair) for measure, pair in one.measures.items()},
            }
            for one in month.totals
        ],
        "accounts": [_account_json(one) for one in month.accounts],
    }


def _delivery_json(delivery: Delivery | None) -> dict[str, Any] | None:
    if delivery is None:
        return None
    return {
        "loaded_at": delivery.loaded_at,
        "data_through": delivery.data_through,
        "final": delivery.is_final,
        "rows_read": delivery.rows_read,
    }


def _account_json(one: AccountPair) -> dict[str, Any]:
    return {
        "account_id": one.account_id,
        "name": one.name,
        "currency": one.currency,
        "unblended_cost": _pair_json(one.cost),
    }


def _pair_json(pair: Pair) -> dict[str, str | None]:
    return {"old": _text(pair.old), "new": _text(pair.new), "difference": _text(pair.difference)}


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)
