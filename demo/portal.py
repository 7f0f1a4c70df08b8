"""The portal's own processes: database schema, static files, web, worker and beat."""

import hashlib
import http.client
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from signal import SIGKILL

from celery import Celery

from demo.folder import CHECKOUT, Folder
from demo.servers.process import Child, Children, StartFailed

HOST = "127.0.0.1"
_START_SECONDS = 60.0
# Threads: one process to start and to end. The only worker has no neighbours to look for.
_WORKER_OPTIONS = (
    *("--pool", "threads", "--concurrency", "4"),
    *("--without-gossip", "--without-mingle"),
)


class Portal:
    """Starts the portal's processes in one environment and asks them whether they are ready."""

    def __init__(self, folder: Folder, children: Children, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._children = children
        self._env = dict(env)

    def migrate(self) -> None:
        self._manage("migrate", "--no-input")
        self._manage("setup_schedules")

    def collect_static(self) -> None:
        """Collect the static files unless nothing changed since the last time."""
        stamp = self._folder.path / "static.fingerprint"
        wanted = _static_fingerprint()
        manifest = Path(self._env["STATIC_ROOT"], "staticfiles.json")
        if manifest.exists() and stamp.exists() and stamp.read_text() == wanted:
            return
        self._manage("collectstatic", "--no-input")
        stamp.write_text(wanted)

    def start(self, port: int) -> None:
        """Start web, worker and beat; they are ready after `wait_until_ready`."""
        self._children.start("web", _web_command(port), env=self._env)
        # A task that is cut off runs again by its Run row: a dead owner leaves no worker behind.
        self._children.start(
            "worker",
            _celery("worker", *_WORKER_OPTIONS),
            env=self._env,
            owner_gone=SIGKILL,
            patience=10,
        )
        self._beat = self._children.start(
            "beat", _celery("beat", "--pidfile="), env=self._env, owner_gone=SIGKILL
        )

    def wait_until_ready(self, port: int) -> None:
        """Wait until each process answers for itself. Raises StartFailed."""
        wait = self._children.wait_for
        wait("The web server", lambda: _web_answers(port), seconds=_START_SECONDS)
        with Celery(broker=self._env["CELERY_BROKER_URL"], set_as_current=False) as asking:
            wait("The worker", lambda: bool(asking.control.ping(timeout=0.5)), _START_SECONDS)
        wait("Beat", lambda: _says(self._beat, "beat: Starting"), seconds=_START_SECONDS)

    def seed(self) -> None:
        """Create the sample company's organization, showing the seed's own output."""
        self._children.run("seed", [sys.executable, "-m", "demo.seed"], env=self._env, show=True)

    def _manage(self, *arguments: str) -> None:
        command = [sys.executable, CHECKOUT / "manage.py", *arguments]
        self._children.run(arguments[0], command, env=self._env)


def refuse_taken_port(port: int) -> None:
    """Raise StartFailed when something listens on the portal's port."""
    with socket.socket() as probe:
        # As the web server binds: the remains of closed connections do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StartFailed(
                f"Port {port} on {HOST} cannot be used: {error.strerror}. "
                f"Choose another one, for example: PORT={port + 1000} make demo"
            ) from None


def _web_command(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "config.wsgi"),
        *("--bind", f"{HOST}:{port}"),
        *("--workers", "2", "--worker-class", "gthread", "--threads", "4"),
        # A permalink names every value of its filters.
        *("--limit-request-line", "8190"),
        *("--graceful-timeout", "4", "--access-logfile", "-", "--no-control-socket"),
    ]


def _celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "config", *arguments, "--loglevel", "INFO"]


def _web_answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _says(child: Child, words: str) -> bool:
    return child.log is not None and words in child.log.read_text(errors="replace")


def _static_fingerprint() -> str:
    """Return what changes when a static file, a package or a static setting does."""
    digest = hashlib.sha256()
    for path in _static_sources():
        facts = path.stat()
        digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _static_sources() -> Iterator[Path]:
    yield from sorted(CHECKOUT.glob("requirements/*.txt"))
    yield CHECKOUT / "config" / "settings.py"
    for folder in sorted({CHECKOUT / "static", *CHECKOUT.glob("*/static")}):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())
