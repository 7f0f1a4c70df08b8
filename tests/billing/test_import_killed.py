"""A worker that is killed, at any step, leaves nothing that the next run does not clean."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing import services
from billing.facts import COST_KEY, MONTH_COST
from billing.importing import cleanup
from billing.models import Delivery, DeliveryState, ImportRun
from connections.models import Connection
from demo.bills.line_items import utc
from organizations.runs import ErrorClass, RunState
from tests.billing import bills
from tests.billing.bills import usage
from tests.billing.breaking import (
    NEXT,
    gate_before,
    give_up_the_dead,
    imported,
    is_clean,
    is_held_up,
    locked,
    one_file_is_read,
    own_session,
    step_is,
    unanswered,
    value,
    wait_for,
    wait_until_gone,
    working,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
MAY = date(2026, 5, 1)


def killed(connection: Connection, aws: str, *, at: str) -> str:
    """Kill a worker at a point of its way; the step that its run was in."""
    in_s3 = {
        "looking": ("ListObjectsV2", "*", "look"),
        "asking for the manifest": ("GetObject", "*-Manifest.json", "manifest"),
        "fetching": ("GetObject", "*-00001*", "read"),
        "reading": ("GetObject", "*-00002*", "read"),
    }
    in_database = {
        "attaching": (MONTH_COST.name, "SHARE UPDATE EXCLUSIVE", "load"),
        "swapping": ("billing_deliveryaccount", "ACCESS EXCLUSIVE", "swap"),
    }
    if at in in_s3:
        action, path, step = in_s3[at]
        with unanswered(aws, action=action, path=path), working(connection, aws):
            wait_for(step_is(step))
            if at == "reading":
                wait_for(one_file_is_read)
        return step
    if at in in_database:
        table, mode, step = in_database[at]
        with locked(table, mode), working(connection, aws):
            wait_for(is_held_up)
        return step
    with gate_before(at), working(connection, aws):
        wait_for(is_held_up)
    return at


@pytest.mark.parametrize(
    "at",
    [
        *("looking", "manifest", "asking for the manifest", "read", "fetching", "reading"),
        *("prepare", "load", "attaching", "check", "swap", "swapping"),
    ],
)
def test_a_killed_worker_leaves_nothing_that_the_next_run_does_not_clean(
    cast: Cast, aws: str, at: str
) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill(NEXT), chunks=2)
    step = killed(connection, aws, at=at)
    wait_until_gone()
    assert bills.facts(connection, "unblended_cost") == {(): D(4)}
    left_something = not is_clean()
    assert left_something == (at not in ("looking", "manifest", "asking for the manifest"))

    give_up_the_dead()
    again = ImportRun.objects.get(state=RunState.QUEUED)
    assert again.attempt == 2
    (services.run_look if at == "looking" else services.run_month)(again, sender=None)

    dead = ImportRun.objects.get(
        state=RunState.FAILED, billing_period=None if at == "looking" else bills.APRIL
    )
    assert (dead.error_class, dead.step) == (ErrorClass.TRANSIENT, step)
    assert "did not come back" in dead.error_message
    assert bills.facts(connection, "unblended_cost") == {(): D(11)}
    assert is_clean()
    assert not ImportRun.objects.filter(state=RunState.RUNNING).exists()
    looks = ImportRun.objects.filter(billing_period=None).order_by("-pk")
    assert looks[0].state == RunState.SUCCEEDED


def test_the_next_command_takes_over_the_months_that_a_killed_one_left(
    cast: Cast, aws: str
) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill(NEXT))
    bills.put_bill(bills.bill([usage("9", start=utc(2026, 5, 1))], month=MAY))
    killed(connection, aws, at="fetching")
    wait_until_gone()
    waiting = ImportRun.objects.get(state=RunState.QUEUED)
    assert waiting.billing_period == MAY

    give_up_the_dead()
    with working(connection, aws) as next_one:
        assert next_one.wait(120) == 0

    assert bills.facts(connection, "unblended_cost") == {(): D(11)}
    assert bills.facts(connection, "unblended_cost", month=MAY) == {(): D(9)}
    assert is_clean()


def test_a_worker_killed_while_it_drops_an_old_delivery_leaves_that_to_the_next(
    cast: Cast, aws: str
) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill([usage("7")]))
    bills.run_import(connection)
    first = Delivery.objects.order_by("pk")[0]
    Delivery.objects.update(loaded_at=timezone.now() - timedelta(hours=1))
    Delivery.objects.filter(pk=first.pk).update(loaded_at=timezone.now() - timedelta(hours=2))
    bills.put_bill(bills.bill(NEXT))
    with own_session() as reader:
        # Somebody still reads the first delivery, so it cannot go yet.
        reader.execute(f"TABLE {COST_KEY.partition(first.pk)}")
        bills.run_import(connection)
        Delivery.objects.filter(state=DeliveryState.LOADED).exclude(pk=first.pk).update(
            loaded_at=timezone.now() - timedelta(hours=1)
        )
        with working(connection, aws):
            wait_for(
                lambda: (
                    value(
                        "SELECT count(*) FROM pg_inherits"
                        " WHERE inhdetachpending AND inhrelid = %s::regclass",
                        COST_KEY.partition(first.pk),
                    )
                    == 1
                )
            )
    wait_until_gone()
    assert bills.facts(connection, "unblended_cost") == {(): D(11)}

    give_up_the_dead()

    assert Delivery.objects.get(pk=first.pk).state == DeliveryState.DROPPED
    assert first.pk not in cleanup.partitions_of(cleanup.FACT_TABLES)
    assert bills.facts(connection, "unblended_cost") == {(): D(11)}
    assert is_clean()
