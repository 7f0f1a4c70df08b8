"""How the demo learns that it should end."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class Asked(BaseException):
    """Somebody asked the demo to end."""


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def listening() -> Iterator[None]:
    """Raise Asked in the main thread at the first signal to end; later ones change nothing."""

    def answer(number: int, frame: FrameType | None) -> None:
        deafen()
        raise Asked(signal.Signals(number).name)

    before = {number: signal.signal(number, answer) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def deafen() -> None:
    """Ignore further signals to end: the end is under way."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


class Parent:
    """The process that started us: `make`, when a person typed `make demo`."""

    def __init__(self) -> None:
        self._id = os.getppid()
        self._caught_interrupts = _catches_interrupts(self._id)

    def gave_up(self) -> bool:
        """Return whether it is gone, or is a make that was interrupted.

        A SIGINT to make alone lets it wait for us for ever: it drops its handler and tells nobody.
        """
        if os.getppid() != self._id:
            return True
        return self._caught_interrupts and not _catches_interrupts(self._id)


def _catches_interrupts(process: int) -> bool:
    """Return whether this is a make with a handler for SIGINT (Linux; elsewhere never)."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    mask = int(fields.get("SigCgt", "0"), 16)
    return fields.get("Name") in {"make", "gmake"} and bool(mask & 1 << (signal.SIGINT - 1))
