"""The parameters that the calls about costs share, as the API's schema describes them."""

from collections.abc import Sequence

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from billing.cost_terms import SUFFIXES
from billing.dimensions import COST_CATEGORY_PREFIX, NAMED_DIMENSIONS, PLAIN_NAMES, TAG_PREFIX

# The names of filters; one that ends in ":" is a prefix.
FILTERS = frozenset(
    {name + suffix for name in PLAIN_NAMES for suffix in SUFFIXES}
    | {TAG_PREFIX, COST_CATEGORY_PREFIX}
)
RANGE = (
    OpenApiParameter(
        "from",
        OpenApiTypes.DATE,
        description="First day; left out, the first day of the month of the last day.",
    ),
    OpenApiParameter(
        "to",
        OpenApiTypes.DATE,
        description="First day that is left out; by default the first of next month.",
    ),
)


def filter_parameters() -> list[OpenApiParameter]:
    """Return the filters on dimensions with a name of their own."""
    return [
        OpenApiParameter(
            name,
            OpenApiTypes.STR,
            many=True,
            description=(
                f"Only this {label.lower()}; `{name}!=` leaves it out, `{name}~=` wants "
                f"the text anywhere in it, in upper or lower case, `{name}!~=` nowhere."
            ),
        )
        for name, label in NAMED_DIMENSIONS
    ]


def chosen_format(request: Request, formats: Sequence[str]) -> str:
    """Return the format asked for, the first where none is."""
    given = request.query_params.getlist("format") or [formats[0]]
    if len(given) > 1 or given[0] not in formats:
        raise ValidationError({"format": [f"Use one of {', '.join(formats)}."]})
    return given[0]
