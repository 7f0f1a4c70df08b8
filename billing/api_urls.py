"""Addresses of the billing API, below /api/v1/."""

from django.urls import URLPattern, path

from billing import costs_api, imports_api

urlpatterns: list[URLPattern] = [
    path("costs/", costs_api.Costs.as_view(), name="api-costs"),
    path(
        "unconnected-accounts/",
        costs_api.UnconnectedAccounts.as_view(),
        name="api-unconnected-accounts",
    ),
    path("imports/", imports_api.ImportList.as_view(), name="api-imports"),
    path("imports/<int:pk>/", imports_api.ImportDetail.as_view(), name="api-import"),
]
