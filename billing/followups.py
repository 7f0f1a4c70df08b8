"""What follows when an import changed months: budgets and anomalies are looked at anew.

Only tasks are sent, after commit. One that gets lost costs minutes: the same is done by schedule
for every organization whose bills or accounts changed.
"""

from organizations.after_commit import after_commit


def after_import(organization_id: int) -> None:
    """Have workers look at the budgets and anomalies of an organization."""
    # The tasks reach the reports, which reach the models of the app that is still loading.
    from billing.anomalies.tasks import find_anomalies  # noqa: PLC0415
    from billing.budgets.tasks import evaluate_budgets  # noqa: PLC0415

    for task in (evaluate_budgets, find_anomalies):
        after_commit(task.apply_async, args=[organization_id])
