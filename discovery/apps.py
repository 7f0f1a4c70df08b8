"""The discovery app."""

from django.apps import AppConfig


class DiscoveryConfig(AppConfig):
    """Discovery of resources."""

    name = "discovery"
