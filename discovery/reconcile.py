"""Brings what was found together with what is known: new, changed, returned, gone, unchanged.

An unchanged resource is not written. A resource is gone only when its own scope answered
completely without it. Nothing is deleted.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from discovery.collectors.base import GLOBAL, Found
from discovery.history import Row, note_changes, note_gone
from discovery.models import DiscoveryRun, DiscoveryScope, Resource
from discovery.survey import ScopeAnswer
from organizations.runs import ErrorClass
from organizations.upsert import upsert

BATCH = 1000
_AS_TEXT = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
_STILL_CHARGED = (
    "AWS deletes nothing in a region that is switched off, and goes on charging for it: enable the"
    " region again to look and tidy up."
)
_IDENTITY = ("organization_id", "account_id", "region", "type", "resource_id")
_MUTABLE = (
    "family",
    "cost_id",
    "arn",
    "name",
    "state",
    "tags",
    "attributes",
    "fingerprint",
    "last_seen",
    "gone_at",
)


@dataclass
class Tally:
    """How many resources were found, and what became of the rows."""

    found: int = 0
    added: int = 0
    changed: int = 0
    gone: int = 0


class _Key(NamedTuple):
    region: str
    type: str
    resource_id: str


class _Known(NamedTuple):
    pk: int
    fingerprint: str
    is_gone: bool


Scope = tuple[str, str]


def reconcile(run: DiscoveryRun, answers: Sequence[ScopeAnswer]) -> Tally:
    """Write what these scopes answered, in one transaction. Raises RunLostError."""
    with transaction.atomic():
        run.hold()
        known = _known(run, answers)
        tally = Tally()
        rows: list[Row] = []
        known_rows: dict[int, Row] = {}
        for answer in answers:
            olds = known[_scope(answer)]
            differing = _differing(run, answer, olds, tally)
            for row in differing:
                old = olds.get(_Key(row["region"], row["type"], row["resource_id"]))
                if old is not None:
                    known_rows[old.pk] = row
            rows += differing
        note_changes(known_rows)
        # Where a resource is known, its first sight is kept.
        upsert(Resource, rows, unique=_IDENTITY, update=_MUTABLE)
        last = _last_complete(run)
        for answer in answers:
            tally.gone += _mark_gone(answer, known[_scope(answer)], last.get(_scope(answer)))
        _note_scopes(run, answers, last)
    return tally


def mark_disabled_regions(run: DiscoveryRun, enabled: Collection[str]) -> list[str]:
    """Note which regions with resources are no longer enabled; return a sentence for each.

    AWS deletes nothing there and goes on charging, but lets nobody look: nothing in such a region
    is called gone.
    """
    scopes = DiscoveryScope.objects.filter(connection=run.connection_id)
    scopes = scopes.exclude(region__in=[GLOBAL, *enabled])
    existing = Resource.objects.of(run.connection.organization_id).filter(
        account_id=run.connection.account_id, gone_at=None
    )
    counts = Counter(
        existing.exclude(region__in=[GLOBAL, *enabled]).values_list("region", flat=True)
    )
    scopes.exclude(region__in=counts).delete()
    sentences = []
    for region, count in sorted(counts.items()):
        message = (
            f"{region} is no longer enabled for {run.connection}: its {count} resources are shown"
            " as they were seen last."
        )
        scopes.filter(region=region).update(
            is_complete=False,
            error_class=ErrorClass.CONFIG,
            error_message=message,
            error_hint=_STILL_CHARGED,
        )
        sentences.append(f"{message} {_STILL_CHARGED}")
    return sentences


def fingerprint(found: Found) -> str:
    """Return a hash of everything about a resource that can change."""
    told = [found.arn, found.name, found.state, dict(found.tags), _attributes(found)]
    return hashlib.sha256(_AS_TEXT(told).encode()).hexdigest()


def _attributes(found: Found) -> dict[str, Any]:
    unknown = {"unknown": sorted(found.unknown)} if found.unknown else {}
    return {**found.attributes, **unknown}


def _scope(answer: ScopeAnswer) -> Scope:
    return answer.family, answer.region


def _known(run: DiscoveryRun, answers: Sequence[ScopeAnswer]) -> Mapping[Scope, dict[_Key, _Known]]:
    """Return the rows of these scopes, read at once."""
    families = {answer.family for answer in answers}
    regions = {answer.region for answer in answers}
    rows = Resource.objects.of(run.connection.organization_id).filter(
        account_id=run.connection.account_id, family__in=families
    )
    if GLOBAL not in regions:
        rows = rows.filter(region__in=regions)
    whole_account = {answer.family for answer in answers if answer.region == GLOBAL}
    known: dict[Scope, dict[_Key, _Known]] = defaultdict(dict)
    fields = ("family", "region", "type", "resource_id", "pk", "fingerprint", "gone_at")
    for family, region, kind, resource_id, pk, mark, gone_at in rows.values_list(*fields):
        scope = (family, GLOBAL if family in whole_account else region)
        known[scope][_Key(region, kind, resource_id)] = _Known(pk, mark, gone_at is not None)
    return known


def _differing(
    run: DiscoveryRun, answer: ScopeAnswer, known: Mapping[_Key, _Known], tally: Tally
) -> list[Row]:
    """Return the rows to be written: new, changed or back again. Count them."""
    # A list that moves while it is paged may name a resource twice: the later one counts.
    by_key = {_Key(one.region, str(one.type), one.resource_id): one for one in answer.found}
    tally.found += len(by_key)
    rows = []
    for key, found in by_key.items():
        mark, old = fingerprint(found), known.get(key)
        if old is not None and old.fingerprint == mark and not old.is_gone:
            continue
        if old is None:
            tally.added += 1
        else:
            tally.changed += 1
        rows.append(_row(run, answer, found, mark))
    return rows


def _row(run: DiscoveryRun, answer: ScopeAnswer, found: Found, mark: str) -> Row:
    return {
        "organization_id": run.connection.organization_id,
        "account_id": run.connection.account_id,
        "region": found.region,
        "type": str(found.type),
        "family": answer.family,
        "resource_id": found.resource_id,
        "cost_id": found.cost_id,
        "arn": found.arn,
        "name": found.name,
        "state": found.state,
        "tags": dict(found.tags),
        "attributes": _attributes(found),
        "fingerprint": mark,
        "first_seen": answer.at,
        "last_seen": answer.at,
        "gone_at": None,
    }


def _mark_gone(
    answer: ScopeAnswer, known: Mapping[_Key, _Known], last_complete: datetime | None
) -> int:
    """Mark what a complete answer no longer names; return how many."""
    if not answer.is_complete:
        return 0
    seen = {_Key(one.region, str(one.type), one.resource_id) for one in answer.found}
    gone = [old.pk for key, old in known.items() if not old.is_gone and key not in seen]
    for start in range(0, len(gone), BATCH):
        rows = Resource.objects.filter(pk__in=gone[start : start + BATCH])
        # An unchanged row was seen, without being written, whenever its scope was complete.
        seen_last = Greatest("last_seen", last_complete) if last_complete else F("last_seen")
        rows.update(gone_at=answer.at, last_seen=seen_last)
    note_gone(gone, answer.at)
    return len(gone)


def _last_complete(run: DiscoveryRun) -> dict[Scope, datetime | None]:
    """Return when each scope of the connection last answered completely."""
    rows = DiscoveryScope.objects.filter(connection=run.connection_id)
    return {
        (family, region): at
        for family, region, at in rows.values_list("family", "region", "last_complete_at")
    }


def _note_scopes(
    run: DiscoveryRun, answers: Iterable[ScopeAnswer], last: Mapping[Scope, datetime | None]
) -> None:
    rows = [
        DiscoveryScope(
            connection_id=run.connection_id,
            region=answer.region,
            family=answer.family,
            run=run,
            is_complete=answer.is_complete,
            found=answer.size,
            seconds=answer.seconds,
            error_class=answer.failure.error_class if answer.failure else "",
            error_message=answer.failure.message if answer.failure else "",
            error_hint=answer.failure.hint if answer.failure else "",
            last_complete_at=answer.at if answer.is_complete else last.get(_scope(answer)),
        )
        for answer in answers
    ]
    DiscoveryScope.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=("connection", "region", "family"),
        update_fields=(
            "run",
            "is_complete",
            "found",
            "seconds",
            "error_class",
            "error_message",
            "error_hint",
            "last_complete_at",
        ),
    )
