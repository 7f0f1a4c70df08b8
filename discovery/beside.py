"""Work in a second process, whose results arrive while this one goes on with its own.

Python runs one thread at a time. What waits for AWS gains by threads; what AWS answered has to be
read, and of many small answers that is most of the time.

The second process is a copy of this one (a fork, on Linux only): it knows all that this one knows
and starts at once. It may use whatever is in memory, but no connection of this process: those are
closed in it.
"""

import logging
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Self

logger = logging.getLogger(__name__)

_STANDARD_ERROR = 2
_MAIN_AND_HEARTBEAT = 2


def is_possible() -> bool:
    """Say whether a second process would help, and may be had.

    A fork copies the locks that other threads hold at that moment, and nobody opens those again. So
    only a main thread makes one, with nobody beside it but a run's heartbeat: in a command, and in
    a worker whose tasks have a process each. A worker with a pool of threads does without.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return False
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and threading.active_count() <= _MAIN_AND_HEARTBEAT


class Beside:
    """A second process for as long as the block lasts.

    It iterates over `work()`; a thread of this process hands what it makes to `take`, in order.
    `lost` is called there when it ends before its work is done, or makes nothing for `patience`
    seconds. However the block or this process ends, the other process ends with it.
    """

    def __init__(
        self,
        work: Callable[[], Iterable[Any]],
        *,
        take: Callable[[Any], None],
        lost: Callable[[], None],
        patience: float,
    ) -> None:
        self._work = work
        self._patience = patience
        self._take = take
        self._lost = lost
        self._is_ending = False
        self._listening = threading.Thread(target=self._listen, name="beside", daemon=True)

    def __enter__(self) -> Self:
        self._told, telling = Pipe()
        self._pid = os.fork()
        if not self._pid:
            _be_second(self._work, telling)
        telling.close()
        self._listening.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_ending = True
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._listening.join()
        self._told.close()

    def _listen(self) -> None:
        try:
            while self._told.poll(self._patience):
                result = self._told.recv()
                if not result:
                    return
                self._take(result[0])
        except (EOFError, OSError):
            pass
        if not self._is_ending:
            self._lost()


def _be_second(work: Callable[[], Iterable[Any]], telling: Connection) -> None:
    """Do the work, and end without all that the first process would do at its end."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _let_go_of_all_but(telling.fileno())
        threading.Thread(target=_end_with_the_first, args=[telling], daemon=True).start()
        for result in work():
            telling.send((result,))
        telling.send(())
    except BrokenPipeError:
        pass  # nobody listens any more
    except BaseException:
        logger.exception("The second process failed unexpectedly")
    finally:
        os._exit(0)  # nobody asks how it ended


def _let_go_of_all_but(kept: int) -> None:
    """Close connections and pipes: a database must see the end of the first process when it ends.

    Whoever still writes to one, a log for example, writes nowhere, and never to one that the second
    process opens.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in [int(one.name) for one in Path("/proc/self/fd").iterdir()]:
        if number > _STANDARD_ERROR and number != kept and _is_connection(number):
            os.dup2(nowhere, number)


def _is_connection(number: int) -> bool:
    try:
        mode = os.fstat(number).st_mode
    except OSError:  # what the list itself was read from
        return False
    return stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode)


def _end_with_the_first(telling: Connection) -> None:
    try:
        telling.recv()  # nothing is ever said this way
    except (EOFError, OSError):
        os._exit(0)
