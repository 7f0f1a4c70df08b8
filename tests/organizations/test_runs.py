"""The life of a run: claimed once, ended once, released when its worker is gone."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.utils import timezone

from billing.models import ImportRun
from connections.models import AuthMethod, CheckRun, Connection, ConnectionKind
from organizations import runs
from organizations.runs import (
    ErrorClass,
    RunFailure,
    RunLostError,
    RunState,
    Trigger,
    may_retry,
    perform,
    release_stale,
)
from tests.billing.breaking import wait_for
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(cast: Cast) -> Connection:
    return Connection.objects.create(
        organization=cast.acme,
        name="Payer",
        kind=ConnectionKind.ROOT,
        account_id="111122223333",
        auth_method=AuthMethod.AMBIENT,
    )


@pytest.fixture
def run(connection: Connection) -> CheckRun:
    return CheckRun.objects.create(connection=connection, trigger=Trigger.MANUAL)


def test_a_run_is_claimed_by_one_worker_only(run: CheckRun) -> None:
    other = CheckRun.objects.get(pk=run.pk)
    assert run.claim()
    assert not other.claim()


def test_work_that_returns_ends_the_run_well(run: CheckRun) -> None:
    perform(run, lambda claimed: None)
    assert run.state == RunState.SUCCEEDED
    assert run.finished_at is not None
    assert run.error is None


@pytest.mark.parametrize("quoted", ["\0", "\ud83d"])
def test_a_sentence_that_quotes_what_no_text_can_hold_is_kept(run: CheckRun, quoted: str) -> None:
    def work(claimed: CheckRun) -> None:
        claimed.warn(f"a{quoted}b")
        raise RunFailure(ErrorClass.DATA, f"It holds “{quoted}”.", quoted)

    perform(run, work)
    run.refresh_from_db()
    assert run.error == {"class": "data", "message": "It holds “\ufffd”.", "hint": "\ufffd"}
    assert run.warnings == ["a\ufffdb"]


def test_work_whose_statement_the_database_breaks_off_is_a_passing_fault(run: CheckRun) -> None:
    def work(claimed: CheckRun) -> None:
        with transaction.atomic(), database.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 20")
            cursor.execute("SELECT pg_sleep(5)")

    perform(run, work)
    run.refresh_from_db()
    assert run.error is not None
    assert run.error["class"] == ErrorClass.TRANSIENT
    assert "canceling statement due to statement timeout" in run.error["message"]


def test_own_counters_are_kept_when_the_run_ends(run: CheckRun) -> None:
    def work(claimed: CheckRun) -> None:
        claimed.results = [{"permission": "s3:GetObject", "state": "pass"}]

    perform(run, work)
    run.refresh_from_db()
    assert run.results == [{"permission": "s3:GetObject", "state": "pass"}]


def test_an_expected_failure_is_kept_in_words(run: CheckRun) -> None:
    def work(claimed: CheckRun) -> None:
        raise RunFailure(ErrorClass.PERMISSION, "May not read the bucket.", "Allow it.")

    perform(run, work)
    assert run.error == {
        "class": "permission",
        "message": "May not read the bucket.",
        "hint": "Allow it.",
    }
    assert not may_retry(run)


def test_a_fault_of_the_portal_shows_no_internals(
    run: CheckRun, caplog: pytest.LogCaptureFixture
) -> None:
    def work(claimed: CheckRun) -> None:
        claimed.advance("reading")
        raise ValueError("secret detail")

    perform(run, work)
    assert run.error is not None
    assert run.error["class"] == ErrorClass.BUG
    assert "reading" in run.error["message"]
    assert "secret detail" not in str(run.error)
    assert "secret detail" in caplog.text


def test_a_silent_worker_is_given_up_and_may_be_retried(run: CheckRun) -> None:
    run.claim()
    CheckRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert release_stale(CheckRun) == [run]
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert run.error_class == ErrorClass.TRANSIENT
    assert may_retry(run)
    assert release_stale(CheckRun) == []


def test_a_worker_that_was_given_up_changes_nothing_more(run: CheckRun) -> None:
    run.claim()
    CheckRun.objects.update(state=RunState.FAILED)
    with pytest.raises(RunLostError):
        run.advance("late")
    with pytest.raises(RunLostError), transaction.atomic():
        run.hold()
    assert not run.finish()
    assert run.state == RunState.FAILED


def test_a_fresh_heartbeat_is_left_alone(run: CheckRun) -> None:
    run.claim()
    assert release_stale(CheckRun) == []


@pytest.mark.django_db(transaction=True)
def test_each_heartbeat_says_how_far_the_work_is(
    run: CheckRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "HEARTBEAT_EVERY", timedelta(milliseconds=20))
    told = CheckRun.objects.filter(pk=run.pk, progress={"files": 2, "rows": 7})

    def work(claimed: CheckRun) -> None:
        claimed.advance("read", files=2)
        claimed.watch(lambda: {"rows": 7})
        wait_for(told.exists)

    perform(run, work)
    assert run.error is None


def test_only_one_import_of_a_month_is_under_way(connection: Connection) -> None:
    ImportRun.objects.create(connection=connection, trigger=Trigger.SCHEDULE)
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportRun.objects.create(connection=connection, trigger=Trigger.MANUAL)
    ImportRun.objects.update(state=RunState.UNCHANGED)
    ImportRun.objects.create(connection=connection, trigger=Trigger.MANUAL)
