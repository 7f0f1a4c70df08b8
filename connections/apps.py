"""The connections app."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """Everything about reaching an AWS account."""

    name = "connections"
