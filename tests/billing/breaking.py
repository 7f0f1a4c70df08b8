"""How the import's tests break things for real: worker processes, held locks, small disks."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db import connections
from django.utils import timezone

from billing import services
from billing.facts import FACT_TABLES
from billing.importing import cleanup
from billing.models import Delivery, DeliveryState, ImportRun
from connections.models import Connection
from demo.bills.delivery import Delivery as Delivered
from organizations.runs import RunState
from tests.billing import bills
from tests.billing.bills import usage
from tests.cast import Cast

GOOD, NEXT = [usage("4", resource_id="i-1")], [usage("5"), usage("6")]
Spoil = Callable[[bytes], bytes]
WORKER = "a worker under test"
_GATE = 7_411


def is_clean() -> bool:
    """Whether nothing lies about: no half delivery, no strange partition, no spooled file."""
    spool = Path(settings.SPOOL_DIR)
    return (
        not Delivery.objects.filter(state=DeliveryState.LOADING).exists()
        and cleanup.partitions_of(FACT_TABLES)
        <= set(Delivery.objects.filter(state=DeliveryState.LOADED).values_list("pk", flat=True))
        and not (spool.exists() and any(spool.iterdir()))
    )


def imported(cast: Cast, **given: str) -> Connection:
    """A connection whose April is imported and comes to 4."""
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill(GOOD), **given)
    assert bills.run_import(connection).state == RunState.SUCCEEDED
    cleanup.remove_strays()
    return connection


def replace_data(delivered: Delivered, spoil: Spoil) -> None:
    """Spoil the data file; the manifest is written again after it, as AWS does."""
    (key,) = delivered.data_keys
    s3 = bills.s3()
    s3.put_object(Bucket=bills.BUCKET, Key=key, Body=spoil(delivered.files[key]))
    manifest = delivered.files[delivered.manifest_key]
    s3.put_object(Bucket=bills.BUCKET, Key=delivered.manifest_key, Body=manifest)


def database_url(name: str = "") -> str:
    """The address of the tests' database; PostgreSQL then knows whoever uses it by this name."""
    own = database.settings_dict
    url = f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST']}:{own['PORT']}/{own['NAME']}"
    return f"{url}?application_name={name.replace(' ', '%20')}" if name else url


def worker(
    connection: Connection, aws: str, name: str = WORKER, **environment: str
) -> subprocess.Popen[bytes]:
    """A process of its own that imports, on the tests' database."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_billing", "--connection", str(connection.pk)],
        env={
            **os.environ,
            "DATABASE_URL": database_url(name),
            "AWS_ENDPOINT_URL": aws,
            **environment,
        },
        cwd=settings.BASE_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def working(
    connection: Connection, aws: str, name: str = WORKER
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that is gone when the block ends, however that goes."""
    process = worker(connection, aws, name)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def beside(work: Callable[[], Any]) -> Iterator[None]:
    """Do some work in a thread while the block runs; its exception comes after the block's."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(run)
        yield
        done.result()


@contextmanager
def unanswered(aws: str, **call: Any) -> Iterator[None]:
    """AWS does not answer the first such call before the block ends."""
    bills.break_aws(aws, held=True, times=1, **call)
    try:
        yield
    finally:
        bills.heal_aws(aws)


@contextmanager
def held_up(work: Callable[[], Any], aws: str, **call: Any) -> Iterator[None]:
    """Do some work in a thread that gets no answer to such a call while the block runs."""
    bills.break_aws(aws, held=True, times=1, **call)
    with beside(work):
        try:
            yield
        finally:
            bills.heal_aws(aws)


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def step_is(step: str) -> Callable[[], bool]:
    return ImportRun.objects.filter(state=RunState.RUNNING, step=step).exists


def one_file_is_read() -> bool:
    running = ImportRun.objects.filter(state=RunState.RUNNING)
    return running.filter(progress__files_read=1).exists()


def value(query: str, *given: Any) -> Any:
    with database.cursor() as cursor:
        cursor.execute(query, given)
        return cursor.fetchone()[0]


def of_worker(what: str, name: str = WORKER) -> int:
    """Ask something of the worker's sessions. Other tests' workers use other databases."""
    return int(
        value(
            f"SELECT count({what}) FROM pg_stat_activity"  # noqa: S608 - our own words
            " WHERE datname = current_database() AND application_name = %s",
            name,
        )
    )


def is_held_up() -> bool:
    """Whether a worker waits for a lock that somebody else has."""
    return of_worker("CASE WHEN wait_event_type = 'Lock' THEN 1 END") > 0


def cut_off() -> int:
    """End the worker's connections to the database, as an administrator would; how many."""
    return of_worker("pg_terminate_backend(pid)")


def wait_until_gone() -> None:
    """A backend whose client was killed works on until it hears of it."""
    wait_for(lambda: of_worker("*") == 0)


@contextmanager
def own_session() -> Iterator[Any]:
    """A cursor of a connection of our own; what it holds is let go at the end."""
    own = database.copy()
    own.set_autocommit(False)
    try:
        with own.cursor() as cursor:
            yield cursor
    finally:
        own.rollback()
        own.close()


@contextmanager
def locked(table: str, mode: str = "ACCESS EXCLUSIVE") -> Iterator[None]:
    """Keep a table locked."""
    with own_session() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN {mode} MODE")
        yield


@contextmanager
def gate_before(step: str) -> Iterator[None]:
    """Whoever enters this step of an import stops there until the block ends."""
    _execute(
        f"""CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_advisory_xact_lock({_GATE}); RETURN NEW; END $$""",
        f"""CREATE TRIGGER halt BEFORE UPDATE ON billing_importrun FOR EACH ROW
            WHEN (NEW.step = '{step}' AND OLD.step <> NEW.step) EXECUTE FUNCTION halt()""",
    )
    try:
        with own_session() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_GATE])
            yield
    finally:
        _execute("DROP FUNCTION halt CASCADE")


def _execute(*statements: str) -> None:
    with database.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def give_up_the_dead() -> None:
    """Let the watchdog find that the worker is gone: it looks at heartbeats."""
    ImportRun.objects.filter(state=RunState.RUNNING).update(
        heartbeat_at=timezone.now() - timedelta(minutes=5)
    )
    services.watch()
    services.watch()


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of this size. Raises OSError where this process may not mount any."""
    folder.mkdir()
    size = f"size={kilobytes}k,nr_inodes=4096,mode=0700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise OSError(done.stderr.decode())
    try:
        yield folder
    finally:
        with contextlib.suppress(FileNotFoundError):
            subprocess.run(["umount", str(folder)], check=True)
