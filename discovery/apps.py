"""The discovery app."""

from django.apps import AppConfig


class DiscoveryConfig(AppConfig):
    """Discovery of resources."""

    name = "discovery"

    def ready(self) -> None:
        """Hang discovery on the connections."""
        from discovery import jobs  # noqa: PLC0415 - models are loaded only now

        jobs.register()
