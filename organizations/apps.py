"""The organizations app."""

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    """Lowest of the four apps: the others build on it, it imports none of them."""

    name = "organizations"

    def ready(self) -> None:
        """Register the system checks."""
        from organizations import checks  # noqa: F401, PLC0415 - registering is the import's effect
