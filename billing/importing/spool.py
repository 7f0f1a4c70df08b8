"""A private folder for a run's files while they are read; it goes when the run ends.

Files are fetched ahead in threads while others are read, and removed once they were.
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

from django.conf import settings

from connections.aws.s3 import Bucket, ObjectInfo
from organizations.runs import ErrorClass, RunFailure

_FETCH_AHEAD = 3
_LOCK = "in-use"


@dataclass(frozen=True)
class Spooled:
    """A data file on disk."""

    path: Path
    info: ObjectInfo


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """Give an empty folder (0700) of this name; it is removed at the end, and locked until then.

    The lock goes with the process, however it ends, so what dead runs leave is found by it.
    """
    root = _root()
    place = root / name
    place.mkdir(mode=0o700, exist_ok=True)
    with (place / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def remove_leftovers() -> int:
    """Remove the folders of runs whose process is gone; return how many."""
    removed = 0
    for place in _root().iterdir():
        if place.is_dir() and _is_dead(place):
            shutil.rmtree(place, ignore_errors=True)
            removed += 1
    return removed


def fetch(bucket: Bucket, objects: Sequence[ObjectInfo], into: Path) -> Iterator[Spooled]:
    """Yield the objects as files, in order, fetching ahead. Each file is removed after its turn.

    Raises RunFailure: an object changed (its ETag is not the given one), broke off, or the disk is
    full.
    """
    with ThreadPoolExecutor(_FETCH_AHEAD, thread_name_prefix="fetch") as pool:
        waiting = list(enumerate(objects))
        under_way: list[Future[Spooled]] = []
        try:
            while waiting or under_way:
                while waiting and len(under_way) < _FETCH_AHEAD:
                    number, info = waiting.pop(0)
                    under_way.append(pool.submit(_fetch_one, bucket, info, into, number))
                spooled = under_way.pop(0).result()
                yield spooled
                spooled.path.unlink(missing_ok=True)
        finally:
            for future in under_way:
                future.cancel()


def _fetch_one(bucket: Bucket, info: ObjectInfo, into: Path, number: int) -> Spooled:
    path = into / f"{number:05d}"
    try:
        fetched = bucket.fetch(info.key, path, etag=info.etag)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(into) from None
        raise
    if fetched.size != info.size:
        raise RunFailure(
            ErrorClass.TRANSIENT,
            f"{bucket.url(info.key)} has {fetched.size} bytes instead of {info.size}: it changed"
            " while it was read.",
            "Nothing to do: the portal tries again by itself.",
        )
    return Spooled(path, fetched)


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
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise RunFailure(
            ErrorClass.CONFIG,
            f"The folder {root} belongs to another user of this machine.",
            "Name another folder in SPOOL_DIR: bills are nobody else's business.",
        )
    root.chmod(0o700)
    return root


def _is_dead(place: Path) -> bool:
    try:
        with (place / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
