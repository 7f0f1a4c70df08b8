"""What the portal's own web process needs to send a million rows: seconds, and its peak memory.

A gunicorn of one worker answers over HTTP; its peak is the kernel's figure of the process. It is
compared with the peak after a file of no rows, so that what the portal itself weighs is left out.
"""

import datetime as dt
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from bench.report import report
from bench.servers import CHECKOUT, Servers, listens, running
from demo.servers.process import free_port

RANGE = "from=2000-01-01&to=2100-01-01"
EMPTY = "from=2000-01-01&to=2000-01-02"
DOWNLOADS = {
    "costs_csv": f"costs/?{RANGE}&group_by=resource,usage_type&format=csv",
    "focus_csv": f"focus/?{RANGE}",
    "focus_parquet": f"focus/?{RANGE}&format=parquet",
}
PAYER = "100000000000"


def measure(rows: int) -> None:
    """Load one month of that many daily rows and download it."""
    with running(PAYER) as servers:
        token = _manage(servers, "bench.downloads", str(rows))
        for name, path in DOWNLOADS.items():
            _download(servers, token, name, path, rows)


def _download(servers: Servers, token: str, name: str, path: str, rows: int) -> None:
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"),
        *("--workers", "1", "--worker-class", "gthread", "--threads", "4", "--timeout", "600"),
        *("--log-level", "error", "--no-control-socket"),
    ]
    # No broker runs here, and static files are no matter.
    quiet = {"API_RATE": "0", "PYTHONWARNINGS": "ignore"}
    environment = {**servers.environment, "HTTPS": "false", "ALLOWED_HOSTS": "127.0.0.1", **quiet}
    with subprocess.Popen(command, env=environment, cwd=CHECKOUT) as gunicorn:
        try:
            _wait(port)
            address = f"http://127.0.0.1:{port}/api/v1/"
            _get(address + path.replace(RANGE, EMPTY), token)
            (worker,) = _children(gunicorn.pid)
            before = _peak(worker)
            started = time.monotonic()
            size, lines = _get(address + path, token)
            seconds = time.monotonic() - started
            if "csv" in name and lines < rows:
                raise SystemExit(f"{name} has {lines} lines of {rows}.")
            report(f"download_{name}", seconds, "s")
            report(f"download_{name}_size", size / 2**20, "MiB")
            report(f"download_{name}_peak_memory", _peak(worker), "MiB", before)
        finally:
            gunicorn.send_signal(signal.SIGTERM)


def _get(address: str, token: str) -> tuple[int, int]:
    """Read an answer as a client does; return its bytes and lines."""
    request = urllib.request.Request(address, headers={"Authorization": f"Token {token}"})  # noqa: S310
    size = lines = 0
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - our own server
        while block := answer.read(1 << 16):
            size += len(block)
            lines += block.count(b"\n")
    return size, lines


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while not listens(port):
        if time.monotonic() > until:
            raise SystemExit("The web server does not answer.")
        time.sleep(0.1)


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _peak(pid: int) -> float:
    """Return the most memory that the process ever had, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if not found:
        raise SystemExit("The system does not tell the memory of a process.")
    return int(found[1]) / 1024


def _manage(servers: Servers, module: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=servers.environment,
        check=True,
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
    )
    return done.stdout.decode().strip().splitlines()[-1]


def _prepare(rows: int) -> None:
    """Load the month and print a token, in a process with the measurement's settings."""
    from django.core.management import call_command  # noqa: PLC0415 - needs the settings

    from bench import pages  # noqa: PLC0415
    from organizations.access import Role  # noqa: PLC0415
    from organizations.models import ApiToken  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    Path(os.environ["SPOOL_DIR"]).mkdir(parents=True, exist_ok=True)
    organization, payer = pages.company()
    pages.fill(organization, dt.date(2026, 10, 1), rows, payer)
    print(ApiToken.issue(organization=organization, role=Role.VIEWER, name="bench")[1])


if __name__ == "__main__":
    _prepare(int(sys.argv[1]))
