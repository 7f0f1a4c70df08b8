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
        """Collect garbage from now on where start-up put it off (see manage.py).

        What start-up made is never looked through, not even when the command ends.
        """
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
