"""Addresses of the anomaly pages, below /o/<organization>/."""

from django.urls import path

from billing.anomalies import views

urlpatterns = [
    path("anomalies/", views.Anomalies.as_view(), name="anomalies"),
    path("anomalies/<int:pk>/", views.AnomalyDetail.as_view(), name="anomaly"),
    path("anomalies/<int:pk>/dismiss/", views.Dismissal.as_view(), name="anomaly-dismiss"),
    path(
        "anomalies/<int:pk>/restore/",
        views.Dismissal.as_view(restores=True),
        name="anomaly-restore",
    ),
]
