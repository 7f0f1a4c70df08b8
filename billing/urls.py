"""Addresses of the cost pages, below /o/<organization>/."""

from django.urls import path

from billing import views
from billing.allocation.urls import urlpatterns as allocation
from billing.saved_reports.urls import urlpatterns as saved_reports

app_name = "billing"
urlpatterns = [
    path("", views.Overview.as_view(), name="overview"),
    path("explore/", views.Explorer.as_view(), name="explore"),
    *allocation,
    *saved_reports,
]
