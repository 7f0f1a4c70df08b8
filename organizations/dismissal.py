"""Taking something off a list with a reason, and putting it back. The only writer of dismissals."""

from typing import Any, TypeVar, cast

from django.db import models, transaction
from django.utils import timezone

from organizations.audit import current_actor, record
from organizations.scoping import ScopedModel

_FIELDS = ("dismissed_at", "dismissed_by", "dismissed_reason")


class DismissalError(ValueError):
    """A dismissal that cannot be made or undone, as a sentence."""


class Dismissible(ScopedModel):
    """A row that people may dismiss. It has an `organization` of its own."""

    organization: Any
    dismissed_at = models.DateTimeField(null=True, blank=True)
    dismissed_by = models.CharField(max_length=200, blank=True)
    dismissed_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        abstract = True

    def why_over(self) -> str:
        """Return why nobody can dismiss it or put it back any more, '' while they can."""
        return ""


Row = TypeVar("Row", bound=Dismissible)


@transaction.atomic
def dismiss(row: Row, reason: str) -> Row:
    """Take a row off its list, with the reason. Raises DismissalError."""
    reason = reason.strip()
    if not reason:
        raise DismissalError("Say why it is dismissed: the next reader asks.")
    if len(reason) > 500 or "\x00" in reason:
        raise DismissalError("A reason has up to 500 characters and no NUL character.")
    locked = _locked(row)
    if locked.dismissed_at is not None:
        raise DismissalError("It is dismissed already.")
    locked.dismissed_at = timezone.now()
    locked.dismissed_by = current_actor()[:200]
    locked.dismissed_reason = reason
    return _saved(locked, "dismissed", {"reason": reason})


@transaction.atomic
def restore(row: Row) -> Row:
    """Put a dismissed row back on its list. Raises DismissalError."""
    locked = _locked(row)
    if locked.dismissed_at is None:
        raise DismissalError("It is not dismissed.")
    reason = locked.dismissed_reason
    locked.dismissed_at, locked.dismissed_by, locked.dismissed_reason = None, "", ""
    return _saved(locked, "restored", {"reason": [reason, ""]})


def _locked(row: Row) -> Row:
    locked = cast(Row, type(row).objects.select_for_update(of=("self",)).get(pk=row.pk))
    if why := locked.why_over():
        raise DismissalError(why)
    return locked


def _saved(row: Row, done: str, changes: dict[str, Any]) -> Row:
    row.save(update_fields=_FIELDS)
    action = f"{row._meta.model_name}.{done}"
    record(action, organization=row.organization, obj=row, changes=changes)
    return row
