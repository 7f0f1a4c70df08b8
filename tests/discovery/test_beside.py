"""The second process of a survey: what it makes arrives, and nothing of it stays."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import count, repeat
from multiprocessing import Pipe
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from connections.aws.errors import Attempt, AwsFailure
from discovery import beside
from discovery.beside import Beside
from discovery.collectors.base import Collector, Found, Place
from discovery.collectors.ebs_volumes import EBS_VOLUMES
from discovery.models import ResourceType
from organizations.runs import ErrorClass, RunState
from tests.discovery.world import World

ENDS_WITHIN = 60
LOST = "lost"


class Log:
    """What a second process was heard of."""

    def __init__(self) -> None:
        self.heard: SimpleQueue[Any] = SimpleQueue()

    def beside(self, work: Any, *, patience: float = ENDS_WITHIN) -> Beside:
        def lost() -> None:
            self.heard.put(LOST)

        return Beside(work, take=self.heard.put, lost=lost, patience=patience)

    def next(self) -> Any:
        return self.heard.get(timeout=ENDS_WITHIN)


def wait_for_the_end_of(pid: int) -> None:
    deadline = time.monotonic() + ENDS_WITHIN
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "the second process lives on"
        time.sleep(0.02)


def test_what_it_makes_arrives_in_order_and_comes_from_another_process() -> None:
    log = Log()
    with log.beside(lambda: (os.getpid(), "two", [3])):
        assert log.next() != os.getpid()
        assert (log.next(), log.next()) == ("two", [3])
    assert log.heard.empty()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_is_missed_when_it_is_killed(how: signal.Signals) -> None:
    def work() -> Iterator[int]:
        yield os.getpid()
        threading.Event().wait()

    log = Log()
    with log.beside(work):
        os.kill(log.next(), how)
        assert log.next() == LOST


def test_it_is_missed_when_it_fails_and_logs_why(tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "log", delay=True)
    logging.getLogger("discovery.beside").addHandler(handler)
    log = Log()
    with log.beside(lambda: (1 // number for number in (1, 0))):
        assert (log.next(), log.next()) == (1, LOST)
    logging.getLogger("discovery.beside").removeHandler(handler)
    assert "ZeroDivisionError" in (tmp_path / "log").read_text()


def test_it_is_missed_when_it_says_nothing_for_long() -> None:
    log = Log()
    with log.beside(lambda: repeat(threading.Event().wait(), 1), patience=0.2):
        assert log.next() == LOST


def test_it_ends_with_the_block_and_is_not_missed_then() -> None:
    log = Log()
    with log.beside(lambda: (os.getpid() for _ in count())):
        pid = log.next()
    assert not Path(f"/proc/{pid}").exists()
    heard = {log.heard.get() for _ in range(log.heard.qsize())}
    assert LOST not in heard


def test_it_ends_when_the_first_process_is_killed() -> None:
    program = (
        "import os, threading\n"
        "from discovery.beside import Beside\n"
        "def work():\n"
        "    yield os.getpid()\n"
        "    threading.Event().wait()\n"
        "def say(pid): print(pid, flush=True)\n"
        "with Beside(work, take=say, lost=lambda: None, patience=60):\n"
        "    threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as first:
        assert first.stdout
        pid = int(first.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        first.kill()
    wait_for_the_end_of(pid)


def test_it_holds_no_connection_of_the_first_process() -> None:
    ours, peer = socket.socketpair()
    log = Log()
    with log.beside(lambda: (os.getpid() for _ in count())):
        log.next()
        ours.close()
        peer.settimeout(ENDS_WITHIN)
        assert peer.recv(1) == b""
    peer.close()


def test_what_the_first_process_still_writes_goes_nowhere_in_it() -> None:
    ours, peer = socket.socketpair()

    def work() -> Iterator[int]:
        own, _ = socket.socketpair()
        yield os.write(ours.fileno(), b"log")
        yield own.fileno()

    log = Log()
    with log.beside(work):
        assert log.next() == 3
        assert log.next() != ours.fileno()
        ours.close()
        peer.settimeout(ENDS_WITHIN)
        assert peer.recv(3) == b""
    peer.close()


@pytest.mark.parametrize(
    ("beside_it", "asked_by", "is_possible"),
    [(0, "main", True), (1, "main", True), (2, "main", False), (0, "another", False)],
)
def test_it_is_made_only_where_no_other_thread_is_at_work(
    beside_it: int, asked_by: str, is_possible: bool
) -> None:
    program = (
        "import threading\n"
        "from discovery.beside import is_possible\n"
        f"for _ in range({beside_it}):\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "def say(): print(is_possible())\n"
        f"if {asked_by == 'main'}: say()\n"
        "else: threading.Thread(target=say).start()\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    expected = is_possible and len(os.sched_getaffinity(0)) > 1
    assert said.stdout.decode().strip() == str(expected)


def test_a_failure_says_the_same_in_either_process() -> None:
    attempt = Attempt("acme", "s3", "get_bucket_acl", "s3:GetBucketAcl", "logs")
    failure = AwsFailure(
        ErrorClass.PERMISSION, "Not allowed.", "Allow it.", code="X", attempt=attempt
    )
    here, there = Pipe()
    there.send(failure)
    again = here.recv()
    assert type(again) is AwsFailure
    assert (str(again), vars(again)) == (str(failure), vars(failure))


@pytest.mark.django_db
def test_a_survey_whose_second_process_is_killed_asks_everything(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "is_possible", lambda: True)  # tests are run by many threads
    volume, first = world.volume(), os.getpid()
    asked_by: SimpleQueue[int] = SimpleQueue()
    killed = tmp_path / "killed"

    def fatal(place: Place) -> Iterator[Found]:
        if os.getpid() != first:
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        asked_by.put(os.getpid())
        yield Found(type=ResourceType.S3_BUCKET, resource_id="logs", region="us-east-1")

    def sound(place: Place) -> Iterator[Found]:
        yield Found(type=ResourceType.IAM_USER, resource_id="ann", region=place.region)

    run = world.discover(EBS_VOLUMES, *families(fatal, sound))
    assert (run.state, run.found, run.warnings) == (RunState.SUCCEEDED, 3, [])
    assert killed.exists() and asked_by.get(timeout=0) == first
    assert [world.resource(one).gone_at for one in (volume, "logs", "ann")] == [None] * 3


def families(*collects: Any) -> Sequence[Collector]:
    return [
        Collector(
            one.__name__,
            one.__name__,
            tuple(ResourceType),
            (),
            one,
            is_regional=False,
            asks_each=True,
        )
        for one in collects
    ]
