"""The billing app."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Imports and costs."""

    name = "billing"

    def ready(self) -> None:
        """Hang the import on connections, and answer for the costs of resources."""
        from billing import jobs, resource_costs  # noqa: PLC0415 - models are loaded only now
        from connections import resource_costs as seam  # noqa: PLC0415

        jobs.register()
        seam.register(resource_costs.resource_costs)
