"""The REST API of policies."""

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from connections.models import Connection
from connections.policies.answer import answer_for, answer_json, filled_form
from connections.policies.forms import PolicyForm
from connections.policies.rendering import Format
from connections.policies.values import Mode
from organizations.access import Action
from organizations.api_base import OrganizationAPIView

_FIELDS = frozenset(PolicyForm.base_fields)


class PoliciesView(OrganizationAPIView):
    """IAM and bucket policies, filled in: as JSON, CloudFormation or Terraform."""

    actions = {"GET": Action.MANAGE_CONNECTIONS}
    query_parameters = _FIELDS | {"connection"}

    @extend_schema(
        operation_id="policies_retrieve",
        parameters=[
            OpenApiParameter("mode", str, required=True, enum=list(Mode)),
            OpenApiParameter("format", str, enum=list(Format)),
            OpenApiParameter("connection", int, description="Fills in what is not given."),
            *(OpenApiParameter(name, str) for name in sorted(_FIELDS - {"mode", "format"})),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        """Return the policies of a mode."""
        given = {name: request.query_params[name] for name in request.query_params}
        connection = self._connection(given.pop("connection", ""))
        given.pop("organization", None)
        if connection is None and not given.get("mode"):
            raise ValidationError({"mode": [f"Say what for: {', '.join(Mode)}."]})
        form = filled_form(given, connection)
        if not form.is_valid():
            raise ValidationError(
                {
                    name: [str(one["message"]) for one in found]
                    for name, found in form.errors.get_json_data().items()
                }
            )
        return Response(answer_json(answer_for(form, self.organization)))

    def _connection(self, pk: str) -> Connection | None:
        if not pk:
            return None
        if not (pk.isascii() and pk.isdigit()):
            raise ValidationError({"connection": ["Give the connection's id, a number."]})
        rows: Any = Connection.objects.of(self.organization).connected()
        found: Connection | None = rows.filter(pk=pk).first()
        if found is None:
            raise Http404
        return found
