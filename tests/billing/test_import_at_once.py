"""Several at once: workers, tasks delivered twice, the schedule beside a button, a broker lost."""

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from kombu import Connection as BrokerConnection

from billing import services, tasks
from billing.facts import FACT_TABLES
from billing.models import Delivery, ImportRun
from demo.servers import valkey
from demo.servers.process import Children
from organizations.runs import STALE_AFTER, RunState, Trigger
from tests.billing import bills
from tests.billing.breaking import (
    NEXT,
    WORKER,
    database_url,
    held_up,
    imported,
    is_clean,
    of_worker,
    step_is,
    unanswered,
    wait_for,
    working,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


def test_months_that_are_loaded_at_once_wait_for_their_tables_in_one_order(
    cast: Cast, aws: str
) -> None:
    with CaptureQueriesContext(database) as queries:
        imported(cast)
    asked = [one["sql"].split() for one in queries]
    attached = [words[2] for words in asked if words[3:5] == ["ATTACH", "PARTITION"]]
    assert "billing_daily_cost" in attached
    assert attached == [one.name for one in FACT_TABLES if one.name in attached]


def test_two_workers_that_start_the_same_month_import_it_once(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill(NEXT))
    bills.forget_requests(aws)

    with working(connection, aws) as first, working(connection, aws, "another") as second:
        with unanswered(aws, action="GetObject", path="*.parquet"):
            wait_for(step_is("read"))
            wait_for(lambda: of_worker("*") > 0 < of_worker("*", "another"))
        assert (first.wait(120), second.wait(120)) == (0, 0)

    assert bills.facts(connection, "unblended_cost") == {(): D(11)}
    assert Delivery.objects.count() == 2
    assert ImportRun.objects.filter(parent__isnull=False).count() == 2
    # The manifest and the one file, once.
    assert bills.asked_of_aws(aws)["s3:GetObject"] == 2
    assert is_clean()


def test_a_task_delivered_while_it_runs_changes_nothing(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill(NEXT))
    sent: list[ImportRun] = []
    look = services.request_import(connection, Trigger.SCHEDULE, sender=None)
    services.run_look(look, sender=lambda run, seconds: sent.append(run))
    (month,) = sent

    with held_up(lambda: tasks.run_month(month.pk), aws, action="GetObject", path="*.parquet"):
        wait_for(step_is("read"))
        tasks.run_month(month.pk)
        tasks.run_look(look.pk)
        assert ImportRun.objects.get(pk=month.pk).state == RunState.RUNNING

    assert bills.facts(connection, "unblended_cost") == {(): D(11)}
    assert Delivery.objects.count() == 2
    look.refresh_from_db()
    assert look.state == RunState.SUCCEEDED
    assert is_clean()


def test_the_schedule_and_a_button_at_once_import_once(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill(NEXT))
    with held_up(lambda: tasks.import_connection(connection.pk), aws, action="ListObjectsV2"):
        wait_for(step_is("look"))
        by_hand = services.request_import(connection, Trigger.MANUAL, sender=None)
        services.run_look(by_hand, sender=None)
        assert by_hand.trigger == Trigger.SCHEDULE

    tasks.import_connection(connection.pk)
    (month,) = ImportRun.objects.filter(state=RunState.QUEUED)
    tasks.run_month(month.pk)

    assert bills.facts(connection, "unblended_cost") == {(): D(11)}
    assert Delivery.objects.count() == 2
    assert is_clean()


class Broker:
    """A broker of the test's own, that can be killed and started again at the same address."""

    def __init__(self, folder: Path, children: Children) -> None:
        self._children = children
        self.url = valkey.start(folder, children, durable=True).url
        (self._child,) = children
        self._command = [str(part) for part in self._child.process.args]  # type: ignore[union-attr]
        self._folder = folder

    def kill(self) -> None:
        self._child.process.send_signal(signal.SIGKILL)
        self._child.process.wait()
        self._children.forget(self._child)

    def start(self) -> None:
        self._child = self._children.start(
            "valkey", self._command, env={"LC_ALL": "C"}, cwd=self._folder / "valkey"
        )

    def send(self, task: str, *args: int) -> None:
        with BrokerConnection(self.url) as connection:
            # It may have been started a moment ago.
            connection.ensure_connection(interval_start=0.1, interval_step=0.1, timeout=30)
            tasks.run_look.app.send_task(task, args=args, connection=connection)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Children(tmp_path / "log") as children:
        yield Broker(tmp_path, children)


@contextmanager
def celery_worker(broker: Broker, aws: str, folder: Path) -> Iterator[None]:
    """A Celery worker that takes one task at a time."""
    log = (folder / "worker.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config", "worker", "-c", "1", "-l", "info"],
        env={
            **os.environ,
            "DATABASE_URL": database_url(WORKER),
            "CELERY_BROKER_URL": broker.url,
            "AWS_ENDPOINT_URL": aws,
        },
        cwd=settings.BASE_DIR,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def test_a_queued_import_outlives_a_broker_that_is_killed(
    cast: Cast, aws: str, broker: Broker, tmp_path: Path
) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill(NEXT))
    with celery_worker(broker, aws, tmp_path):
        with unanswered(aws, action="ListObjectsV2"):
            look = services.request_import(
                connection,
                Trigger.MANUAL,
                sender=lambda run, _: broker.send("billing.run_look", run.pk),
            )
            wait_for(step_is("look"))
            # The worker is busy with the look, whose months it will hand to a broker that was away.
            broker.kill()
            broker.start()
        wait_for(lambda: ImportRun.objects.filter(parent=look).exists())
        ImportRun.objects.filter(state=RunState.QUEUED).update(
            queued_at=timezone.now() - timedelta(hours=1)
        )
        broker.send("billing.watch_imports")
        wait_for(ImportRun.objects.filter(pk=look.pk, state=RunState.SUCCEEDED).exists)

    assert bills.facts(connection, "unblended_cost") == {(): D(11)}
    assert Delivery.objects.count() == 2
    assert ImportRun.objects.filter(parent=look).count() == 1


