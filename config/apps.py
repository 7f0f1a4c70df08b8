"""The admin site and the checks that need the whole project."""

import gc

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class CountinghouseAdminConfig(SimpleAdminConfig):
    """Django's admin with our own site.

    `config.urls` finds the admin modules: commands and workers, which show no page, go without.
    """

    default_site = "config.admin_site.OperatorSite"


class ConfigConfig(AppConfig):
    """Holds what belongs to no app: schedules' admin, the whole-project checks."""

    name = "config"
    label = "config"

    def ready(self) -> None:
        """Collect garbage from now on (see manage.py), never looking at what start-up made.

        Without this a process looks through all of that once more when it ends.
        """
        gc.freeze()
        gc.enable()
