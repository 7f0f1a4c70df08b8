"""From what was entered to the export that is meant, in each of the three modes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from connections.aws.identity import Identity
from connections.aws.session import AwsSession
from connections.creation import create
from connections.detection import chosen
from connections.inputs import ExportInput, ExportMode, Refusal
from connections.models import Connection, Export
from connections.verification import SECONDS, Patience, verify_export
from organizations.audit import record

# AWS needs a moment to see a new bucket and its policy.
_CREATING_SECONDS = 25.0
Say = Callable[[str], None]


def patience_for(given: ExportInput | None) -> Patience:
    """Return how long somebody waits for this."""
    is_creating = given is not None and given.mode == ExportMode.CREATE
    return Patience(_CREATING_SECONDS if is_creating else SECONDS)


def settled_export(
    session: AwsSession, given: ExportInput, identity: Identity, patience: Patience, say: Say
) -> Export:
    """Return the export that is meant, not saved; in mode `create` it exists afterwards.

    Raises Refusal on the field that is wrong.
    """
    if given.mode == ExportMode.DETECT:
        given = chosen(session, given)
    elif given.mode == ExportMode.CREATE:
        given = create(session, given, identity, patience=patience, say=say)
    return verify_export(session, given)


@contextmanager
def half_way(done: Sequence[str]) -> Iterator[None]:
    """Add to a refusal what was made in AWS before it."""
    try:
        yield
    except Refusal as refusal:
        if not done:
            raise
        so_far = f"Done so far: {' '.join(done)} Try again: what exists is used."
        errors = {path: f"{text} {so_far}" for path, text in refusal.errors.items()}
        raise Refusal(
            errors, is_conflict=refusal.is_conflict, error_class=refusal.error_class
        ) from None


def note_done(connection: Connection, identity: Identity, done: Sequence[str], say: Say) -> None:
    """Tell what was made in AWS, and keep it in the audit trail, whether the rest went well or not.

    Called outside of any thread that asks AWS.
    """
    for sentence in done:
        say(sentence)
    if done:
        record(
            "export.prepared",
            organization=connection.organization,
            obj=connection if connection.pk else None,
            changes={"account_id": identity.account_id, "steps": list(done)},
        )
