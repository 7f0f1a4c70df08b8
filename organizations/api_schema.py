"""How the API's schema describes what the base of every view reads."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

_COMMON = {
    "organization": OpenApiParameter(
        "organization",
        str,
        description=(
            "The organization's slug, for people with several. A token has one and needs none."
        ),
    ),
    "page": OpenApiParameter(
        "page", {"type": "integer", "minimum": 1}, description="1 unless given."
    ),
    "page_size": OpenApiParameter(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": 1000},
        description="100 unless given.",
    ),
}


class CallSchema(AutoSchema):
    """One call, with the `common_parameters` of its view; only GET reads pages."""

    def _is_list_view(self, serializer: Any = None) -> bool:
        # By the name of its method alone no view here is a list.
        if self.method == "GET" and "page" in getattr(self.view, "common_parameters", ()):
            return True
        return bool(super()._is_list_view(serializer))

    def get_override_parameters(self) -> list[Any]:
        """Return the parameters that are not the view's own."""
        names = set(getattr(self.view, "common_parameters", ()))
        if self.method != "GET":
            names &= {"organization"}
        return [parameter for name, parameter in _COMMON.items() if name in names]
