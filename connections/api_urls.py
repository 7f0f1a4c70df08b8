"""Addresses of the connections API, below /api/v1/."""

from django.urls import path

from connections import api
from connections.policies.api import PoliciesView

urlpatterns = [
    path("policies/", PoliciesView.as_view(), name="api-policies"),
    path("connections/", api.ConnectionsView.as_view(), name="api-connections"),
    path("connections/<int:pk>/", api.ConnectionView.as_view(), name="api-connection"),
    path("connections/<int:pk>/check/", api.CheckView.as_view(), name="api-connection-check"),
    path("connections/<int:pk>/import/", api.ImportView.as_view(), name="api-connection-import"),
    path(
        "connections/<int:pk>/discover/", api.DiscoverView.as_view(), name="api-connection-discover"
    ),
]
