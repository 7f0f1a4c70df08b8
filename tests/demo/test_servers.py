"""The servers start, keep their data, end with their owner and fail in words."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from demo.servers import postgres, valkey
from demo.servers.process import ChildDied, Children, StartFailed
from tests.demo.processes import CHECKOUT, eventually, living_in

OWNER = """
import sys, time
from pathlib import Path
from demo.servers import postgres, valkey
from demo.servers.process import Children
root = Path(sys.argv[1])
children = Children(root / "log")
database = postgres.start(root, children)
broker = valkey.start(root, children)
print(database.url, broker.url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that only its owner may enter, with a path that needs quoting."""
    root = tmp_path / 'a "quoted" folder'
    root.mkdir(mode=0o700)
    return root


def test_servers_die_with_a_killed_owner_and_come_back_with_their_data(root: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(root)], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    )
    assert owner.stdout is not None
    database_url, broker_url = owner.stdout.readline().split()
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    queue = redis.Redis.from_url(broker_url)
    queue.lpush("queue", "message")
    assert eventually(lambda: queue.info("persistence")["aof_pending_bio_fsync"] == 0)
    assert living_in(root)

    owner.kill()
    owner.communicate(timeout=120)
    assert eventually(lambda: living_in(root) == []), living_in(root)

    with Children(root / "log") as children:
        database = postgres.start(root, children)
        broker = valkey.start(root, children)
        with psycopg.connect(database.url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert redis.Redis.from_url(broker.url).lrange("queue", 0, -1) == [b"message"]
    assert living_in(root) == []


def test_the_wheels_postgresql_serves_where_the_machine_has_none(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_on_this_machine", lambda: iter(()))
    with Children(root / "log") as children:
        database = postgres.start(root, children, durable=False)
        assert "embedded" in database.described
        with psycopg.connect(database.url) as connection:
            answer = connection.execute(
                "SELECT upper('é'), current_setting('TimeZone'), rolsuper FROM pg_roles"
                " WHERE rolname = current_user"
            ).fetchone()
    assert answer == ("É", "UTC", False)


def test_the_broker_never_forgets_a_message_and_asks_for_a_password(root: Path) -> None:
    with Children(root / "log") as children:
        broker = valkey.start(root, children)
        client = redis.Redis.from_url(broker.url)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        port = client.connection_pool.connection_kwargs["port"]
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()


def test_a_named_server_that_does_not_answer_is_said_without_its_password(root: Path) -> None:
    with Children(root / "log") as children:
        with pytest.raises(StartFailed, match=r"DATABASE_URL \(127.0.0.1:9/costs\)") as database:
            postgres.start(root, children, named="postgres://me:sesame@127.0.0.1:9/costs")
        with pytest.raises(StartFailed, match="CELERY_BROKER_URL") as broker:
            valkey.start(root, children, named="redis://:sesame@127.0.0.1:9/0")
    assert "sesame" not in f"{database.value} {broker.value}"


def test_a_child_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        children.start("talker", ["sh", "-c", "echo I am leaving; exit 3"], env=dict(os.environ))
        with pytest.raises(ChildDied, match=r"talker ended with exit code 3[^$]*I am leaving"):
            children.watch()


def test_a_command_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    with Children(tmp_path) as children, pytest.raises(StartFailed, match="nothing could not be"):
        children.start("nothing", [tmp_path / "absent"], env={})


def test_stopping_takes_a_deaf_child_and_its_children_along(tmp_path: Path) -> None:
    script = f'trap "" TERM; cd "{tmp_path}"; sleep 600 & echo deaf; wait; wait'
    with Children(tmp_path) as children:
        deaf = children.start(
            "deaf", ["sh", "-c", script], env={"PATH": os.environ["PATH"]}, patience=0.3
        )
        assert eventually(lambda: "deaf" in deaf.last_words())
        assert len(living_in(tmp_path)) == 2
    assert deaf.process.returncode == -signal.SIGKILL
    assert eventually(lambda: living_in(tmp_path) == [])
