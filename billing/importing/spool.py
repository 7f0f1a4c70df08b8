"""A private folder for a run's files while they are read; it goes when the run ends.

Files are fetched ahead while others are read, and removed once they were.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

from django.conf import settings

from connections.aws.s3 import Bucket, ObjectInfo
from organizations.runs import ErrorClass, RunFailure

_FILES_AHEAD = 3
_BYTES_AHEAD = 32 << 20  # large files fill the memory in which the disk is cached
_CONNECTIONS = 4
_LOCK = "in-use"
_OURS = "run-"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Spooled:
    """A data file on disk."""

    path: Path
    info: ObjectInfo


@contextmanager
def folder(run_id: int) -> Iterator[Path]:
    """Give an empty folder (0700) for a run; it is removed at the end, and locked until then.

    The lock goes with the process, however it ends, so what dead runs leave is found by it.
    """
    with _told_of_full_disk(Path(settings.SPOOL_DIR)):
        root = _root()
        place = root / f"{_OURS}{run_id}"
        with _alone(root):
            place.mkdir(mode=0o700, exist_ok=True)
            lock = (place / _LOCK).open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
    with lock:
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def remove_leftovers() -> int:
    """Remove the folders of runs whose process is gone; return how many.

    Whatever else lies there is somebody else's: SPOOL_DIR may name a place that others use, too.
    """
    removed = 0
    root = _root()
    with _alone(root):
        for place in root.glob(f"{_OURS}*"):
            if place.is_dir() and _is_dead(place):
                shutil.rmtree(place, ignore_errors=True)
                removed += 1
    return removed


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Make or look at folders one at a time: one that has no lock yet looks dead."""
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class Fetching:
    """Objects on their way into a folder, some files ahead of the one that is read.

    Files are fetched in parts side by side: one connection alone does not fill a line to S3.
    `files` says how many there are, `size` their bytes, `received` how many of them are here.
    """

    def __init__(self, bucket: Bucket, objects: Sequence[ObjectInfo], into: Path) -> None:
        self._bucket = bucket
        self._into = into
        self._waiting = list(enumerate(objects))
        self.files = len(objects)
        self.size = sum(one.size for one in objects)
        self.received = 0
        self._receiving = Lock()
        self._under_way: list[tuple[Spooled, list[Future[None]]]] = []
        self._pool = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="fetch")

    def label(self, spooled: Spooled) -> str:
        """Return a file's address in sentences."""
        return self._bucket.url(spooled.info.key)

    def __enter__(self) -> Self:
        self._fetch_ahead()
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[Spooled]:
        """Yield the objects as files, in order. Each file is removed after its turn.

        Raises RunFailure: an object changed (its ETag is not the given one), broke off, or the
        disk is full.
        """
        while self._under_way:
            spooled, parts = self._under_way.pop(0)
            for part in parts:
                part.result()
            self._fetch_ahead()
            yield spooled
            spooled.path.unlink(missing_ok=True)

    def _fetch_ahead(self) -> None:
        while self._waiting and self._has_room_ahead():
            number, info = self._waiting.pop(0)
            path = self._into / f"{number:05d}"
            with _told_of_full_disk(self._into):
                path.touch(mode=0o600)
            parts = [self._pool.submit(self._fetch, info, path, part) for part in _parts(info)]
            self._under_way.append((Spooled(path, info), parts))

    def _has_room_ahead(self) -> bool:
        ahead = [spooled.info.size for spooled, _ in self._under_way]
        return len(ahead) < _FILES_AHEAD and sum(ahead) < _BYTES_AHEAD

    def _fetch(self, info: ObjectInfo, path: Path, part: range | None) -> None:
        with _told_of_full_disk(self._into):
            self._bucket.fetch(info, path, part)
        with self._receiving:
            self.received += info.size if part is None else len(part)


def _parts(info: ObjectInfo) -> list[range | None]:
    """Return what to ask for of an object; None is all of it."""
    part: int = settings.SPOOL_PART_BYTES
    if info.size <= part:
        return [None]
    return [range(start, min(start + part, info.size)) for start in range(0, info.size, part)]


@contextmanager
def _told_of_full_disk(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(place) from None
        raise


def disk_full(place: Path) -> RunFailure:
    """Return the failure of a disk without room."""
    free = shutil.disk_usage(place).free if place.exists() else 0
    return RunFailure(
        ErrorClass.CONFIG,
        f"The disk on which billing files are worked on is full ({free >> 20} MiB free).",
        "Make room where SPOOL_DIR lies, or move it; a month needs about as much room as its files"
        " have. The month stays as it was.",
    )


def _root() -> Path:
    root = Path(settings.SPOOL_DIR)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_ours = root.stat().st_uid == os.getuid()
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise _unusable(f"The folder {root} cannot be made ({error.strerror}).") from None
    if not is_ours:
        raise _unusable(f"The folder {root} belongs to another user of this machine.")
    if not os.access(root, os.W_OK | os.X_OK):
        raise _unusable(f"The portal may not write into the folder {root}.")
    return root


def _unusable(message: str) -> RunFailure:
    return RunFailure(
        ErrorClass.CONFIG,
        message,
        "Name another folder in SPOOL_DIR: bills are nobody else's business.",
    )


def _is_dead(place: Path) -> bool:
    try:
        with (place / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