def test_an_import_asked_for_while_the_broker_is_away_is_sent_again(
    cast: Cast, aws: str, broker: Broker, tmp_path: Path
) -> None:
    connection = imported(cast)
    bills.put_bill(bills.bill(NEXT))
    with celery_worker(broker, aws, tmp_path):
        broker.send("billing.watch_imports")
        wait_for(lambda: "watch_imports" in (tmp_path / "worker.log").read_text())
        broker.kill()
        # Whoever asks is not told of a broker: the run is a row, and rows are sent again.
        look = services.request_import(connection, Trigger.MANUAL, sender=None)
        ImportRun.objects.filter(pk=look.pk).update(queued_at=timezone.now() - timedelta(hours=1))
        broker.start()
        broker.send("billing.watch_imports")
        wait_for(ImportRun.objects.filter(pk=look.pk, state=RunState.SUCCEEDED).exists)

    assert bills.facts(connection, "unblended_cost") == {(): D(11)}
    assert Delivery.objects.count() == 2


def test_months_that_waited_for_a_killed_command_go_to_a_worker(
    cast: Cast, aws: str, broker: Broker, tmp_path: Path
) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    for month in (4, 5):
        bills.put_bill(bills.bill([bills.usage("4")], dt.date(2026, month, 1)))
    look = services.request_import(connection, Trigger.COMMAND, sender=None)
    services.run_look(look, sender=lambda run, seconds: None)
    killed, waiting = look.months.order_by("billing_period")
    killed.claim()
    long_ago = timezone.now() - 2 * STALE_AFTER
    ImportRun.objects.filter(pk=killed.pk).update(heartbeat_at=long_ago)
    with celery_worker(broker, aws, tmp_path):
        broker.send("billing.watch_imports")
        wait_for(ImportRun.objects.filter(pk=waiting.pk, state=RunState.SUCCEEDED).exists)


def test_a_look_whose_task_comes_again_later_says_nothing_of_now(cast: Cast, aws: str) -> None:
    connection = imported(cast)
    bills.break_aws(aws, service="s3", action="ListObjectsV2", code="AccessDenied", status=403)
    failed = services.run_look(services.request_import(connection, Trigger.SCHEDULE, sender=None))
    assert failed.state == RunState.FAILED
    bills.heal_aws(aws)
    services.run_look(services.request_import(connection, Trigger.SCHEDULE, sender=None))
    connection.refresh_from_db()
    assert connection.health.get(job="import").is_ok

    tasks.run_look(failed.pk)

    assert connection.health.get(job="import").is_ok
