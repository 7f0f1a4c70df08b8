"""A real PostgreSQL and a real broker for one test run, in a folder of its own under `.test/`.

They end with the run, also when it is killed. DATABASE_URL and CELERY_BROKER_URL name others; the
tests then use a database `test_…` beside the named one.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TextIO

from cryptography.fernet import Fernet

from demo.environment import aws_settings
from demo.servers import postgres, valkey
from demo.servers.process import Children

RUNS = Path(__file__).resolve().parent.parent / ".test"
# Nobody listens there: a test that talks to AWS without the `aws` fixture fails at once, and no
# test ever reaches a real account.
_NO_AWS = "http://127.0.0.1:9"
_held: list[TextIO] = []


def start_services() -> None:
    """Start what the environment does not name, and put all settings into the environment."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        _join(os.environ["PYTEST_XDIST_WORKER"])
        return
    _forget_ambient_settings()
    os.environ.update(
        SECRET_KEY="tests only",
        FIELD_KEYS=Fernet.generate_key().decode(),
        DEBUG="false",
        HTTPS="false",
        **aws_settings(_NO_AWS),
    )
    run = _new_run()
    children = Children(run / "log")
    atexit.register(_end, run, children)
    os.environ["SPOOL_DIR"] = str(run / "spool")
    # Empty: each client of a test would look at every file that was collected.
    (run / "static").mkdir()
    os.environ["STATIC_ROOT"] = str(run / "static")
    named = os.environ.get
    database = postgres.start(run, children, durable=False, named=named("DATABASE_URL"))
    broker = valkey.start(run, children, durable=False, named=named("CELERY_BROKER_URL"))
    os.environ["DATABASE_URL"] = database.url
    os.environ["CELERY_BROKER_URL"] = broker.url


def _join(worker: str) -> None:
    """Use what the controlling process has started and set, with a queue and a spool of one's own.

    Each worker's database numbers its runs from 1, and a run's files lie under its number.
    """
    os.environ["SPOOL_DIR"] = str(Path(os.environ["SPOOL_DIR"]).with_name(f"spool-{worker}"))
    broker = os.environ["CELERY_BROKER_URL"]
    if broker.endswith("/0"):
        os.environ["CELERY_BROKER_URL"] = f"{broker[:-1]}{int(worker[2:]) % 15 + 1}"


def _forget_ambient_settings() -> None:
    names = ("SECRET_KEY", "FIELD_KEYS", "DATABASE_URL", "CELERY_BROKER_URL")
    for name in list(os.environ):
        if name.startswith(("AWS_", "PG")) or name in {f"{setting}_FILE" for setting in names}:
            del os.environ[name]


def _new_run() -> Path:
    """Create a folder for this run and remove those of runs that are over."""
    # Open to pass through: PostgreSQL may have to run as another user.
    RUNS.mkdir(mode=0o711, exist_ok=True)
    for old in RUNS.iterdir():
        if _is_over(old):
            shutil.rmtree(old, ignore_errors=True)
    run = Path(tempfile.mkdtemp(prefix="run-", dir=RUNS))
    # Open until this process ends, however it ends: the next run sees by it that we are gone.
    held = (run / "lock").open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    _held.append(held)
    return run


def _is_over(run: Path) -> bool:
    try:
        with (run / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _end(run: Path, children: Children) -> None:
    children.stop()
    shutil.rmtree(run, ignore_errors=True)
