"""Addresses of the cost pages, below /o/<organization>/."""

from django.urls import path

from billing import views
from billing.anomalies.urls import urlpatterns as anomaly_pages
from billing.budgets.urls import urlpatterns as budget_pages

app_name = "billing"
urlpatterns = [
    path("", views.Overview.as_view(), name="overview"),
    path("explore/", views.Explorer.as_view(), name="explore"),
    *budget_pages,
    *anomaly_pages,
]
