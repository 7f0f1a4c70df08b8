"""The database connection of a worker breaks off: the run says so, the month is as it was."""

import subprocess
from contextlib import ExitStack
from decimal import Decimal

import pytest

from billing.facts import MONTH_COST
from billing.models import ImportRun
from connections.models import Connection
from organizations.runs import ErrorClass, RunState
from tests.billing import bills
from tests.billing.breaking import (
    NEXT,
    cut_off,
    gate_before,
    imported,
    is_clean,
    is_held_up,
    locked,
    one_file_is_read,
    unanswered,
    wait_for,
    working,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


def cut_at(connection: Connection, aws: str, at: str) -> None:
    """Cut a worker off, and see it end by itself."""
    if at in ("load", "swap"):
        tables = {"load": MONTH_COST.name, "swap": "billing_deliveryaccount"}
        modes = {"load": "SHARE UPDATE EXCLUSIVE", "swap": "ACCESS EXCLUSIVE"}
        # What held it up is still there when it ends.
        with locked(tables[at], modes[at]), working(connection, aws) as process:
            wait_for(is_held_up)
            assert cut_off() > 0
            ends(process)
        return
    in_s3 = at == "read"
    held = unanswered(aws, action="GetObject", path="*-00002*") if in_s3 else gate_before(at)
    with ExitStack() as started:
        with held:
            process = started.enter_context(working(connection, aws))
            wait_for(one_file_is_read if in_s3 else is_held_up)
            assert cut_off() > 0
        ends(process)


def ends(process: subprocess.Popen[bytes]) -> None:
    assert process.wait(timeout=120) != 0


@pytest.mark.parametrize("at", ["read", "prepare", "load", "check", "swap"])
def test_a_worker_whose_database_connection_is_cut_says_so(cast: Cast, aws: str, at: str) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill(NEXT), chunks=2)

    cut_at(connection, aws, at)

    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    month = ImportRun.objects.get(parent__isnull=False, state=RunState.FAILED)
    assert month.error_class == ErrorClass.TRANSIENT
    assert "The database broke off" in month.error_message
    assert month.parent is not None
    assert month.parent.state == RunState.FAILED
    assert bills.run_import(connection).portal_total == D(11)
    assert is_clean()
