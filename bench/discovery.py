"""Discovery against the plain loop over the same calls: 20 ms a call, 20 regions, 20,000 things."""

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.regions_aws import ACCOUNT
from bench.report import report
from bench.servers import CHECKOUT, Servers, listens, running
from demo.servers.process import Children, free_port

_ENDS = ("started", "finished")


def measure() -> None:
    """Report the seconds of a first discovery and of one that finds nothing new."""
    with running(ACCOUNT, serve=_serve_regions) as servers:
        _python(servers, "-m", "bench.prepare", ACCOUNT)
        counted, seconds = _python(servers, "-m", "bench.one_by_one", ACCOUNT).split()
        baseline = float(seconds)
        first, taken = _discover(servers)
        again, taken_again = _discover(servers)
    assert int(counted) == first["found"] == first["added"] == again["found"]
    assert again["added"] == again["changed"] == again["gone"] == 0
    report("discover_resources", first["found"], "resources")
    report("discover_seconds", taken, "s", baseline)
    report("discover_unchanged_seconds", taken_again, "s", baseline)


def _discover(servers: Servers) -> tuple[dict[str, Any], float]:
    """Run `manage.py discover_resources`: its answer, and the seconds from start to end of it."""
    run = json.loads(_python(servers, "manage.py", "discover_resources", "--json"))
    started, finished = (dt.datetime.fromisoformat(run[f"{end}_at"]) for end in _ENDS)
    return run, (finished - started).total_seconds()


def _serve_regions(children: Children, folder: Path, account_id: str) -> str:
    port = free_port()
    children.start("aws", [sys.executable, "-m", "bench.regions_aws", str(port)], env={})
    children.wait_for("The AWS of 20 regions", lambda: listens(port), 20)
    return f"http://127.0.0.1:{port}"


def _python(servers: Servers, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=servers.environment,
        check=True,
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
    )
    return done.stdout.decode()


if __name__ == "__main__":
    measure()
