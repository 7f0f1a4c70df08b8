"""Create the sample company's organization and connect its accounts, as an operator would.

Nothing is written past the product: the same services that the form and the API call check the
credentials with the pretend AWS, and the worker imports and discovers.
"""

import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain

import django

django.setup()

from billing.budgets.inputs import BudgetInput, Threshold  # noqa: E402 - Django must be set up first
from billing.budgets.models import Basis, BudgetPeriod  # noqa: E402
from billing.budgets.services import create_budget  # noqa: E402
from billing.measures import Measure  # noqa: E402
from billing.models import Budget, ImportRun  # noqa: E402
from connections.inputs import AuthInput, ConnectionInput, ExportInput  # noqa: E402
from connections.models import (  # noqa: E402
    AuthMethod,
    ConnectionKind,
    ExportSchema,
    ExternalId,
)
from connections.services import connect  # noqa: E402
from demo.allocation import seed_allocation  # noqa: E402
from demo.aws import credentials  # noqa: E402
from demo.aws.company import cast  # noqa: E402
from demo.people import PEOPLE  # noqa: E402
from discovery.models import DiscoveryRun  # noqa: E402
from organizations.access import Role  # noqa: E402
from organizations.crypto import Secret  # noqa: E402
from organizations.models import Organization, User  # noqa: E402
from organizations.runs import ACTIVE_STATES, RunFailure, RunState  # noqa: E402
from organizations.services import add_member, create_organization  # noqa: E402

SLUG = "larkspur"
# Connected through a role; the sandbox stays out, so that the pages show what is left out.
MEMBERS = (cast.PRODUCTION, cast.STAGING, cast.DATA)
_PATIENCE_SECONDS = 300


def main() -> int:
    """Seed unless it was done before. Returns the exit code."""
    organization = Organization.objects.filter(slug=SLUG).first() or _create_organization()
    try:
        _connect_accounts(organization)
    except RunFailure as failure:
        print(f"{failure.message} {failure.hint}", file=sys.stderr)
        return 1
    seed_allocation(organization)
    code = _wait_for_runs(organization)
    if not Budget.objects.of(organization).exists():
        for entered in _budgets():
            create_budget(organization, entered)
    return code


def _budgets() -> Iterator[BudgetInput]:
    """Budgets of the company's finance people: one that holds, one that will not."""
    thresholds = (Threshold(80, Basis.ACTUAL), Threshold(100, Basis.FORECAST))
    for name, amount, period, filters in (
        ("Everything", 75_000, BudgetPeriod.MONTH, ""),
        ("Data platform", 60_000, BudgetPeriod.QUARTER, "tag%3ATeam=data"),
    ):
        yield BudgetInput(
            name=name,
            amount=Decimal(amount),
            currency="USD",
            metric=Measure.UNBLENDED,
            period=period,
            filters=filters,
            thresholds=thresholds,
            recipients=("finance@larkspur.example",),
        )


def _create_organization() -> Organization:
    organization = create_organization(slug=SLUG, name=cast.ACCOUNT_NAMES[cast.PAYER])
    # The pretend roles demand this id; the portal would otherwise make one of its own.
    ExternalId.objects.create(organization=organization, value=credentials.PORTAL_EXTERNAL_ID)
    for person in PEOPLE:
        user = User.objects.create_user(
            username=person.username,
            email=f"{person.username}@{SLUG}.example",
            password=person.password,
            is_superuser=person.role is None,
        )
        if person.role is not None:
            add_member(organization=organization, user=user, role=Role(person.role))
    return organization


def _connect_accounts(organization: Organization) -> None:
    connected = set(
        organization.connections.filter(disconnected_at=None).values_list("account_id", flat=True)
    )
    for entered in _inputs():
        account_id = _account_of(entered)
        if account_id not in connected:
            print(f"  Connecting {entered.name} ({account_id}) …", flush=True)
            connect(organization, entered)


def _account_of(entered: ConnectionInput) -> str:
    return entered.auth.role_account_id or cast.PAYER


def _inputs() -> Iterator[ConnectionInput]:
    yield ConnectionInput(
        name=cast.ACCOUNT_NAMES[cast.PAYER],
        kind=ConnectionKind.ROOT,
        auth=AuthInput(
            AuthMethod.ACCESS_KEY,
            access_key_id=credentials.PORTAL_ACCESS_KEY_ID,
            secret_access_key=Secret(credentials.PORTAL_SECRET_ACCESS_KEY),
        ),
        export=ExportInput(
            schema=ExportSchema.CUR2,
            bucket=cast.BILLS_BUCKET,
            prefix=cast.BILLS_PREFIX,
            name=cast.EXPORT_NAME,
        ),
    )
    for account_id in MEMBERS:
        yield ConnectionInput(
            name=cast.ACCOUNT_NAMES[account_id],
            kind=ConnectionKind.LINKED,
            auth=AuthInput(
                AuthMethod.ASSUME_ROLE,
                role_arn=f"arn:aws:iam::{account_id}:role/{credentials.PORTAL_ROLE}",
            ),
        )


def _wait_for_runs(organization: Organization) -> int:
    """Wait for the worker to finish what connecting started; say how each run ended."""
    ends = time.monotonic() + _PATIENCE_SECONDS
    said: set[str] = set()
    while time.monotonic() < ends:
        runs = list(
            chain(
                ImportRun.objects.of(organization).order_by("billing_period"),
                DiscoveryRun.objects.of(organization),
            )
        )
        for run in runs:
            line = f"  {run}: {run.get_state_display().lower()}"
            if run.is_finished and line not in said:
                said.add(line)
                print(" ".join(filter(None, (line, run.error_message))), flush=True)
        if not any(run.state in ACTIVE_STATES for run in runs):
            return 1 if any(run.state == RunState.FAILED for run in runs) else 0
        time.sleep(0.3)
    print("  The worker did not finish in time; see .demo/log/worker.log.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
