"""What the API says of a request that no view of its own has answered."""

from django.http import JsonResponse


def problem(status: int, kind: str, title: str, detail: str) -> JsonResponse:
    """Return a problem in JSON, in the shape that every error of the API has."""
    body = {"type": kind, "title": title, "detail": detail, "errors": {}}
    return JsonResponse(body, status=status, content_type="application/problem+json")
