"""The REST API of a payer's AWS organization, and of the external id that its roles demand."""

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from connections import member_connecting, members
from connections.api import ConnectionJobView, OneConnectionView, or_problem
from connections.aws.session import external_id_of
from connections.models import Connection, ConnectionKind, MemberConnecting, RoleSource
from connections.organization import MemberLine, organization_of
from connections.serializers import MembersSerializer
from connections.trust import trust_policy
from organizations.access import Action
from organizations.api_base import OrganizationAPIView
from organizations.runs import Trigger

_MANAGE = Action.MANAGE_CONNECTIONS


class _PayerView(OneConnectionView):
    """A view on a payer's organization; a linked account has none."""

    def connection(self, pk: int) -> Connection:
        """Return the payer's connection."""
        found = super().connection(pk)
        if found.kind != ConnectionKind.ROOT:
            raise Http404
        return found


class OrganizationView(_PayerView):
    """The members of a payer's AWS organization."""

    actions = {"GET": _MANAGE}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """Return all members with status, unit, connection and last month's cost."""
        found = organization_of(self.connection(pk))
        look = found.listing
        return Response(
            {
                "connection": found.payer.pk,
                "payer_account_id": found.payer.account_id,
                "aws_organization_id": look.aws_organization_id if look else "",
                "listed": members.serialize(look) if look else None,
                "listing_under_way": found.under_way is not None,
                "members": [_member_json(one) for one in found.members],
            }
        )


class OrganizationRefreshView(ConnectionJobView):
    """List the members anew."""

    job_name = members.JOB


class OrganizationConnectView(_PayerView):
    """Connect many members at once."""

    actions = {"POST": _MANAGE}

    @extend_schema(request=MembersSerializer, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Start it; the run has a result in words for each account, as they come."""
        payer = self.connection(pk)
        given = MembersSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        run = or_problem(
            lambda: member_connecting.request_connecting(
                payer,
                data["account_ids"],
                role_name=data["role_name"],
                role_source=RoleSource(data["role_source"]),
                trigger=Trigger.API,
            )
        )
        return Response(member_connecting.serialize(run), status=status.HTTP_202_ACCEPTED)


class OrganizationConnectingView(_PayerView):
    """One connecting of members."""

    actions = {"GET": _MANAGE}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: int, run: int) -> Response:
        """Return how far it is, and what came of each account so far."""
        runs = MemberConnecting.objects.filter(connection=self.connection(pk))
        found = runs.filter(pk=run).first()
        if found is None:
            raise Http404
        return Response(member_connecting.serialize(found))


class ExternalIdView(OrganizationAPIView):
    """The external id that the trust policies of this organization's roles must demand."""

    actions = {"GET": _MANAGE}
    query_parameters = frozenset({"principal"})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Return the external id and a trust policy that demands it.

        `principal` is the ARN of whoever assumes the role: the portal's own identity, or the user
        or role of the payer's connection.
        """
        principal = request.query_params.get("principal", "")
        if not principal.startswith("arn:") and principal:
            raise ValidationError({"principal": ["Give the ARN of the user or role."]})
        external_id = external_id_of(self.organization)
        return Response(
            {
                "external_id": external_id,
                "trust_policy": trust_policy(external_id, principal) if principal else None,
            }
        )


def _member_json(line: MemberLine) -> dict[str, Any]:
    account, connection = line.account, line.connection
    return {
        "account_id": account.account_id,
        "name": account.name,
        "organizational_unit": account.organizational_unit,
        "status": account.status,
        "connected": line.is_connected,
        "connection": connection.pk if connection else None,
        "costs_only": bool(connection and connection.is_costs_only),
        "last_month": [
            {"month": f"{one.month:%Y-%m}", "amount": f"{one.amount:f}", "currency": one.currency}
            for one in line.costs
        ],
    }
