"""Addresses of the billing API, below /api/v1/."""

from django.urls import URLPattern, path

from billing import imports_api

urlpatterns: list[URLPattern] = [
    path("imports/", imports_api.ImportList.as_view(), name="api-imports"),
    path("imports/<int:pk>/", imports_api.ImportDetail.as_view(), name="api-import"),
]
