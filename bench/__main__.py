"""`make bench`: one JSON object a line, {"name", "value", "unit", "baseline", "ratio"}.

ROWS=5000000 make bench scales the import, DAILY_ROWS=100000 the year of the pages; EXPLAIN=1 writes
the plans of the year's questions to the standard error.
"""

import datetime as dt
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any

from bench import discovery, downloads, looks
from bench.report import report
from bench.servers import CHECKOUT, FOLDER, Servers, running
from demo.bills import big

MONTH = dt.date(2026, 10, 1)
DEFAULT_ROWS = 2_000_000
CSV_ROWS = 500_000
DOWNLOADED_ROWS = 1_000_000
DAILY_ROWS = 1_000_000  # of each of twelve months


def main() -> None:
    rows = int(os.environ.get("ROWS") or DEFAULT_ROWS)
    files = _files(_bill(rows))
    wall, busy = map(float, _python("bench.group_by", *map(str, files)).split())
    seconds = _measure("import_parquet", "big", files, (wall, busy))
    # Like with like: a process that starts, reads each file once and ends.
    report("import_parquet_against_process", seconds, "s", _process(files))
    zipped = _files(_csv(files[0], min(rows, CSV_ROWS)))
    _measure("import_csv", "big-csv", zipped, _gunzip(zipped))
    looks.measure()
    discovery.measure()
    downloads.measure(DOWNLOADED_ROWS)
    _pages(int(os.environ.get("DAILY_ROWS") or DAILY_ROWS))


def _pages(daily_rows: int) -> None:
    """Measure the pages over a year; its lines are printed by the process that measures."""
    with running(big.PAYER) as servers:
        asked = {"DAILY_ROWS": str(daily_rows), "EXPLAIN": os.environ.get("EXPLAIN", "")}
        environment = servers.environment | asked
        command = [sys.executable, "-m", "bench.pages"]
        subprocess.run(command, env=environment, check=True, cwd=CHECKOUT)


def _measure(name: str, export: str, files: list[Path], baseline: tuple[float, float]) -> float:
    """Import an export's month, then look at it unchanged; return the import's seconds.

    `baseline`: the best seconds of three, the processor's too. The import's are as well.
    """
    with running(big.PAYER) as servers:
        _python("bench.prepare", big.PAYER, export, env=servers.environment)
        seconds, usage = min((_import(servers, "--force") for _ in range(3)), key=itemgetter(0))
        month = json.loads(_python("bench.told", env=servers.environment))
        again, _ = _import(servers)
    report(f"{name}_seconds", seconds, "s", baseline[0])
    # The run by itself, as a worker does it: without starting a process, and looking what changed.
    report(f"{name}_run_seconds", month["fastest_seconds"], "s", baseline[0])
    # What it takes of the processors says more where other work runs beside.
    report(f"{name}_cpu_seconds", usage.ru_utime + usage.ru_stime, "s", baseline[1])
    report(f"{name}_peak_memory", usage.ru_maxrss / 1024, "MiB")
    report(f"{name}_rows_read", month["rows_read"], "rows")
    report(f"{name}_daily_rows", month["rows_loaded"], "rows")
    stored = month["bytes_stored"] / month["rows_loaded"]
    report(f"{name}_bytes_per_daily_row", stored, "bytes")
    for step, taken in month["timings"].items():
        report(f"{name}_step_{step}", taken, "s")
    report(f"{name}_unchanged_seconds", again, "s")
    return seconds


def _process(files: list[Path]) -> float:
    """Return the seconds of a whole process that does the bare GROUP BY once; the best of three."""
    taken = []
    for _ in range(3):
        started = time.monotonic()
        _python("bench.group_by", "--once", *map(str, files))
        taken.append(time.monotonic() - started)
    return min(taken)


def _files(manifest: Path) -> list[Path]:
    keys = json.loads(manifest.read_text())["dataFiles"]
    return [FOLDER / "s3" / key.removeprefix("s3://") for key in keys]


def _csv(parquet: Path, rows: int) -> Path:
    """Write the rows as CSV unless the last measurement left them."""
    period = parquet.parent.name
    manifest = FOLDER / "s3/big/exports/big-csv/metadata" / period / "big-csv-Manifest.json"
    return manifest if manifest.exists() else _apart(big.write_csv, parquet, rows, FOLDER / "s3")


def _gunzip(files: list[Path]) -> tuple[float, float]:
    """Return the best seconds of three in which gunzip reads the files, and the processor's."""
    taken = []
    for _ in range(3):
        started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["gunzip", "-c", *files], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        taken.append((time.monotonic() - started, used))
    return min(taken)


def _bill(rows: int) -> Path:
    """Write the bill unless the last measurement left the same one."""
    stamp = FOLDER / "rows"
    manifest = FOLDER / "s3" / "big" / "exports" / "big" / "metadata"
    manifest = manifest / f"BILLING_PERIOD={MONTH:%Y-%m}" / "big-Manifest.json"
    if stamp.exists() and stamp.read_text() == str(rows) and manifest.exists():
        return manifest
    shutil.rmtree(FOLDER / "s3", ignore_errors=True)
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    written = _apart(big.write, rows, FOLDER / "s3", MONTH)
    stamp.write_text(str(rows))
    return written


def _apart(write: Callable[..., Path], *arguments: Any) -> Path:
    """Write a bill in a process of its own: the kernel counts what this one took as the peak of
    those that it starts later.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(write, *arguments).result()


def _import(servers: Servers, *options: str) -> tuple[float, resource.struct_rusage]:
    """Run `manage.py import_billing`: its seconds, what it used."""
    command = [sys.executable, str(CHECKOUT / "manage.py"), "import_billing", *options]
    started = time.monotonic()
    with subprocess.Popen(
        command, env=servers.environment, stdout=subprocess.DEVNULL, cwd=CHECKOUT
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"The import failed with exit code {process.returncode}.")
    return time.monotonic() - started, usage


def _python(module: str, *arguments: str, env: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, cwd=CHECKOUT)
    return done.stdout.decode().strip()


if __name__ == "__main__":
    main()
