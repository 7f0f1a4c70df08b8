"""The REST API of connections."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from connections import jobs, services
from connections.inputs import Refusal
from connections.models import Connection
from connections.serializers import (
    ConnectionChangeSerializer,
    ConnectionSerializer,
    auth_input,
    connection_input,
    connection_json,
    connections_json,
    export_input,
)
from organizations.access import Action
from organizations.api_base import (
    NON_FIELD,
    Conflict,
    OrganizationAPIView,
    OrganizationListAPIView,
)
from organizations.runs import RunFailure, Trigger

T = TypeVar("T")
_MANAGE = Action.MANAGE_CONNECTIONS


def or_problem(work: Callable[[], T]) -> T:
    """Return what a service returns; its refusal becomes a 400 under the fields, or a 409."""
    try:
        return work()
    except Refusal as refusal:
        if refusal.is_conflict:
            raise Conflict(refusal.message) from None
        raise ValidationError(
            {path or NON_FIELD: [sentence] for path, sentence in refusal.errors.items()}
        ) from None


class ConnectionsView(OrganizationListAPIView):
    """The AWS accounts that the organization connected."""

    actions = {"GET": _MANAGE, "POST": _MANAGE}
    queryset = Connection.objects.connected()

    @extend_schema(operation_id="connections_list", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """List the connections, a page at a time."""
        rows = self.get_queryset().select_related("organization")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(connections_json(page or []))

    @extend_schema(request=ConnectionSerializer, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Connect an account. Takes at most 15 seconds to say that it does not work."""
        given = ConnectionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted, steps = connection_input(given.validated_data), list[str]()
        made = or_problem(lambda: services.connect(self.organization, wanted, say=steps.append))
        answer = {**connection_json(made), "created": steps}
        return Response(answer, status=status.HTTP_201_CREATED)


class OneConnectionView(OrganizationAPIView):
    """A view on one connection of the organization."""

    actions: ClassVar[dict[str, Action]] = {}

    def connection(self, pk: int) -> Connection:
        """Return the connection; somebody else's does not exist here."""
        rows = Connection.objects.of(self.organization).connected()
        found: Connection | None = rows.select_related("organization").filter(pk=pk).first()
        if found is None:
            raise Http404
        return found


class ConnectionView(OneConnectionView):
    """One connected account."""

    actions = {"GET": _MANAGE, "PATCH": _MANAGE, "DELETE": _MANAGE}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """Return the connection, without its secrets."""
        return Response(connection_json(self.connection(pk)))

    @extend_schema(request=ConnectionChangeSerializer, responses=OpenApiTypes.OBJECT)
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is given; `auth` and `export` whole. Bad values change nothing."""
        connection = self.connection(pk)
        given = ConnectionChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        changes: dict[str, Any] = dict(given.validated_data)
        if "auth" in changes:
            changes["auth"] = auth_input(changes["auth"])
        if "export" in changes:
            changes["export"] = export_input(changes["export"])
        steps: list[str] = []
        changed = or_problem(
            lambda: services.update_connection(connection, **changes, say=steps.append)
        )
        return Response({**connection_json(changed), "created": steps})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Disconnect: the credentials are erased, the history is kept."""
        services.disconnect(self.connection(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ConnectionJobView(OneConnectionView):
    """Start one kind of work on a connection."""

    actions = {"POST": _MANAGE}
    job_name: ClassVar[str] = ""

    @extend_schema(request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Start it, or answer with the run that is under way already."""
        connection = self.connection(pk)
        if request.data:
            raise ValidationError({NON_FIELD: ["Send no body: there is nothing to choose."]})
        job = next((one for one in jobs.jobs_of(connection) if one.name == self.job_name), None)
        if job is None:
            raise NotFound(_has_no(connection, self.job_name))
        try:
            run = job.start(connection, Trigger.API)
        except RunFailure as failure:
            raise Conflict(" ".join(filter(None, (failure.message, failure.hint)))) from None
        return Response(job.serialize(run), status=status.HTTP_202_ACCEPTED)


def _has_no(connection: Connection, job_name: str) -> str:
    if connection.is_costs_only:
        return f"{connection} is connected for costs only, so it has no {job_name}."
    return f"A {connection.get_kind_display().lower()} has no {job_name}."


class CheckView(ConnectionJobView):
    """Test a connection."""

    job_name = "check"


class ImportView(ConnectionJobView):
    """Import a connection's bill."""

    job_name = "import"


class DiscoverView(ConnectionJobView):
    """Discover a connection's resources."""

    job_name = "discover"
