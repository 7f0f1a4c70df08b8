"""The seam through which apps above this one hang their work on a connection.

`billing` registers its import and `discovery` its discovery here when they start. The connection's
admin page, its schedule and its health panel then treat every kind of work alike, and this app
imports neither of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connections.models import Connection, ConnectionKind
from organizations.runs import Run, Trigger


@dataclass(frozen=True)
class Job:
    """One kind of work on a connection.

    name            short and stable: "import"; also the key of JobHealth and of the schedule
    label           what the button says: "Import now"
    task            name of the Celery task that beat sends, with the connection's id
    interval_field  field of Connection that holds the hours between two runs
    kinds           the kinds of connection that have this work
    start           creates the run and sends its task after commit; returns the run. Raises
                    RunFailure when it cannot start
    recent_runs     the last runs of a connection, newest first (a queryset)
    """

    name: str
    label: str
    task: str
    interval_field: str
    kinds: frozenset[ConnectionKind]
    start: Callable[[Connection, Trigger], Run]
    recent_runs: Callable[[Connection], Any]


_jobs: dict[str, Job] = {}


def register(job: Job) -> None:
    """Make a kind of work known. Called from AppConfig.ready()."""
    _jobs[job.name] = job


def jobs_of(connection: Connection) -> list[Job]:
    """Return the kinds of work that this connection has."""
    return [job for job in _jobs.values() if connection.kind in job.kinds]


def job(name: str) -> Job:
    """Return the kind of work of this name. Raises KeyError for an unknown one."""
    return _jobs[name]
