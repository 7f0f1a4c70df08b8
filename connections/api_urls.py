"""Addresses of the connections API, below /api/v1/."""

from django.urls import path

from connections import api, organization_api
from connections.exports_api import DetectableExportsView
from connections.policies.api import PoliciesView

urlpatterns = [
    path("policies/", PoliciesView.as_view(), name="api-policies"),
    path("connections/", api.ConnectionsView.as_view(), name="api-connections"),
    path(
        "connections/detectable-exports/",
        DetectableExportsView.as_view(),
        name="api-detectable-exports",
    ),
    path("connections/<int:pk>/", api.ConnectionView.as_view(), name="api-connection"),
    path("connections/<int:pk>/check/", api.CheckView.as_view(), name="api-connection-check"),
    path("connections/<int:pk>/import/", api.ImportView.as_view(), name="api-connection-import"),
    path(
        "connections/<int:pk>/discover/", api.DiscoverView.as_view(), name="api-connection-discover"
    ),
    path(
        "connections/<int:pk>/organization/",
        organization_api.OrganizationView.as_view(),
        name="api-organization",
    ),
    path(
        "connections/<int:pk>/organization/refresh/",
        organization_api.OrganizationRefreshView.as_view(),
        name="api-organization-refresh",
    ),
    path(
        "connections/<int:pk>/organization/connect/",
        organization_api.OrganizationConnectView.as_view(),
        name="api-organization-connect",
    ),
    path(
        "connections/<int:pk>/organization/connect/<int:run>/",
        organization_api.OrganizationConnectingView.as_view(),
        name="api-organization-connecting",
    ),
    path("external-id/", organization_api.ExternalIdView.as_view(), name="api-external-id"),
]
