"""The hourly look of a large portal: 50 connections, 14 months each, 20 ms a call, nothing new."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from bench.report import report
from bench.servers import CHECKOUT, Servers, running
from demo.servers import aws as pretend_aws
from demo.servers.process import Children

CONNECTIONS, MONTHS, LATENCY_MS = 50, 14, 20
PAYER = "111122223333"
_LIMIT_SECONDS = 30.0


def measure() -> None:
    """Report the seconds of a look at every connection, against the limit, and its requests."""
    with running(PAYER, serve=_serve) as servers:
        _python(servers, "-m", "bench.looked", str(CONNECTIONS), str(MONTHS))
        _pretend(servers, "faults", "POST", {"latency_ms": LATENCY_MS})
        _pretend(servers, "requests", "DELETE")
        started = time.monotonic()
        told = json.loads(_python(servers, "manage.py", "import_billing", "--json"))
        taken = time.monotonic() - started
        asked = _pretend(servers, "requests", "GET")["total"]
    assert [look["state"] for look in told] == ["unchanged"] * CONNECTIONS
    report("look_unchanged_seconds", taken, "s", _LIMIT_SECONDS)
    report("look_unchanged_requests", asked, "requests", CONNECTIONS * MONTHS)


def _serve(children: Children, folder: Path, account_id: str) -> str:
    endpoint = pretend_aws.start(children, env={"PYTHONPATH": str(CHECKOUT)}, empty=True)
    pretend_aws.wait_until_ready(endpoint, children)
    return endpoint


def _pretend(servers: Servers, what: str, method: str, body: Any = None) -> Any:
    url = f"{servers.environment['AWS_ENDPOINT_URL']}/pretend/{what}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


def _python(servers: Servers, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, env=servers.environment, check=True, stdout=subprocess.PIPE, cwd=CHECKOUT
    )
    return done.stdout.decode()


if __name__ == "__main__":
    measure()
