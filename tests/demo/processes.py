"""Which processes of this machine belong to a folder, and starting a demo on one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def living_in(folder: Path) -> list[str]:
    """Return the command lines of processes that carry the folder in their environment, or that
    work inside it (PostgreSQL overwrites its environment with its title)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            place = (process / "cwd").readlink()
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it ended meanwhile, or is not ours
        if os.fsencode(folder) in environment or place.is_relative_to(folder):
            found.append(command)
    return found


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Ask until it holds; False when it still does not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@dataclass
class RunningDemo:
    """A demo process and what it said until it was ready or ended."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    said: str

    def end(self, signal_number: int) -> str:
        """Send a signal, wait for the end and return what the demo said last."""
        self.process.send_signal(signal_number)
        return self.process.communicate(timeout=120)[0]


def start_demo(folder: Path, port: int, *command: str | Path) -> RunningDemo:
    """Run the demo, or another command, on a folder until it says that it is ready, or ends."""
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DEMO_DIR": str(folder),
        "PORT": str(port),
        "AWS_PROFILE": "of-the-user",
    }
    process = subprocess.Popen(
        command or (sys.executable, "-m", "demo"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        cwd=CHECKOUT,
        # Whoever runs the tests in the background ignores SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if line.startswith("Ctrl-C ends everything"):
            break
    else:
        process.wait(120)
    return RunningDemo(folder, port, process, said)
