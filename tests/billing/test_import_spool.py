"""The folders of runs: nobody takes a new one for one that a dead run left."""

import threading
from pathlib import Path

from pytest_django.fixtures import Settings

from billing.importing import spool

RUNS = 1000


def test_a_folder_that_is_just_made_is_not_taken_for_a_leftover(
    tmp_path: Path, settings: Settings
) -> None:
    settings.SPOOL_DIR = tmp_path / "spool"
    over = threading.Event()
    removed: list[int] = []

    def clean() -> None:
        while not over.is_set():
            removed.append(spool.remove_leftovers())

    cleaners = [threading.Thread(target=clean) for _ in range(2)]
    for cleaner in cleaners:
        cleaner.start()
    try:
        for number in range(RUNS):
            with spool.folder(f"run-{number}") as folder:
                (folder / "file").touch()
                assert (folder / "file").exists()
    finally:
        over.set()
        for cleaner in cleaners:
            cleaner.join()

    assert removed
    assert list(settings.SPOOL_DIR.iterdir()) == []


def test_what_a_dead_run_left_goes(tmp_path: Path, settings: Settings) -> None:
    settings.SPOOL_DIR = tmp_path / "spool"
    with spool.folder("run-1") as alive:
        for name in ("run-2", "run-3"):
            (alive.parent / name).mkdir()
        (alive.parent / "run-3" / "in-use").touch()

        assert spool.remove_leftovers() == 2
        assert alive.exists()

    assert spool.remove_leftovers() == 0
