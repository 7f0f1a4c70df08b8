"""The billing app."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Imports and costs."""

    name = "billing"
