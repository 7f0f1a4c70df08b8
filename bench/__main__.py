"""`make bench`: one JSON object a line, {"name", "value", "unit", "baseline", "ratio"}.

ROWS=5000000 make bench scales it.
"""

import datetime as dt
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench import discovery
from bench.report import report
from bench.servers import CHECKOUT, FOLDER, Servers, running
from demo.bills import big

MONTH = dt.date(2026, 10, 1)
DEFAULT_ROWS = 2_000_000


def main() -> None:
    rows = int(os.environ.get("ROWS") or DEFAULT_ROWS)
    manifest = _bill(rows)
    files = [
        str(FOLDER / "s3" / key.removeprefix("s3://"))
        for key in json.loads(manifest.read_text())["dataFiles"]
    ]
    baseline, busy = map(float, _python("bench.group_by", *files).split())
    with running(big.PAYER) as servers:
        _python("bench.prepare", big.PAYER, env=servers.environment)
        _let_s3_hash(servers, files)
        seconds, usage = _import(servers)
        month = json.loads(_python("bench.told", env=servers.environment))
        again, _ = _import(servers)
    report("import_parquet_seconds", seconds, "s", baseline)
    # What it takes of the processors says more where other work runs beside.
    report("import_parquet_cpu_seconds", usage.ru_utime + usage.ru_stime, "s", busy)
    report("import_parquet_peak_memory", usage.ru_maxrss / 1024, "MiB")
    report("import_parquet_rows_read", month["rows_read"], "rows")
    report("import_parquet_daily_rows", month["rows_loaded"], "rows")
    for step, taken in month["timings"].items():
        report(f"import_parquet_step_{step}", taken, "s")
    report("import_unchanged_seconds", again, "s")
    discovery.measure()


def _bill(rows: int) -> Path:
    """Write the bill unless the last measurement left the same one."""
    stamp = FOLDER / "rows"
    manifest = FOLDER / "s3" / "big" / "exports" / "big" / "metadata"
    manifest = manifest / f"BILLING_PERIOD={MONTH:%Y-%m}" / "big-Manifest.json"
    if stamp.exists() and stamp.read_text() == str(rows) and manifest.exists():
        return manifest
    shutil.rmtree(FOLDER / "s3", ignore_errors=True)
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    written = big.write(rows, FOLDER / "s3", MONTH)
    stamp.write_text(str(rows))
    return written


def _let_s3_hash(servers: Servers, files: list[str]) -> None:
    """Ask for each object once: AWS knows the ETags, this S3 computes them at the first look."""
    code = "import sys, bench.objects; bench.objects.look(sys.argv[1:])"
    keys = [str(Path(file).relative_to(servers.objects)) for file in files]
    subprocess.run([sys.executable, "-c", code, *keys], env=servers.environment, check=True)


def _import(servers: Servers) -> tuple[float, resource.struct_rusage]:
    """Run `manage.py import_billing`: its seconds, what it used."""
    command = [sys.executable, str(CHECKOUT / "manage.py"), "import_billing"]
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
