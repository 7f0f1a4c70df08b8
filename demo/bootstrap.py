"""Install into `.venv` with the standard library alone: `bootstrap.py demo | dev | lock`.

Hashes are always checked. uv installs in seconds; where it cannot, pip does the same, slower.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / "installed"
REQUIREMENTS = CHECKOUT / "requirements"
INSTALLER = REQUIREMENTS / "installer.txt"
# dev holds all that demo holds: a checkout made for the tests can run the demo.
ENOUGH = {"demo": ("demo", "dev"), "dev": ("dev",)}


class CannotInstall(Exception):  # noqa: N818 - reads as the sentence it carries
    """The text says what is missing and how to get it."""


def main(goal: str) -> int:
    # However we are asked to end, the installer that runs for us ends first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        check_python()
        if goal == "lock":
            lock()
        else:
            install(goal)
    except CannotInstall as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("Interrupted; the next start installs what is missing.")
        return 130
    return 0


def check_python() -> None:
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        raise CannotInstall(
            f"Countinghouse needs Python 3.11 or newer; {sys.executable} is {found}. Install a "
            "newer one, or name it: make PYTHON=/path/to/python3.11 demo"
        )


def install(goal: str) -> None:
    """Bring `.venv` to what requirements/<goal>.txt says; do nothing when it is there already."""
    installed = STAMP.read_text() if STAMP.exists() and PYTHON.exists() else ""
    if installed in {stamp(name) for name in ENOUGH[goal]}:
        return
    if not installed.startswith(place()):
        make_venv()
    STAMP.unlink(missing_ok=True)
    file = REQUIREMENTS / f"{goal}.txt"
    wanted = sum(1 for line in file.read_text().splitlines() if "==" in line)
    say(f"Installing {wanted} packages from {file.relative_to(CHECKOUT)} into .venv …")
    if not (get_uv() and run_uv("pip", "sync", "--quiet", *for_venv(), "--require-hashes", file)):
        say("uv could not do it; installing with pip, which takes about a minute …")
        if not run_pip("install", "--quiet", "--require-hashes", "-r", file):
            raise CannotInstall(
                "The packages could not be installed; the reason is above. Is a package index "
                "reachable? Behind a mirror, set PIP_INDEX_URL (pip) and UV_DEFAULT_INDEX (uv)."
            )
    STAMP.write_text(stamp(goal))
    say("Installed.")


def lock() -> None:
    """Write requirements/*.txt from pyproject.toml: every platform, hashed, no address."""
    if not get_uv():
        raise CannotInstall("uv is needed to resolve the requirements and could not be installed.")
    for name, group in {"run": [], "demo": ["--group", "demo"], "dev": ["--group", "dev"]}.items():
        compile_file("pyproject.toml", *group, out=REQUIREMENTS / f"{name}.txt")
    compile_file("-", out=INSTALLER, source="uv\n")


def compile_file(*what: str, out: Path, source: str = "") -> None:
    say(f"Resolving {out.relative_to(CHECKOUT)} …")
    options = ("--universal", "--python-version", "3.11", "--generate-hashes")
    plain = ("--no-annotate", "--no-header", "--quiet")
    if not run_uv("pip", "compile", *options, *plain, *what, "-o", out, source=source):
        raise CannotInstall(f"{out.name} could not be resolved; the reason is above.")


def place() -> str:
    """Return what a venv is bound to: its own path and the Python's version."""
    return f"{VENV} {sys.version_info[0]}.{sys.version_info[1]} "


def stamp(goal: str) -> str:
    content = (REQUIREMENTS / f"{goal}.txt").read_bytes()
    return f"{place()}{hashlib.sha256(content).hexdigest()}\n"


def make_venv() -> None:
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian ships Python without it
    except ImportError:
        raise CannotInstall(
            "This Python cannot make virtual environments: its venv module is incomplete. "
            "On Debian or Ubuntu: apt-get install python3-venv"
        ) from None
    say(f"Creating .venv with Python {'.'.join(map(str, sys.version_info[:3]))} …")
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", VENV], check=False)
    if made.returncode != 0:
        raise CannotInstall(".venv could not be created; the reason is above.")


def get_uv() -> bool:
    if not UV.exists():
        say("Getting uv …")
        run_pip("install", "--quiet", "--require-hashes", "-r", INSTALLER)
    return UV.exists()


def run_uv(*arguments: "str | Path", source: str = "") -> bool:
    # Never a Python of uv's own: the one that runs this is the one that was chosen.
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    # A company's own certificate authority is known to the system, as pip needs it to be.
    env.setdefault("UV_SYSTEM_CERTS", "true")
    done = subprocess.run(
        [UV, *arguments], env=env, cwd=CHECKOUT, input=source, text=True, check=False
    )
    return done.returncode == 0


def run_pip(*arguments: "str | Path") -> bool:
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [PYTHON, "-m", "pip", *arguments]
    return subprocess.run(command, env=env, cwd=CHECKOUT, check=False).returncode == 0


def for_venv() -> "tuple[str | Path, ...]":
    return ("--python", PYTHON)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
