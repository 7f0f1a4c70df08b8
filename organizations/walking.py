"""Lists that are walked from end to end: pages by number, or one behind the other with a cursor.

Pages by number move when rows come or go: a row may be told twice, or never. A cursor goes by ids,
in the order in which rows were made: what is there all the time is told exactly once, and what
comes meanwhile is told at the end. However far it gets, a page costs the same.
"""

import hashlib
from typing import Any

from django.core import signing
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from organizations.api_base import Pagination

CURSOR = "cursor"
_SALT = "organizations.walking"
_NOT_WITH = ("page", "sort")
_OF_THE_PAGE = frozenset({CURSOR, "page_size", "organization", "format"})
_FOREIGN = (
    "This cursor does not belong to this question. Take it from “next” of an answer to the same "
    "question, or leave it empty to begin."
)
_HELP = (
    "Walk the whole list: begin with an empty cursor, then follow `next`. Rows come in the order "
    "in which they were made; what is there all the time comes exactly once."
)


class WalkedPagination(Pagination):
    """`cursor`, beside `page` and `page_size`; the answers look the same. `previous` is null."""

    _walks = False
    _next: str | None = None
    _count = 0

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """Return the rows (or ids) of a page. Raises ValidationError for a wrong cursor."""
        if CURSOR not in request.query_params:
            return super().paginate_queryset(queryset, request, view)
        self._walks = True
        question = _question(request, view.organization.pk)
        last = _last(request, question)
        size = self.get_page_size(request) or Pagination.page_size
        self._count = queryset.count()
        rows = list(queryset.filter(pk__gt=last).order_by("pk")[: size + 1])
        if len(rows) > size:
            rows = rows[:size]
            self._next = _address(request, question, getattr(rows[-1], "pk", rows[-1]))
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Return {"count", "next", "previous", "results"}."""
        if not self._walks:
            return super().get_paginated_response(data)
        return Response(
            {"count": self._count, "next": self._next, "previous": None, "results": data}
        )

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the cursor as well."""
        text = {"type": "string"}
        cursor = {"name": CURSOR, "in": "query", "required": False, "schema": text}
        return [*super().get_schema_operation_parameters(view), {**cursor, "description": _HELP}]


def _question(request: Request, organization_id: int) -> str:
    """Return what a cursor belongs to: an organization and its filters."""
    asked = sorted(
        (name, values) for name, values in request.query_params.lists() if name not in _OF_THE_PAGE
    )
    return hashlib.sha256(repr((organization_id, request.path, asked)).encode()).hexdigest()[:24]


def _last(request: Request, question: str) -> int:
    """Return the id behind which to go on; 0 at the beginning."""
    wrong = [name for name in _NOT_WITH if name in request.query_params]
    if wrong:
        sentence = "A cursor has an order of its own: leave this out."
        raise ValidationError({name: [sentence] for name in wrong})
    given = request.query_params.getlist(CURSOR)
    if len(given) > 1:
        raise ValidationError({CURSOR: ["Give this parameter once."]})
    if given == [""]:
        return 0
    try:
        belongs_to, last = signing.loads(given[0], salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise ValidationError({CURSOR: [_FOREIGN]}) from None
    if belongs_to != question:
        raise ValidationError({CURSOR: [_FOREIGN]})
    return int(last)


def _address(request: Request, question: str, last: int) -> str:
    params = request.query_params.copy()
    params[CURSOR] = signing.dumps((question, last), salt=_SALT)
    address: str = request.build_absolute_uri(f"{request.path}?{params.urlencode()}")
    return address
