"""The billing app."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Imports and costs."""

    name = "billing"

    def ready(self) -> None:
        """Hang the import on connections."""
        from billing import jobs  # noqa: PLC0415 - models are loaded only now

        jobs.register()
