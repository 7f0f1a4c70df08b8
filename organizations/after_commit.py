"""Work that begins when the transaction under way has committed, at once where there is none."""

from collections.abc import Callable
from typing import Any

from django.db import transaction


def after_commit(work: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call `work` after commit. Where it fails, the log says so and nothing else is hurt.

    So a broker that is away stops nobody: what is sent this way must be sent again by schedule.
    """

    def after_commit_work() -> None:
        work(*args, **kwargs)

    # Django names what failed by this; methods and partials have no such name of their own.
    after_commit_work.__qualname__ = getattr(work, "__qualname__", repr(work))
    transaction.on_commit(after_commit_work, robust=True)
