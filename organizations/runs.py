"""Background work is a row before it is a task.

A run is created `queued`, claimed by compare-and-set, kept alive by a heartbeat, and ended once.
Celery carries only its id. A worker that dies leaves a heartbeat that stops; the watchdog
(`release_stale`) then ends the run, and the next one may start.
"""

import copyreg
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    models,
)
from django.utils import timezone

from organizations.audit import current_actor
from organizations.scoping import ScopedModel
from organizations.texts import storable

logger = logging.getLogger(__name__)

HEARTBEAT_EVERY = timedelta(seconds=10)
STALE_AFTER = timedelta(seconds=90)
_ATTEMPTS = 3


class RunState(models.TextChoices):
    """Where a run stands. The last three are final."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    UNCHANGED = "unchanged", "Unchanged"
    FAILED = "failed", "Failed"


ACTIVE_STATES = (RunState.QUEUED, RunState.RUNNING)


class Trigger(models.TextChoices):
    """What caused a run."""

    SCHEDULE = "schedule", "Schedule"
    MANUAL = "manual", "By hand"
    API = "api", "API"
    COMMAND = "command", "Command line"
    CONNECT = "connect", "Connecting"
    RETRY = "retry", "Retry"


class ErrorClass(models.TextChoices):
    """What kind of failure: it says who can mend it, and whether a retry can help."""

    CONFIG = "config", "Configuration"
    PERMISSION = "permission", "Permission"
    THROTTLED = "throttled", "Throttled"
    TRANSIENT = "transient", "Passing fault"
    DATA = "data", "Data"
    BUG = "bug", "Fault in the portal"


RETRYABLE = (ErrorClass.THROTTLED, ErrorClass.TRANSIENT)


class RunFailure(Exception):  # noqa: N818 - it is the failure of a run, said to people
    """An expected failure: its class, one sentence that says what happened, and what to do."""

    def __init__(self, error_class: ErrorClass, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied, between processes too, without being told anew what it says."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class RunLostError(Exception):
    """The run is not ours any more: the watchdog or somebody else ended it meanwhile."""


class Run(ScopedModel):
    """One piece of background work and everything a person wants to know of it."""

    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    step = models.CharField(max_length=40, blank=True)
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    requested_by = models.CharField(max_length=200, blank=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    progress = models.JSONField(default=dict, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    timings = models.JSONField(default=dict, blank=True, help_text="Seconds for each step.")
    error_class = models.CharField(max_length=10, choices=ErrorClass.choices, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    organization_path: ClassVar[str] = "connection__organization"
    # Whether this object claimed the run and nobody else has ended it: what follows from how it
    # went is its own to do. A task that comes a second time finds the run claimed or ended.
    is_ours = False
    _progress_now: Callable[[], dict[str, Any]] | None = None

    class Meta:
        abstract = True
        ordering = ["-queued_at", "-pk"]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert or update; a new run remembers who asked for it."""
        if self._state.adding and not self.requested_by:
            self.requested_by = current_actor()[:200]
        super().save(*args, **kwargs)

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended, well or badly."""
        return self.state not in ACTIVE_STATES

    @property
    def error(self) -> dict[str, str] | None:
        """Return {"class", "message", "hint"} of a failed run, else None."""
        if self.state != RunState.FAILED:
            return None
        return {
            "class": self.error_class,
            "message": self.error_message,
            "hint": self.error_hint,
        }

    @property
    def seconds(self) -> float | None:
        """Return how long the run took or has been going, in seconds."""
        if self.started_at is None:
            return None
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()

    # --- life -------------------------------------------------------------------------------
    def claim(self) -> bool:
        """Take the queued run for this process. False when somebody else has it already."""
        now = timezone.now()
        if not self._change(
            RunState.QUEUED, state=RunState.RUNNING, started_at=now, heartbeat_at=now
        ):
            return False
        self.refresh_from_db()
        self.is_ours = True
        return True

    def advance(self, step: str | None = None, **progress: Any) -> None:
        """Say how far the work is. Raises RunLostError when the run was ended meanwhile."""
        if step is not None:
            self.step = step
        self.progress = {**self.progress, **progress}
        if not self._change(
            RunState.RUNNING,
            step=self.step,
            progress=self.progress,
            warnings=self.warnings,
            timings=self.timings,
            heartbeat_at=timezone.now(),
        ):
            raise RunLostError(f"{self._meta.verbose_name} {self.pk} was ended by somebody else.")

    def watch(self, progress: Callable[[], dict[str, Any]]) -> None:
        """Have each heartbeat say how far the work is; `progress` is asked from its thread."""
        self._progress_now = progress

    def beat(self) -> None:
        """Say that the work goes on, and how far it is."""
        told: dict[str, Any] = {"heartbeat_at": timezone.now()}
        if self._progress_now is not None:
            told["progress"] = {**self.progress, **self._progress_now()}
        type(self)._base_manager.filter(pk=self.pk, state=RunState.RUNNING).update(**told)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Enter a step and note the seconds it took."""
        self.advance(step)
        started = timezone.now()
        yield
        taken = (timezone.now() - started).total_seconds()
        self.timings = {**self.timings, step: round(self.timings.get(step, 0) + taken, 3)}

    def warn(self, sentence: str) -> None:
        """Keep a sentence that people should see although the run goes on."""
        sentence = storable(sentence)
        if sentence not in self.warnings:
            self.warnings = [*self.warnings, sentence]

    def hold(self) -> None:
        """Lock the run inside a transaction and make sure that it is still ours to finish.

        Whoever ends a run must hold it, so a worker that was given up for dead changes nothing.
        """
        alive = (
            type(self)._base_manager.select_for_update().filter(pk=self.pk, state=RunState.RUNNING)
        )
        if not alive.exists():
            raise RunLostError(f"{self._meta.verbose_name} {self.pk} was ended by somebody else.")

    def finish(self, state: RunState = RunState.SUCCEEDED) -> bool:
        """End the run well. False when it was ended meanwhile."""
        return self._end(state)

    def fail(self, failure: RunFailure) -> bool:
        """End the run badly, with what people need to know. False when it was ended meanwhile."""
        return self._end(
            RunState.FAILED,
            error_class=failure.error_class,
            error_message=storable(failure.message),
            error_hint=storable(failure.hint),
        )

    def _end(self, state: RunState, **fields: Any) -> bool:
        own = self._own_counters()
        ended = self._change(
            RunState.RUNNING,
            state=state,
            step=self.step,
            progress=self.progress,
            warnings=self.warnings,
            timings=self.timings,
            finished_at=timezone.now(),
            **own,
            **fields,
        )
        self.refresh_from_db()
        self.is_ours = self.is_ours and ended
        return ended

    def _own_counters(self) -> dict[str, Any]:
        """Return the subclass's own fields as they stand, to be written when the run ends."""
        shared = {field.name for field in Run._meta.get_fields()}
        return {
            field.attname: getattr(self, field.attname)
            for field in self._meta.concrete_fields
            if field.name not in shared and not field.primary_key and not field.is_relation
        }

    def _change(self, from_state: RunState, **fields: Any) -> bool:
        manager = type(self)._base_manager
        changed = manager.filter(pk=self.pk, state=from_state).update(**fields)
        if changed:
            for name, value in fields.items():
                setattr(self, name, value)
        return bool(changed)


