"""The admin site and the checks that need the whole project."""

import gc

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class CountinghouseAdminConfig(AdminConfig):
    """Django's admin with our own site."""

    default_site = "config.admin_site.OperatorSite"


class ConfigConfig(AppConfig):
    """Holds what belongs to no app: schedules' admin, the whole-project checks."""

    name = "config"
    label = "config"

    def ready(self) -> None:
        """Collect garbage from now on (see manage.py)."""
        gc.enable()
