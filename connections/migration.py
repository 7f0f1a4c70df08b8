"""One export takes another's place: legacy CUR becomes CUR 2.0, without a gap or a double count.

The new export is imported beside the old one and compared with it. Months then count from it from
a month on that the operator says; in the end the old one is retired. Which delivery a month counts
from is written by `billing.migration`; here is what is known of the exports themselves.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils import timezone

from connections.entered import stored_credentials
from connections.finding import Say, half_way, note_done, patience_for, settled_export
from connections.inputs import ExportInput, Refusal, export_problems
from connections.models import Connection, ConnectionKind, Export
from connections.verification import in_time, sign_in
from organizations.audit import record


class State(StrEnum):
    """How far a migration is."""

    COMPARING = "comparing"
    SWITCHED = "switched"
    FINISHED = "finished"


@dataclass(frozen=True)
class Migration:
    """The export that is replaced, and the one that replaces it."""

    old: Export
    new: Export

    @property
    def state(self) -> State:
        """Return how far it is."""
        if self.old.retired_at is not None:
            return State.FINISHED
        return State.COMPARING if self.new.counts_from is None else State.SWITCHED


def migration_of(connection: Connection) -> Migration | None:
    """Return the migration that is under way or was the last, None when there is none."""
    new = connection.exports.live().filter(replaces__isnull=False).select_related("replaces")
    found = new.first()
    if found is None or found.replaces is None:
        return None
    return Migration(found.replaces, found)


def refuse_when_open(connection: Connection) -> None:
    """Raise Refusal while a migration is under way: it says itself what is imported."""
    found = migration_of(connection)
    if found is not None and found.state != State.FINISHED:
        raise Refusal(
            {
                "export": f"The export “{found.new.name}” is taking the place of"
                f" “{found.old.name}”: finish or abandon that migration first."
            },
            is_conflict=True,
        )


def begin(
    connection: Connection, given: ExportInput, *, say: Say = lambda sentence: None
) -> Migration:
    """Add an export beside the present one: it is imported and compared, and nothing counts from
    it yet. All modes of finding an export are possible. Raises Refusal; then nothing has changed.
    """
    given = given.cleaned()
    problems = export_problems(ConnectionKind(connection.kind), given)
    if problems:
        raise Refusal(problems)
    if not connection.is_connected:
        raise Refusal({"": "This account is disconnected: connect it again first."})
    refuse_when_open(connection)
    export = _verified(connection, given, say)
    with transaction.atomic():
        if not Connection.objects.select_for_update().get(pk=connection.pk).is_connected:
            raise Refusal({"": "This account was disconnected meanwhile: connect it again first."})
        refuse_when_open(connection)
        old = connection.current_export
        if old is None:
            raise Refusal({"": "This connection has no export yet: update it instead."})
        new = _save(connection, old, export)
        record(
            "migration.begun",
            organization=connection.organization,
            obj=connection,
            changes={"old": str(old), "new": str(new)},
        )
    return Migration(old, new)


def _verified(connection: Connection, given: ExportInput, say: Say) -> Export:
    patience = patience_for(given)
    credentials = stored_credentials(connection)
    session, identity = in_time(lambda: sign_in(credentials, account=str(connection)), patience)
    done: list[str] = []
    with half_way(done):
        try:
            return in_time(
                lambda: settled_export(session, given, identity, patience, done.append), patience
            )
        finally:
            note_done(connection, identity, done, say)


def _save(connection: Connection, old: Export, new: Export) -> Export:
    place: dict[str, Any] = {"bucket": new.bucket, "prefix": new.prefix, "name": new.name}
    same = connection.exports.filter(**place).first()
    if same == old:
        raise Refusal(
            {"export.name": f"“{new.name}” is the export that is imported already: name another."}
        )
    if same is not None:
        new.pk, new.created_at = same.pk, same.created_at
        new._state.adding = False
    new.connection, new.retired_at = connection, None
    new.replaces, new.counts_from = old, None
    new.save()
    return new


def set_counts_from(found: Migration, month: date | None) -> None:
    """Note from which month on the new export counts; None: from none. In a transaction."""
    found.new.counts_from = month
    found.new.save(update_fields=["counts_from"])
    if found.old.retired_at is not None:
        found.old.retired_at = None
        found.old.save(update_fields=["retired_at"])
    event = "migration.switched" if month else "migration.undone"
    _record(event, found, {"counts_from": f"{month:%Y-%m}"} if month else {})


def retire_old(found: Migration) -> None:
    """Look at the old export no more. In a transaction."""
    found.old.retired_at = timezone.now()
    found.old.save(update_fields=["retired_at"])
    _record("migration.finished", found, {})


def drop_new(found: Migration) -> None:
    """Give the migration up: the new export is imported no more. In a transaction."""
    found.new.replaces, found.new.retired_at = None, timezone.now()
    found.new.save(update_fields=["replaces", "retired_at"])
    _record("migration.abandoned", found, {})


def _record(event: str, found: Migration, changes: dict[str, str]) -> None:
    connection = found.new.connection
    record(
        event,
        organization=connection.organization,
        obj=connection,
        changes={"old": str(found.old), "new": str(found.new), **changes},
    )
