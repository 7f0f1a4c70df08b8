"""The status of a connection follows from what its work notes, and recovers by itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connections.health import note_outcome
from connections.models import Account, CheckRun, Connection, ConnectionKind, JobHealth
from organizations.runs import ErrorClass, RunFailure, RunState, Trigger
from tests.cast import Cast

pytestmark = pytest.mark.django_db

DENIED = RunFailure(ErrorClass.PERMISSION, "Not allowed.", "Allow it.")
THROTTLED = RunFailure(ErrorClass.THROTTLED, "Slow down.", "Wait.")


def make(cast: Cast, account_id: str = "111122223333", **fields: Any) -> Connection:
    values = {"organization": cast.acme, "kind": ConnectionKind.ROOT, "name": account_id, **fields}
    made: Connection = Connection.objects.create(account_id=account_id, **values)
    return made


def note(
    connection: Connection, job: str, failure: RunFailure | None = None, **more: Any
) -> Connection:
    """Note a run of this job that went well, or failed; return the connection as it is then."""
    run = CheckRun(
        connection=connection,
        trigger=Trigger.MANUAL,
        state=more.pop("state", RunState.FAILED if failure else RunState.SUCCEEDED),
    )
    if failure is not None:
        run.error_class, run.error_message = failure.error_class, failure.message
        run.error_hint = failure.hint
    note_outcome(connection, job, run, **more)
    connection.refresh_from_db()
    return connection


@pytest.fixture
def payer(cast: Cast) -> Connection:
    return make(cast)


def test_it_waits_until_the_first_import_that_brings_something(payer: Connection) -> None:
    assert note(payer, "import", state=RunState.UNCHANGED).status == "waiting"
    assert "has not delivered" in payer.status_message
    assert note(payer, "discover").status == "waiting"
    assert note(payer, "import").status == "healthy"
    assert payer.status_message == ""
    assert note(payer, "import", state=RunState.UNCHANGED).status == "healthy"
    assert note(payer, "import", has_data=False).status == "waiting"


def test_a_failed_import_fails_the_connection_and_the_next_good_one_mends_it(
    payer: Connection,
) -> None:
    note(payer, "import")
    assert note(payer, "import", DENIED).status == "failing"
    assert (payer.status_message, payer.status_hint) == ("Not allowed.", "Allow it.")
    since = payer.status_since
    assert note(payer, "import", DENIED).status_since == since
    assert note(payer, "import", state=RunState.UNCHANGED).status == "healthy"


def test_a_passing_fault_degrades_until_it_lasts_a_day(payer: Connection) -> None:
    note(payer, "import")
    assert note(payer, "import", THROTTLED).status == "degraded"
    yesterday = timezone.now() - timedelta(hours=25)
    JobHealth.objects.filter(job="import").update(last_success_at=yesterday)
    assert note(payer, "import", THROTTLED).status == "failing"


def test_trouble_beside_the_bill_degrades(payer: Connection) -> None:
    note(payer, "import")
    assert note(payer, "discover", problem=DENIED).status == "degraded"
    assert payer.status_message == "Not allowed."
    assert note(payer, "discover").status == "healthy"


def test_a_run_under_way_says_nothing_yet(payer: Connection) -> None:
    note(payer, "import", state=RunState.RUNNING)
    assert not JobHealth.objects.exists()


def test_a_linked_account_says_plainly_that_its_payer_is_missing(cast: Cast) -> None:
    linked = make(cast, "222233334444", kind=ConnectionKind.LINKED)
    assert note(linked, "discover").status == "waiting"
    assert "payer (root) account only" in linked.status_message
    assert note(linked, "discover", DENIED).status == "failing"
    root = make(cast)
    assert note(linked, "discover").status == "healthy"
    assert note(linked, "discover", DENIED).status == "degraded"
    Account.objects.create(
        organization=cast.acme, account_id=linked.account_id, payer_account_id="999999999999"
    )
    assert note(linked, "discover").status == "waiting"
    Account.objects.update(payer_account_id=root.account_id)
    assert note(linked, "discover").status == "healthy"
