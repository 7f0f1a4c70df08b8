"""The seam through which apps above this one hang their work on a connection.

`billing` registers its import and `discovery` its discovery here when they start. The connection's
admin page, its schedule, its permission check and its health panel then treat every kind of work
alike, and this app imports neither of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from connections.aws.session import AwsSession
from connections.models import Connection, ConnectionKind
from organizations.runs import Run, Trigger

DEFAULT_HOURS = 24


class CannotTellError(Exception):
    """A probe could not find out whether the permission is there; the text says why."""


@dataclass(frozen=True)
class Permission:
    """One IAM action that a kind of work needs.

    action   as IAM spells it: "ec2:DescribeRegions"
    purpose  what it is for: "Find the regions in which resources can be"
    probe    makes one cheap, harmless call that needs it. Returns when AWS allowed it; an
             AwsFailure leaves it as it is; CannotTellError where there is nothing to try it on
    """

    action: str
    purpose: str
    probe: Callable[[AwsSession], None]


def serialize_run(run: Any) -> dict[str, Any]:
    """Return what the API says of any run."""
    return {
        "id": run.pk,
        "connection": run.connection_id,
        "state": run.state,
        "step": run.step,
        "progress": run.progress,
        "error": run.error,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


@dataclass(frozen=True)
class Job:
    """One kind of work on a connection.

    name            short and stable: "import"; also the key of JobHealth and of the schedule
    label           what the button says: "Import now"
    task            name of the Celery task that beat sends, with the connection's id
    interval_field  field of Connection that holds the hours between two runs; '': once a day
    kinds           the kinds of connection that have this work
    start           creates the run and sends its task after commit; returns the run. Raises
                    RunFailure when it cannot start
    recent_runs     the last runs of a connection, newest first (a queryset)
    permissions     the IAM actions it needs of a connection, for the permission check
    serialize       what the API answers for a run of it
    data_through    the last day that its data covers, None when there is none yet
    """

    name: str
    label: str
    task: str
    interval_field: str
    kinds: frozenset[ConnectionKind]
    start: Callable[[Connection, Trigger], Run]
    recent_runs: Callable[[Connection], Any]
    permissions: tuple[Permission, ...] = ()
    serialize: Callable[[Any], dict[str, Any]] = serialize_run
    data_through: Callable[[Connection], date | None] | None = None

    def hours(self, connection: Connection) -> int:
        """Return the hours between two runs by schedule."""
        return getattr(connection, self.interval_field) if self.interval_field else DEFAULT_HOURS


@dataclass(frozen=True)
class PortalTask:
    """Work of the whole portal, not of one connection, by schedule: a watchdog, pruning.

    The task is sent without arguments.
    """

    name: str
    task: str
    every_minutes: int


_jobs: dict[str, Job] = {}
_portal_tasks: dict[str, PortalTask] = {}


def register(job: Job) -> None:
    """Make a kind of work known. Called from AppConfig.ready()."""
    _jobs[job.name] = job


def register_portal_task(task: PortalTask) -> None:
    """Make portal-wide work known; `manage.py setup_schedules` gives it its schedule."""
    _portal_tasks[task.name] = task


def portal_tasks() -> list[PortalTask]:
    """Return the portal-wide work of all apps."""
    return list(_portal_tasks.values())


def jobs_of(connection: Connection) -> list[Job]:
    """Return the kinds of work that this connection has; none where nobody can sign in."""
    if connection.is_costs_only:
        return []
    return [job for job in _jobs.values() if connection.kind in job.kinds]


def job(name: str) -> Job:
    """Return the kind of work of this name. Raises KeyError for an unknown one."""
    return _jobs[name]
