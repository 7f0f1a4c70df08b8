"""The seam by which changed costs are told: billing announces, whoever keeps sums listens."""

from collections.abc import Callable

from organizations.after_commit import after_commit

# Called with the organization's id, after commit; `here` asks for the work in this process.
Listener = Callable[[int, bool], None]

_listeners: list[Listener] = []


def register(listener: Listener) -> None:
    """Name a function to be told. Called from AppConfig.ready()."""
    _listeners.append(listener)


def costs_changed(organization_id: int, *, here: bool = False) -> None:
    """Tell everyone, after commit, that the costs of an organization may be others now.

    `here`: do what follows in this process. A listener that fails is logged and hurts nobody else.
    """
    for listener in _listeners:
        after_commit(listener, organization_id, here)
