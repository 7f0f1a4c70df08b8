"""Addresses of the billing API, below /api/v1/."""

from django.urls import URLPattern, path

from billing import costs_api, imports_api, migration_api, restatements_api
from billing.focus.api import Focus

urlpatterns: list[URLPattern] = [
    path("costs/", costs_api.Costs.as_view(), name="api-costs"),
    path("focus/", Focus.as_view(), name="api-focus"),
    path(
        "unconnected-accounts/",
        costs_api.UnconnectedAccounts.as_view(),
        name="api-unconnected-accounts",
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
