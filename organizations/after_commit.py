"""Work that begins when the transaction under way has committed, at once where there is none."""

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def after_commit(work: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call `work` after commit. Where it fails, the log says so and nothing else is hurt.

    So a broker that is away stops nobody: what is sent this way must be sent again by schedule.
    """
    # Django names what failed by this; methods and partials have no such name of their own.
    name = getattr(work, "__qualname__", repr(work))

    def after_commit_work() -> None:
        try:
            work(*args, **kwargs)
        except OperationalError as error:
            logger.warning("The broker did not take a task (%s); it is sent again later.", error)

    after_commit_work.__qualname__ = name
    transaction.on_commit(after_commit_work, robust=True)
