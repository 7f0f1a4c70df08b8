"""The OpenAPI description of the REST API: served, and kept in docs/openapi.yaml.

`manage.py spectacular --file docs/openapi.yaml` writes the file anew.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from config.api_examples import EXAMPLES


class SchemaView(SpectacularAPIView):
    """The OpenAPI schema as YAML or JSON, as the Accept header prefers; for anybody known here."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse parameters: there is one schema."""
        super().initial(request, *args, **kwargs)
        if request.query_params:
            raise ValidationError(
                {name: ["This parameter is not known here."] for name in request.query_params}
            )


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a token is sent."""

    target_class = "organizations.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the Authorization header."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <token>`; a token belongs to one organization and one role.",
        }


_PROBLEMS = {
    "400": "The request is not valid: `errors` has sentences for each field or parameter.",
    "401": "No token, or one that is unknown or revoked.",
    "403": "The role does not allow this.",
    "404": "There is no such thing in this organization.",
    "429": "More requests in a minute than allowed; `Retry-After` has the seconds to wait.",
}
_PROBLEMS_OF_CHANGES = {
    "409": "In conflict with what exists or is under way.",
    "415": "The body is not JSON.",
}
_PROBLEM = {
    "type": "object",
    "description": "What every error looks like.",
    "properties": {
        "type": {"type": "string", "description": "A word for programs, for example `invalid`."},
        "title": {"type": "string"},
        "detail": {"type": "string", "description": "What happened, in a sentence for people."},
        "errors": {
            "type": "object",
            "description": "Sentences by field or parameter.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    "required": ["type", "title", "detail", "errors"],
    "example": {
        "type": "invalid",
        "title": "The request is not valid",
        "detail": "from: “x” is not a day. Write it as YYYY-MM-DD.",
        "errors": {"from": ["“x” is not a day. Write it as YYYY-MM-DD."]},
    },
}


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to every call the errors that it may answer with."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for calls in result["paths"].values():
        for method, call in calls.items():
            problems = _PROBLEMS if method == "get" else {**_PROBLEMS, **_PROBLEMS_OF_CHANGES}
            if "409" in call["responses"]:
                problems = {**problems, "409": _PROBLEMS_OF_CHANGES["409"]}
            for status, description in problems.items():
                call["responses"][status] = _problem(description)
    return result


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def with_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the examples that do not stand beside their views."""
    for calls in result["paths"].values():
        for call in calls.values():
            request, answer = EXAMPLES.get(call["operationId"], (None, None))
            if request is not None:
                _show(call["requestBody"]["content"], request)
            for status, response in call["responses"].items():
                if answer is not None and status.startswith("2") and "content" in response:
                    _show(response["content"], _page(answer) if _has_pages(call) else answer)
    return result


def _show(content: dict[str, Any], value: Any) -> None:
    content["application/json"]["examples"] = {"Example": {"value": value}}


def _has_pages(call: dict[str, Any]) -> bool:
    return any(one["name"] == "page" for one in call.get("parameters", ()))


def _page(answer: Any) -> dict[str, Any]:
    return {"count": 1, "next": None, "previous": None, "results": [answer]}
