"""The demo's folder `.demo/`: one running demo at a time, and what has to survive a restart.

Only the standard library: `make demo-reset` runs this before anything is installed.
"""

import fcntl
import os
from pathlib import Path
from typing import TextIO

CHECKOUT = Path(__file__).resolve().parent.parent


class Busy(Exception):  # noqa: N818 - reads as the sentence it carries
    """A demo already runs on this folder."""


class Folder:
    """The demo's private folder. `claim` it before using anything inside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: TextIO | None = None

    @classmethod
    def of_this_checkout(cls) -> "Folder":
        """Return the folder that DEMO_DIR names, else `.demo` of the checkout."""
        return cls(Path(os.environ.get("DEMO_DIR") or CHECKOUT / ".demo").absolute())

    def claim(self) -> None:
        """Create the folder and hold it until this process ends, however it ends. Raises Busy."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        # Kept open, never inherited: the kernel lets go of the lock when this process dies.
        lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            lock.close()
            raise Busy(
                f"A demo is already running here: {holder}. "
                "Stop it first with Ctrl-C in its terminal."
            ) from None
        self._lock = lock

    def say_who(self, text: str) -> None:
        """Note who holds the folder, for the one who finds it busy."""
        if self._lock is None:
            raise RuntimeError("claim the folder first")
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(text)
        self._lock.flush()

    def write_secret(self, name: str, text: str) -> Path:
        """Write a file that only its owner may read."""
        path = self.path / name
        fresh = path.with_name(f"{name}.new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_text(text)
        fresh.replace(path)
        return path
