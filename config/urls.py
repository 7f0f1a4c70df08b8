"""Every address of the portal. The access table in tests/ lists each with who may call it."""

from django.contrib import admin
from django.urls import include, path

from config import views

admin.autodiscover()

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("", include("organizations.urls")),
    path("o/<slug:organization>/", include("billing.urls")),
    path("o/<slug:organization>/", include("discovery.urls")),
    path("o/<slug:organization>/", include("connections.urls")),
    path("admin/connections/", include("connections.policies.urls")),
    path("admin/connections/", include("connections.export_urls")),
    path("admin/connections/migration/", include("billing.migration_pages")),
    path("admin/connections/", include("billing.import_pages")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api")),
]

handler400 = views.bad_request
handler404 = views.page_not_found
handler500 = views.server_error
