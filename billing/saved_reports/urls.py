"""Addresses of the pages of saved reports, below /o/<organization>/."""

from django.urls import path

from billing.saved_reports import views

urlpatterns = [
    path("saved-reports/", views.SavedReports.as_view(), name="saved-reports"),
    path("saved-reports/new/", views.SaveReport.as_view(), name="saved-report-new"),
    path("saved-reports/<int:pk>/", views.OpenReport.as_view(), name="saved-report"),
    path("saved-reports/<int:pk>/edit/", views.EditReport.as_view(), name="saved-report-edit"),
    path(
        "saved-reports/<int:pk>/delete/", views.DeleteReport.as_view(), name="saved-report-delete"
    ),
    path(
        "saved-reports/<int:pk>/schedule/",
        views.ScheduleReport.as_view(),
        name="saved-report-schedule",
    ),
    path(
        "saved-reports/<int:pk>/unschedule/",
        views.UnscheduleReport.as_view(),
        name="saved-report-unschedule",
    ),
]
