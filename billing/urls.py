"""Addresses of the cost pages, below /o/<organization>/."""

from django.urls import path

from billing import views
from billing.allocation.urls import urlpatterns as allocation
from billing.anomalies.urls import urlpatterns as anomaly_pages
from billing.budgets.urls import urlpatterns as budget_pages
from billing.changes.page import ChangesPage
from billing.commitments.page import CommitmentsPage
from billing.coverage.page import CoveragePage
from billing.month_statement.page import StatementPage
from billing.saved_reports.urls import urlpatterns as saved_reports

app_name = "billing"
urlpatterns = [
    path("", views.Overview.as_view(), name="overview"),
    path("explore/", views.Explorer.as_view(), name="explore"),
    *budget_pages,
    *anomaly_pages,
    path("statement/", StatementPage.as_view(), name="statement"),
    path("changes/", ChangesPage.as_view(), name="changes"),
    path("tag-coverage/", CoveragePage.as_view(), name="tag-coverage"),
    path("commitments/", CommitmentsPage.as_view(), name="commitments"),
    *allocation,
    *saved_reports,
]
