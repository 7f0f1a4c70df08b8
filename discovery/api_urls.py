"""Addresses of the discovery API, below /api/v1/."""

from django.urls import path

from discovery.api import ResourceList

urlpatterns = [
    path("resources/", ResourceList.as_view(), name="api-resources"),
]
