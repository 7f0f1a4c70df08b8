"""The servers of a measurement: a PostgreSQL and an S3 of its own, in `.bench/`."""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from demo.environment import aws_settings
from demo.servers import postgres, valkey
from demo.servers.process import Children, free_port

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / ".bench"


@dataclass(frozen=True)
class Servers:
    """What a measured process needs: its whole environment, and where S3 keeps its objects."""

    environment: dict[str, str]
    objects: Path


Serve = Callable[[Children, Path, str], str]


@contextmanager
def running(account_id: str, serve: Serve | None = None) -> Iterator[Servers]:
    """Start the servers with an empty database; they end with the block.

    `serve` starts another AWS than the S3 and returns its address.
    """
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    objects = FOLDER / "s3"
    objects.mkdir(exist_ok=True)
    for old in ("pg", "broker", "spool"):
        shutil.rmtree(FOLDER / old, ignore_errors=True)
    for new in ("pg", "broker"):
        (FOLDER / new).mkdir(mode=0o700)
    with Children(FOLDER / "log") as children:
        database = postgres.start(FOLDER / "pg", children)
        broker = valkey.start(FOLDER / "broker", children)
        endpoint = (serve or _serve_objects)(children, objects, account_id)
        yield Servers(
            {
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "DATABASE_URL": database.url,
                "CELERY_BROKER_URL": broker.url,
                "SECRET_KEY": "measuring only",
                "FIELD_KEYS": Fernet.generate_key().decode(),
                "SPOOL_DIR": str(FOLDER / "spool"),
                "STATIC_ROOT": str(FOLDER / "static"),
                "LOG_LEVEL": "WARNING",
                **aws_settings(endpoint),
            },
            objects,
        )


def _serve_objects(children: Children, objects: Path, account_id: str) -> str:
    port = free_port()
    children.start(
        "s3",
        [sys.executable, "-m", "bench.objects_aws", str(port), str(objects)],
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(CHECKOUT)},
    )
    children.wait_for("The S3 server", lambda: listens(port), 20)
    return f"http://127.0.0.1:{port}"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
