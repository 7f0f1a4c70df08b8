"""Addresses of the discovery API, below /api/v1/."""

from django.urls import path

from discovery.api import ResourceDetailView, ResourceList
from discovery.findings_api import FindingDismissal, FindingList
from discovery.not_found_api import NotFoundCosts

urlpatterns = [
    path("resources/", ResourceList.as_view(), name="api-resources"),
    path("resources/not-found/", NotFoundCosts.as_view(), name="api-not-found"),
    path("resources/<int:pk>/", ResourceDetailView.as_view(), name="api-resource"),
    path("findings/", FindingList.as_view(), name="api-findings"),
    path("findings/<int:pk>/dismissal/", FindingDismissal.as_view(), name="api-finding-dismissal"),
]
