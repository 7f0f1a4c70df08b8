"""The folders of runs: nobody takes a new one for one that a dead run left."""

import threading
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from billing.importing import spool
from organizations.runs import ErrorClass, RunFailure

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
            with spool.folder(number) as folder:
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
    with spool.folder(1) as alive:
        for name in ("run-2", "run-3"):
            (alive.parent / name).mkdir()
        (alive.parent / "run-3" / "in-use").touch()

        assert spool.remove_leftovers() == 2
        assert alive.exists()

    assert spool.remove_leftovers() == 0


def test_what_others_keep_beside_it_stays(tmp_path: Path, settings: Settings) -> None:
    settings.SPOOL_DIR = tmp_path
    tmp_path.chmod(0o755)
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "of the company").touch()

    with spool.folder(1):
        spool.remove_leftovers()

    assert [one.name for one in tmp_path.rglob("*")] == ["backups", "of the company"]
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_place_that_is_no_folder_is_told_in_words(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "file").touch()
    settings.SPOOL_DIR = tmp_path / "file" / "spool"

    with pytest.raises(RunFailure, match="cannot be made") as told, spool.folder(1):
        pass

    assert told.value.error_class == ErrorClass.CONFIG
    assert "SPOOL_DIR" in told.value.hint
