"""`make demo` starts real servers once, and leaves none behind however it ends."""

import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.servers.postgres import find_programs
from demo.servers.process import free_port
from tests.demo.processes import CHECKOUT, RunningDemo, eventually, living_in, start_demo

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")

RESET = (sys.executable, "-m", "demo.reset")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo folder whose path has a space, and that counts as seeded."""
    folder = tmp_path_factory.mktemp("a demo") / ".demo"
    folder.mkdir()
    (folder / "seeded").write_text(f"postgres-{find_programs(folder).major}")
    return folder


@pytest.fixture
def demo(folder: Path) -> Iterator[RunningDemo]:
    running = start_demo(folder, free_port())
    assert running.process.poll() is None, running.said
    yield running
    running.process.kill()
    running.process.communicate(timeout=120)


def test_a_running_demo_answers_refuses_a_second_one_and_a_reset_and_opens_terminals(
    demo: RunningDemo,
) -> None:
    assert f"Portal ready at http://127.0.0.1:{demo.port}\n" in demo.said
    assert "sign in as finance" in demo.said
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/readyz", timeout=30) as answer:
        assert answer.status == 200

    second = start_demo(demo.folder, free_port())
    assert second.process.returncode == 1
    assert f"already running here: process {demo.process.pid}, http://127.0.0.1" in second.said

    reset = start_demo(demo.folder, free_port(), *RESET)
    assert reset.process.returncode == 1
    assert (demo.folder / "keys.json").exists()

    shell_file = opens_a_terminal(demo)
    demo.end(signal.SIGINT)
    assert not shell_file.exists()
    assert eventually(lambda: living_in(demo.folder) == []), living_in(demo.folder)


def opens_a_terminal(demo: RunningDemo) -> Path:
    """The file that gives a terminal the demo, and no credentials of the user."""
    shell_file = demo.folder / "env"
    assert shell_file.stat().st_mode & 0o777 == 0o600
    assert demo.folder.stat().st_mode & 0o777 == 0o700

    script = '. "$0"; echo "$AWS_PROFILE|$AWS_ENDPOINT_URL"; exec "$1" manage.py migrate --check'
    command = ["sh", "-c", script, str(shell_file), demo.process.args[0]]
    done = subprocess.run(
        command,
        env={"AWS_PROFILE": "of-the-user", "PATH": "/usr/bin:/bin"},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("|http://127.0.0.1:")
    return shell_file


def test_a_killed_demo_leaves_no_process_and_the_next_start_is_clean(
    demo: RunningDemo, folder: Path
) -> None:
    assert len(living_in(folder)) > 6
    demo.end(signal.SIGKILL)
    assert eventually(lambda: living_in(folder) == []), living_in(folder)

    again = start_demo(folder, demo.port)
    assert again.process.poll() is None, again.said
    ended = again.end(signal.SIGTERM)
    assert again.process.returncode == 0, ended
    assert eventually(lambda: living_in(folder) == []), living_in(folder)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_make_alone_ends_the_demo(
    folder: Path, tmp_path: Path, how: signal.Signals
) -> None:
    makefile = tmp_path / "Makefile"
    makefile.write_text(f'.PHONY: demo\ndemo:\n\t@exec "{sys.executable}" -m demo\n')
    running = start_demo(folder, free_port(), "make", "-f", makefile)
    assert running.process.poll() is None, running.said
    running.end(how)
    assert eventually(lambda: living_in(folder) == []), living_in(folder)


def test_a_child_that_dies_is_named_and_takes_the_demo_down(demo: RunningDemo) -> None:
    # The worker's own process is the only one whose command line says so.
    [worker] = [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if _is_worker_of(process, demo.folder)
    ]
    subprocess.run(["kill", "-KILL", str(worker)], check=True)
    said = demo.process.communicate(timeout=120)[0]
    assert demo.process.returncode == 1
    assert "worker was ended by signal 9" in said
    assert "ready." in said, "the last lines of the worker's log are shown"
    assert eventually(lambda: living_in(demo.folder) == []), living_in(demo.folder)


def test_a_taken_port_is_refused_by_name_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = start_demo(tmp_path / ".demo", port)
    assert refused.process.returncode == 1
    assert f"Port {port} on 127.0.0.1 cannot be used: Address already in use" in refused.said
    assert not (tmp_path / ".demo" / "log").exists()


def test_a_port_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    refused = start_demo(tmp_path / ".demo", 70_000)
    assert refused.process.returncode == 1
    assert refused.said.strip() == "PORT must be a number from 1 to 65535, not '70000'."


def test_a_reset_empties_the_folder_of_a_demo_that_is_over(tmp_path: Path) -> None:
    folder = tmp_path / ".demo"
    (folder / "spool").mkdir(parents=True)
    done = start_demo(folder, 1, *RESET)
    assert done.process.returncode == 0
    assert not folder.exists()


def _is_worker_of(process: Path, folder: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes()
        environment = (process / "environ").read_bytes()
    except OSError:
        return False
    return b"\0worker\0" in command and str(folder).encode() in environment
