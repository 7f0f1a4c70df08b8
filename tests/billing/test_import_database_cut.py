"""The database connection of a worker breaks off: the run says so, the month is as it was."""

import subprocess
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
    wait_for,
    working,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


def cut_at(connection: Connection, aws: str, at: str) -> None:
    """Cut a worker off and see it end by itself, while what held it up is still there."""
    if at == "read":
        bills.break_aws(aws, action="GetObject", path="*-00002*", latency_ms=4000, times=1)
        with working(connection, aws) as process:
            wait_for(ImportRun.objects.filter(progress__files_read=1).exists)
            assert cut_off() > 0
            ends(process)
        return
    held = {
        "prepare": gate_before("prepare"),
        "load": locked(MONTH_COST.name, "SHARE UPDATE EXCLUSIVE"),
        "check": gate_before("check"),
        "swap": locked("billing_deliveryaccount"),
    }
    with held[at], working(connection, aws) as process:
        wait_for(is_held_up)
        assert cut_off() > 0
        ends(process)


def ends(process: subprocess.Popen[bytes]) -> None:
    assert process.wait(timeout=60) != 0


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
