"""`make demo`: start every part of the demo, keep watch, and end every part."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from demo import environment
from demo.folder import CHECKOUT, Busy, Folder
from demo.people import PEOPLE
from demo.portal import HOST, Portal, refuse_taken_port
from demo.progress import say, step
from demo.servers import aws, postgres, valkey
from demo.servers.process import ChildDied, Children, StartFailed
from demo.signals import Asked, Parent, deafen, listening

_REMAINS_SECONDS = 10.0


def main() -> int:
    """Run the demo until it is asked to end. Returns the exit code."""
    os.umask(0o077)
    os.chdir(CHECKOUT)
    folder = Folder.of_this_checkout()
    try:
        with listening():
            port = _port()
            folder.claim()
            _run(folder, port)
    except Asked as asked:
        say(f"Ended by {asked}; every process of the demo has stopped.")
        return 0
    except (StartFailed, ChildDied, Busy) as problem:
        print(f"\n{problem}", file=sys.stderr, flush=True)
        return 1
    return 0


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StartFailed(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def _run(folder: Folder, port: int) -> None:
    address = f"http://{HOST}:{port}"
    with _unclean_mark(folder) as was_unclean:
        _wait_for_remains(port, patient=was_unclean)
        folder.say_who(f"process {os.getpid()}, {address}")
        shell_file = folder.path / "env"
        children = Children(folder.path / "log")
        watch_parent = _watch_parent()
        try:
            _start(folder, children, port, watch_parent)
            _welcome(address, shell_file)
            children.watch()
        finally:
            deafen()
            say("Stopping …")
            children.stop()
            shell_file.unlink(missing_ok=True)


def _start(folder: Folder, children: Children, port: int, watch_parent: Callable[[], None]) -> None:
    started = time.monotonic()

    @contextlib.contextmanager
    def showing(title: str) -> Iterator[None]:
        with step(title) as tick:
            children.on_wait = lambda: (watch_parent(), tick())
            yield
        children.on_wait = watch_parent

    say("Countinghouse demo: starting")
    bare = environment.process_environment(folder, {})
    endpoint = aws.start(children, env=bare)  # the slowest to come up: it runs beside the others
    with showing("PostgreSQL and the broker"):
        named = os.environ.get
        database = postgres.start(folder.path, children, named=named("DATABASE_URL"))
        broker = valkey.start(folder.path, children, named=named("CELERY_BROKER_URL"))
    say(f"    {database.described}, {broker.described}")
    settings = environment.portal_settings(
        folder, database_url=database.url, broker_url=broker.url, aws_endpoint=endpoint, port=port
    )
    environment.write_shell_file(folder, settings)
    portal = Portal(folder, children, environment.process_environment(folder, settings))
    with showing("Database schema"):
        portal.migrate()
    with showing("Static files"):
        portal.collect_static()
    with showing("The pretend AWS and its sample company"):
        aws.wait_until_ready(endpoint, children)
    with showing("Web, worker and beat"):
        portal.start(port)
        portal.wait_until_ready(port)
    _seed_once(folder, portal, database.identity)
    say(f"  started in {time.monotonic() - started:.1f} s")


def _seed_once(folder: Folder, portal: Portal, database: str) -> None:
    mark = folder.path / "seeded"
    if mark.exists() and mark.read_text() == database:
        return
    say("  Sample organization …")
    portal.seed()
    mark.write_text(database)


def _welcome(address: str, shell_file: Path) -> None:
    say(f"\nPortal ready at {address}\n")
    wide = max(len(person.username) for person in PEOPLE)
    for person in PEOPLE:
        say(
            f"  sign in as {person.username:<{wide}}  password {person.password:<{wide + 5}}  "
            f"{address}{person.place}  ({person.purpose})"
        )
    if shell_file.is_relative_to(CHECKOUT):
        shell_file = shell_file.relative_to(CHECKOUT)
    say(f"\nIn another terminal:  . {shell_file} && .venv/bin/python manage.py …")
    say("Ctrl-C ends everything; the data stays (make demo-reset empties it).")


def _watch_parent() -> Callable[[], None]:
    """Return a check that ends the demo when the make that runs it was interrupted or died."""
    if "MAKELEVEL" not in os.environ:
        return lambda: None
    parent = Parent()

    def check() -> None:
        if parent.gave_up():
            raise Asked("the end of make")

    return check


@contextlib.contextmanager
def _unclean_mark(folder: Folder) -> Iterator[bool]:
    """Leave a mark while the demo runs. Yields whether the last one was killed and left its own."""
    mark: Path = folder.path / "running"
    was_unclean = mark.exists()
    mark.touch()
    try:
        yield was_unclean
    finally:
        mark.unlink(missing_ok=True)


def _wait_for_remains(port: int, *, patient: bool) -> None:
    """Refuse a taken port; after an unclean end, first let the old processes finish dying."""
    deadline = time.monotonic() + (_REMAINS_SECONDS if patient else 0)
    while True:
        try:
            refuse_taken_port(port)
        except StartFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
