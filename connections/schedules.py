"""The schedule: one PeriodicTask for each kind of work on a connection, under a stable name.

Code owns that a row exists, its task and its argument. Its interval follows the connection when an
operator changes it there; what an administrator changes on the row itself stays.
"""

from datetime import datetime, timedelta

from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from connections import jobs
from connections.jobs import Job, PortalTask
from connections.models import Connection

_PREFIX = "countinghouse: "
# Spreads connections over the interval evenly, whatever their ids: multiples of it never cluster.
_GOLDEN = 0.618033988749895


def name_of(job: Job, connection: Connection) -> str:
    """Return the stable name of a schedule: "countinghouse: import connection 12"."""
    return f"{_PREFIX}{job.name} connection {connection.pk}"


def apply(connection: Connection) -> None:
    """Make the schedule what the connection says: its intervals, on, or off while paused."""
    wanted = jobs.jobs_of(connection)
    if not wanted:
        remove(connection)
    for job in wanted:
        task = _task_of(job, connection)
        task.interval = _interval(job.hours(connection), IntervalSchedule.HOURS)
        task.enabled = not connection.is_paused
        task.save()


def remove(connection: Connection) -> None:
    """Take a disconnected connection off the schedule."""
    for task in PeriodicTask.objects.filter(
        name__startswith=_PREFIX, name__endswith=f" connection {connection.pk}"
    ):
        task.delete()


def next_run(job: Job, connection: Connection) -> datetime | None:
    """Return when beat will start this work next, None while it is off."""
    task = PeriodicTask.objects.filter(name=name_of(job, connection), enabled=True).first()
    if task is None or task.interval is None or task.last_run_at is None:
        return None
    due: datetime = task.last_run_at + task.interval.schedule.run_every
    return max(due, timezone.now())


def ensure_all() -> int:
    """Create what is missing for all connections and the portal; return how many were missing.

    Rows that exist stay as they are, apart from those of connections that are gone.
    """
    before: int = PeriodicTask.objects.filter(name__startswith=_PREFIX).count()
    wanted = {_portal_task(task).name for task in jobs.portal_tasks()}
    for connection in Connection.objects.connected():
        wanted.update(_task_of(job, connection).name for job in jobs.jobs_of(connection))
    ours = PeriodicTask.objects.filter(name__startswith=_PREFIX)
    for orphan in ours.exclude(name__in=wanted):
        orphan.delete()
        before -= 1
    return len(wanted) - before


def _task_of(job: Job, connection: Connection) -> PeriodicTask:
    hours = job.hours(connection)
    task, _ = PeriodicTask.objects.get_or_create(
        name=name_of(job, connection),
        defaults={
            "task": job.task,
            "args": f"[{connection.pk}]",
            "interval": _interval(hours, IntervalSchedule.HOURS),
            "enabled": not connection.is_paused,
            "last_run_at": _spread(connection, hours),
            "description": f"{job.label}: {connection}",
        },
    )
    return task


def _portal_task(wanted: PortalTask) -> PeriodicTask:
    task, _ = PeriodicTask.objects.get_or_create(
        name=f"{_PREFIX}{wanted.name}",
        defaults={
            "task": wanted.task,
            "interval": _interval(wanted.every_minutes, IntervalSchedule.MINUTES),
        },
    )
    return task


def _interval(every: int, period: str) -> IntervalSchedule:
    # Not get_or_create: nothing in the table keeps an administrator from making doubles.
    found = IntervalSchedule.objects.filter(every=every, period=period).order_by("pk").first()
    return found or IntervalSchedule.objects.create(every=every, period=period)


def _spread(connection: Connection, hours: int) -> datetime:
    """Return a time of the last run such that the next ones of all connections lie apart."""
    return timezone.now() - timedelta(hours=hours) * (connection.pk * _GOLDEN % 1)
