"""The billing app."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Imports and costs."""

    name = "billing"

    def ready(self) -> None:
        """Hang the import on connections, and answer for the costs of resources."""
        from billing import (  # noqa: PLC0415 - models are loaded only now
            account_costs,
            jobs,
            resource_costs,
        )
        from connections import account_costs as members_seam  # noqa: PLC0415
        from connections import resource_costs as seam  # noqa: PLC0415

        jobs.register()
        seam.register(
            resource_costs.resource_costs,
            resource_costs.resource_cost_lines,
            resource_costs.billed_resources,
        )
        members_seam.register(account_costs.last_month_costs)