R = TypeVar("R", bound=Run)


def perform(run: R, work: Callable[[R], RunState | None]) -> R:
    """Claim the run, do the work, end the run; return it as it stands then.

    `work` returns the final state (None: succeeded; RUNNING: others go on with it and end it) or
    raises RunFailure. Anything else that it raises is a fault in the portal: it is logged whole and
    shown as such. A run that somebody else has claimed is left alone.
    """
    if not run.claim():
        run.refresh_from_db()
        return run
    try:
        with _heartbeat(run):
            state = work(run)
        if state != RunState.RUNNING:
            run.finish(state or RunState.SUCCEEDED)
    except RunFailure as failure:
        run.fail(failure)
    except (OperationalError, InterfaceError) as error:
        _database_failed(run, error)
    except RunLostError as lost:
        logger.warning("%s", lost)
        run.is_ours = False
        run.refresh_from_db()
    except Exception as error:  # the last line of defence: log all, tell people
        logger.exception("%s %s failed unexpectedly", run._meta.verbose_name, run.pk)
        run.fail(
            RunFailure(
                ErrorClass.BUG,
                f"The portal failed unexpectedly ({type(error).__name__}) in step “{run.step}”.",
                "Nothing was changed. The server's log has the details; please report them.",
            )
        )
    return run


def _database_failed(run: Run, error: Exception) -> None:
    """End a run whose statement the database did not carry out, over a connection of its own.

    While the database is away nothing can be written; the watchdog then ends the run.
    """
    logger.warning("%s %s lost the database: %s", run._meta.verbose_name, run.pk, error)
    if not connection.in_atomic_block:
        connection.close()
    failure = RunFailure(
        ErrorClass.TRANSIENT,
        f"The database broke off in step “{run.step or 'start'}” ({_sentence(error)}).",
        "Nothing was changed. The portal tries again by itself; if this comes back, look at the"
        " database server's log.",
    )
    try:
        run.fail(failure)
    except DatabaseError:
        logger.exception("%s %s could not be ended", run._meta.verbose_name, run.pk)


def _sentence(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:200]


@contextmanager
def _heartbeat(run: Run) -> Iterator[None]:
    """Have the run beat every few seconds from a thread: long steps say nothing by themselves."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_EVERY.total_seconds()):
            close_old_connections()
            try:
                run.beat()
            except DatabaseError as error:
                # The work itself meets this too, or the next beat gets through.
                logger.warning("The heartbeat of run %s failed: %s", run.pk, error)
            finally:
                connection.close()

    thread = threading.Thread(target=beat, name=f"heartbeat-{run.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def release_stale(model: type[R], *, older_than: timedelta = STALE_AFTER) -> list[R]:
    """End the running runs whose heartbeat stopped, as transient failures; return them."""
    released = []
    limit = timezone.now() - older_than
    for run in model._base_manager.filter(state=RunState.RUNNING, heartbeat_at__lt=limit):
        failure = RunFailure(
            ErrorClass.TRANSIENT,
            f"The worker stopped in step “{run.step or 'start'}” and did not come back.",
            "Nothing was changed. The next run starts afresh by itself.",
        )
        if run.fail(failure):
            released.append(run)
    return released


def may_retry(run: Run) -> bool:
    """Say whether the failed run should be tried again by itself."""
    can_help = run.state == RunState.FAILED and run.error_class in RETRYABLE
    return can_help and run.attempt < _ATTEMPTS
