"""The OpenAPI description of the REST API."""

from drf_spectacular.views import SpectacularAPIView


class SchemaView(SpectacularAPIView):
    """The OpenAPI 3 schema, for anybody who is signed in or holds a token."""
