"""Starts the real servers before anything reads the settings, then sets Django up.

This file lies at the root because pytest loads it before every other conftest, and because it puts
the checkout on the import path for a bare `pytest`.
"""

import os

from tests.services import start_services

start_services()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django  # noqa: E402 - the settings read the environment set above

django.setup()

# Processes that pytest starts would read the settings before they come here and are told their own.
del os.environ["DJANGO_SETTINGS_MODULE"]

pytest_plugins = ["tests.fixtures", "tests.cast", "tests.belongings"]
