"""Addresses of the resource pages, below /o/<organization>/."""

from django.urls import path

from discovery import finding_pages, not_found_page, resource_page, views

app_name = "discovery"
urlpatterns = [
    path("resources/", views.Resources.as_view(), name="resources"),
    path("resources/not-found/", not_found_page.NotFound.as_view(), name="not-found"),
    path("resources/<int:pk>/", resource_page.ResourcePage.as_view(), name="resource"),
    path("findings/", finding_pages.Findings.as_view(), name="findings"),
    path("findings/thresholds/", finding_pages.Thresholds.as_view(), name="thresholds"),
    path("findings/<int:pk>/dismiss/", finding_pages.Dismissal.as_view(), name="dismiss"),
    path(
        "findings/<int:pk>/restore/", finding_pages.Dismissal.as_view(restores=True), name="restore"
    ),
]
