"""Child processes that never outlive the process that started them.

On Linux the kernel signals a child when the thread that started it ends, however it ends
(PR_SET_PDEATHSIG), so start children from the main thread. Elsewhere only an orderly end stops
them.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_POLL = 0.05  # seconds between two looks at a child


class StartFailed(Exception):  # noqa: N818 - reads as the sentence it carries
    """Something could not be started; the text says what happened and what to do."""


class ChildDied(Exception):  # noqa: N818
    """A running child ended by itself; the text names it and shows its last words."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Child:
    """One started process and how to end it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None
    stop_signal: signal.Signals
    patience: float

    def running(self) -> bool:
        return self.process.poll() is None

    def last_words(self, lines: int = 15) -> str:
        """Return the end of the child's log, indented, or an empty string."""
        if self.log is None or not self.log.exists():
            return ""
        tail = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "".join(f"\n    {line}" for line in tail)

    def obituary(self) -> str:
        code = self.process.returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        where = f" Its log is {self.log}; the last lines:" if self.log else ""
        return f"{self.name} {how}.{where}{self.last_words()}"

    def stop(self) -> None:
        """Ask the child to end, insist after `patience` seconds, and take its descendants along."""
        if self.running():
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(self.patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # The child led a session of its own: what it left behind is still in its group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Children:
    """The processes of one owner, stopped in the reverse order of their start."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []
        self.on_wait: Callable[[], None] | None = None

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __iter__(self) -> Iterator[Child]:
        return iter(self._children)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        owner_gone: signal.Signals = signal.SIGTERM,
        stop_signal: signal.Signals = signal.SIGTERM,
        patience: float = 8.0,
        user: str | None = None,
        show: bool = False,
    ) -> Child:
        """Start a command that the kernel signals with `owner_gone` when this process dies.

        Its output goes to the log `<name>.log`, or to ours when `show`. Raises StartFailed.
        """
        log = None if show else self._fresh_log(name)
        with contextlib.ExitStack() as files:
            output = files.enter_context(log.open("wb")) if log else None
            try:
                process = subprocess.Popen(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT if output else None,
                    env=dict(env),
                    cwd=cwd,
                    user=user,
                    extra_groups=[] if user else None,
                    start_new_session=True,  # the terminal's Ctrl-C is for the owner alone
                    preexec_fn=_tied_to(os.getpid(), owner_gone),  # noqa: PLW1509 - one C call
                )
            except OSError as error:
                raise StartFailed(f"{name} could not be started: {error}.") from error
        child = Child(name, process, log, stop_signal, patience)
        self._children.append(child)
        return child

    def run(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        show: bool = False,
    ) -> None:
        """Run a command to its end, watching the others. Raises StartFailed unless it exits 0."""
        self.finish(self.start(name, command, env=env, show=show))

    def finish(self, child: Child) -> None:
        """Wait for a child that ends by itself. Raises StartFailed unless it exits 0."""
        while child.running():
            self._pause(but=child)
        self.forget(child)
        if child.process.returncode != 0:
            raise StartFailed(child.obituary())

    def forget(self, child: Child) -> None:
        """Stop one child and no longer watch it."""
        child.stop()
        self._children.remove(child)

    def check(self, *, but: Child | None = None) -> None:
        """Raise ChildDied when a child that should be running has ended."""
        for child in self._children:
            if child is not but and not child.running():
                raise ChildDied(child.obituary())

    def wait_for(self, what: str, answers: Callable[[], bool], seconds: float) -> None:
        """Ask again and again until the answer is yes. Raises StartFailed after `seconds`."""
        deadline = time.monotonic() + seconds
        while not answers():
            if time.monotonic() > deadline:
                raise StartFailed(f"{what} did not answer within {seconds:.0f} seconds.")
            self._pause()

    def watch(self) -> None:
        """Return never; raises ChildDied as soon as a child ends."""
        while True:
            self._pause(seconds=0.25)

    def stop(self) -> None:
        """End every child, the last started first."""
        while self._children:
            self.forget(self._children[-1])

    def _pause(self, *, but: Child | None = None, seconds: float = _POLL) -> None:
        self.check(but=but)
        if self.on_wait is not None:
            self.on_wait()
        time.sleep(seconds)

    def _fresh_log(self, name: str) -> Path:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        if log.exists():
            log.replace(self._logs / f"{name}.previous.log")
        return log


def _tied_to(owner: int, death_signal: signal.Signals) -> Callable[[], None] | None:
    libc = _LIBC
    if libc is None:
        return None

    def tie() -> None:
        # The owner may have died between the fork and this line: then nobody would tell us.
        if libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) or os.getppid() != owner:
            os._exit(126)

    return tie
