"""The REST API of exports that exist in AWS."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from connections import detection
from connections.api import or_problem
from connections.detection import Detected, Found
from connections.serializers import AuthSerializer, StrictSerializer, auth_input
from organizations.access import Action
from organizations.api_base import OrganizationAPIView


class DetectSerializer(StrictSerializer):
    """Whose exports to look for."""

    auth = AuthSerializer()


class DetectableExportsView(OrganizationAPIView):
    """The billing exports that an account has, before it is connected."""

    actions = {"POST": Action.MANAGE_CONNECTIONS}

    @extend_schema(request=DetectSerializer, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> Response:
        """List every export with whether it fits and why not. Nothing is saved."""
        given = DetectSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        auth = auth_input(given.validated_data["auth"])
        detected = or_problem(lambda: detection.detectable_exports(self.organization, auth))
        return Response(detected_json(detected))


def detected_json(detected: Detected) -> dict[str, Any]:
    """Return what the API says of an account's exports."""
    return {"exports": [_found_json(one) for one in detected.found], "notes": detected.notes}


def _found_json(found: Found) -> dict[str, Any]:
    one = found.definition
    return {
        "schema": one.schema,
        "name": one.name,
        "bucket": one.bucket,
        "prefix": one.prefix,
        "region": found.region,
        "granularity": one.granularity,
        "file_format": one.file_format,
        "usable": found.is_usable,
        "reasons": found.reasons,
        "notes": found.notes,
        "preferred": found.is_preferred,
        "months_delivered": found.months,
    }
