"""The pretend AWS as a process of its own, answering over real HTTP."""

import http.client
import sys
from pathlib import Path

from demo.servers.process import Children, free_port

_START_SECONDS = 60.0


def start(children: Children, *, env: dict[str, str], empty: bool = False) -> str:
    """Start the pretend AWS and return its endpoint at once; ask `ready` before using it.

    `empty` leaves out the sample company.
    """
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "demo.aws", "--port", str(port)]
    children.start("aws", [*command, "--empty"] if empty else command, env=env)
    return f"http://127.0.0.1:{port}"


def wait_until_ready(endpoint: str, children: Children) -> None:
    """Wait until the pretend AWS answers, its company included. Raises StartFailed."""
    children.wait_for("The pretend AWS", lambda: _answers(endpoint), seconds=_START_SECONDS)


def _answers(endpoint: str) -> bool:
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/pretend/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
