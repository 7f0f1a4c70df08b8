"""The REST API's addresses: each app brings its own."""

from django.urls import include, path

from config.schema import SchemaView

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("", include("connections.api_urls")),
    path("", include("billing.api_urls")),
    path("", include("discovery.api_urls")),
]
