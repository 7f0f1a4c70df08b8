"""Addresses of the billing API, below /api/v1/."""

from django.urls import URLPattern, path

from billing import costs_api, imports_api, migration_api, restatements_api
from billing.allocation import api as allocation_api
from billing.anomalies import api as anomalies_api
from billing.budgets import api as budgets_api
from billing.changes.api import ChangesView
from billing.focus.api import Focus
from billing.saved_reports import api as saved_reports_api

urlpatterns: list[URLPattern] = [
    path("costs/", costs_api.Costs.as_view(), name="api-costs"),
    path("focus/", Focus.as_view(), name="api-focus"),
    path(
        "unconnected-accounts/",
        costs_api.UnconnectedAccounts.as_view(),
        name="api-unconnected-accounts",
    ),
    path("budgets/", budgets_api.Budgets.as_view(), name="api-budgets"),
    path("budgets/<int:pk>/", budgets_api.BudgetView.as_view(), name="api-budget"),
    path("anomalies/", anomalies_api.AnomalyList.as_view(), name="api-anomalies"),
    path("changes/", ChangesView.as_view(), name="api-changes"),
    path("cost-centers/", allocation_api.CostCenterList.as_view(), name="api-cost-centers"),
    path(
        "allocation-rules/",
        allocation_api.AllocationRuleList.as_view(),
        name="api-allocation-rules",
    ),
    path("saved-reports/", saved_reports_api.SavedReportList.as_view(), name="api-saved-reports"),
    path(
        "saved-reports/<int:pk>/",
        saved_reports_api.SavedReportDetail.as_view(),
        name="api-saved-report",
    ),
    path("imports/", imports_api.ImportList.as_view(), name="api-imports"),
    path("restatements/", restatements_api.Restatements.as_view(), name="api-restatements"),
    path("imports/<int:pk>/", imports_api.ImportDetail.as_view(), name="api-import"),
    path(
        "connections/<int:pk>/migration/",
        migration_api.MigrationView.as_view(),
        name="api-migration",
    ),
    path(
        "connections/<int:pk>/migration/switch/",
        migration_api.SwitchView.as_view(),
        name="api-migration-switch",
    ),
    path(
        "connections/<int:pk>/migration/undo/",
        migration_api.UndoView.as_view(),
        name="api-migration-undo",
    ),
    path(
        "connections/<int:pk>/migration/finish/",
        migration_api.FinishView.as_view(),
        name="api-migration-finish",
    ),
]
