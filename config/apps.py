"""The admin site and the checks that need the whole project."""

import gc

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig

# Garbage is looked for when there are so many more objects than the last time.
_NEW_OBJECTS = 50_000


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

        What start-up made is never looked through, not even when the command ends; and what a
        command loads later is no garbage either.
        """
        if not gc.isenabled():
            gc.freeze()
            gc.set_threshold(_NEW_OBJECTS)
            gc.enable()
