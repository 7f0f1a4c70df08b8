"""What follows when months or the cost centers' rules changed: budgets, anomalies, sums by center.

Only tasks are sent, after commit. One that gets lost costs minutes: the same is done by schedule
for every organization whose bills, accounts or rules changed.
"""

from celery import current_app

from organizations.after_commit import after_commit

# By name: whoever imports in its own process needs neither budgets nor reports for it.
_SUMS = "billing.sum_cost_centers"
_AFTER_IMPORT = (_SUMS, "billing.evaluate_budgets", "billing.find_anomalies")


def after_import(organization_id: int) -> None:
    """Have workers sum the new bills, look at the budgets and anomalies of an organization."""
    for task in _AFTER_IMPORT:
        _send(task, organization_id)


def after_rules(organization_id: int) -> None:
    """Have a worker sum the bills by the new rules."""
    _send(_SUMS, organization_id)


def _send(task: str, organization_id: int) -> None:
    after_commit(current_app.signature(task, args=[organization_id]).apply_async)
