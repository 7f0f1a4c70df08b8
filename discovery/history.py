"""What changed about resources, kept: states, tags, coming and going."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from discovery.models import Resource, ResourceChange

# A resource as it is written: {attribute of the model: value}.
Row = Mapping[str, Any]

EXISTENCE = "existence"
STATE = "state"
TAG = "tag:"
_EXISTS, _GONE = "exists", "gone"
_BATCH = 1000


def note_changes(after: Mapping[int, Row]) -> None:
    """Write how the known rows {primary key: row as it will be} differ from what is stored."""
    changes: list[ResourceChange] = []
    pks = list(after)
    for start in range(0, len(pks), _BATCH):
        stored = Resource.objects.filter(pk__in=pks[start : start + _BATCH])
        for pk, state, tags, gone_at in stored.values_list("pk", "state", "tags", "gone_at"):
            row = after[pk]
            at = row["last_seen"]
            if gone_at is not None:
                changes.append(_change(pk, at, EXISTENCE, _GONE, _EXISTS))
            if state != row["state"]:
                changes.append(_change(pk, at, STATE, state, row["state"]))
            # Tags that AWS refused to tell are not tags taken away.
            if "tags" not in row["attributes"].get("unknown", ()):
                changes += _tag_changes(pk, at, tags, row["tags"])
    ResourceChange.objects.bulk_create(changes, batch_size=_BATCH)


def note_gone(pks: Iterable[int], at: datetime) -> None:
    """Write that these resources are gone."""
    ResourceChange.objects.bulk_create(
        [_change(pk, at, EXISTENCE, _EXISTS, _GONE) for pk in pks], batch_size=_BATCH
    )


def _tag_changes(
    pk: int, at: datetime, before: Mapping[str, str], after: Mapping[str, str]
) -> list[ResourceChange]:
    return [
        _change(pk, at, f"{TAG}{key}", before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _change(
    pk: int, at: datetime, field: str, before: str | None, after: str | None
) -> ResourceChange:
    return ResourceChange(resource_id=pk, at=at, field=field, before=before, after=after)
