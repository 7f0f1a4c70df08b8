"""The billing app."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Imports and costs."""

    name = "billing"

    def ready(self) -> None:
        """Hang the import on connections, and answer for the costs of resources."""
        from billing import account_costs, jobs  # noqa: PLC0415 - models are loaded only now
        from connections import account_costs as members_seam  # noqa: PLC0415
        from connections import resource_costs  # noqa: PLC0415

        jobs.register()
        resource_costs.register("billing.resource_costs")
        members_seam.register(account_costs.last_month_costs)
