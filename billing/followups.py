"""What follows when an import changed months: budgets and anomalies are looked at anew.

Only tasks are sent, after commit. One that gets lost costs minutes: the same is done by schedule
for every organization whose bills or accounts changed.
"""

from celery import current_app

from organizations.after_commit import after_commit

# By name: whoever imports in its own process needs neither budgets nor reports for it.
_TASKS = ("billing.evaluate_budgets", "billing.find_anomalies")


def get_ready() -> None:
    """Load what sends tasks, which takes a process that has sent none yet a while."""
    _ = current_app.producer_pool


def after_import(organization_id: int) -> None:
    """Have workers look at the budgets and anomalies of an organization."""
    for task in _TASKS:
        after_commit(current_app.signature(task, args=[organization_id]).apply_async)
