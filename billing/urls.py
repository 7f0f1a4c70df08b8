"""Addresses of the cost pages, below /o/<organization>/."""

from django.urls import path

from billing import views
from billing.allocation.urls import urlpatterns as allocation

app_name = "billing"
urlpatterns = [
    path("", views.Overview.as_view(), name="overview"),
    path("explore/", views.Explorer.as_view(), name="explore"),
    *allocation,
]
