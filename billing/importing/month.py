"""One month, step by step: from the manifest to the pointer."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from billing.importing import aggregate, cleanup, load, numbering, spool, summary, swap
from billing.importing.buckets import bucket_of
from billing.importing.faults import room_faults
from billing.importing.formats import format_of
from billing.importing.readers import open_file
from billing.importing.warehouse import Warehouse, warehouse
from billing.models import Delivery, ImportRun, ServiceName
from connections.aws.deliveries import Manifest, ManifestRef, list_manifests, read_manifest
from connections.aws.errors import AwsFailure
from connections.aws.s3 import Bucket, ObjectInfo
from connections.models import Export
from organizations.runs import ErrorClass, RunFailure, RunState

_STARTS = 3
_LOOKS_AT_ONCE = 8
# AWS writes a month's files within minutes, and the manifest last.
_REFRESH_TAKES = timedelta(minutes=30)


class _ReplacedError(Exception):
    """AWS replaced the delivery while it was read."""


@dataclass
class _Progress:
    """What the run says while files are read."""

    run: ImportRun
    files: int
    bytes_total: int
    files_read: int = 0

    def note(self, rows: int, size: int) -> None:
        self.files_read += 1
        self.run.rows_read = rows
        self.run.bytes_read += size
        self.run.advance(
            files=self.files,
            files_read=self.files_read,
            rows=rows,
            bytes=self.run.bytes_read,
            bytes_total=self.bytes_total,
        )


@dataclass(frozen=True)
class _Work:
    """What the steps of one import share."""

    run: ImportRun
    bucket: Bucket
    house: Warehouse


def import_month(run: ImportRun) -> RunState | None:
    """Import the run's month. Raises RunFailure; then the month is as it was before."""
    export = run.export
    if export is None:
        raise RuntimeError("A month's run has an export.")
    bucket = bucket_of(export)
    for start in range(_STARTS):
        with run.timed("manifest"):
            manifest = read_manifest(bucket, _newest(bucket, export, run))
            objects = _objects(bucket, manifest)
        try:
            _import(run, export, bucket, manifest, objects)
        except _ReplacedError:
            if start + 1 < _STARTS:
                run.warn("AWS replaced the delivery while it was read; the import began again.")
                continue
            raise RunFailure(
                ErrorClass.TRANSIENT,
                f"AWS replaced the delivery of {run.billing_period:%Y-%m} {_STARTS} times while it"
                " was read.",
                "Nothing to do: the portal tries again by itself.",
            ) from None
        break
    cleanup.remove_old(export, manifest.billing_period)
    return None


def _newest(bucket: Bucket, export: Export, run: ImportRun) -> ManifestRef:
    for ref in list_manifests(bucket, export):
        if ref.billing_period == run.billing_period:
            return ref
    raise RunFailure(
        ErrorClass.DATA,
        f"The manifest of {run.billing_period:%Y-%m} is not in {bucket.url(export.root_key)} any"
        " more.",
        "If somebody or a lifecycle rule deleted it, keep the export's files at least until AWS"
        " has closed the month.",
    )


def _objects(bucket: Bucket, manifest: Manifest) -> list[ObjectInfo]:
    """Look at every data file that the manifest names; the versions seen here are what is read."""
    with ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="look") as pool:
        found = list(pool.map(bucket.look, manifest.files))
    missing = [key for key, info in zip(manifest.files, found, strict=True) if info is None]
    if missing:
        raise RunFailure(
            ErrorClass.DATA,
            f"The manifest {bucket.url(manifest.key)} names {len(missing)} file(s) that are not"
            f" there, first {bucket.url(missing[0])}.",
            "The month stays as it was. If somebody or a lifecycle rule deleted files, AWS brings"
            " them back with its next delivery.",
        )
    return [info for info in found if info is not None]


def _import(
    run: ImportRun,
    export: Export,
    bucket: Bucket,
    manifest: Manifest,
    objects: Sequence[ObjectInfo],
) -> None:
    _refuse_half_written(bucket, manifest, objects)
    delivery = _new_delivery(run, export, manifest)
    run.rows_read = run.bytes_read = 0
    with (
        spool.folder(f"run-{run.pk}") as folder,
        warehouse(format_of(export.schema), folder) as house,
    ):
        _read(_Work(run, bucket, house), manifest, objects)
        with run.timed("prepare"), room_faults(house):
            numbering.number(house)
            found = summary.summary(house)
        _still_the_same(bucket, manifest)
        with run.timed("load"), load.prepared(house, folder) as tables:
            load.load(delivery.pk, tables)
        with run.timed("check"):
            totals, rows = swap.loaded_totals(delivery)
            swap.compare(dict(house.control.totals), totals, found)
        for sentence in found.warnings:
            run.warn(sentence)
        _note_totals(run, house, totals)
        run.rows_loaded = delivery.rows_loaded = rows
        delivery.rows_read, delivery.bytes_read = run.rows_read, run.bytes_read
        run.advance("swap")
        swap.swap(run, delivery, found)


def _read(work: _Work, manifest: Manifest, objects: Sequence[ObjectInfo]) -> None:
    known = frozenset(
        ServiceName.objects.of(work.run.connection.organization_id).values_list("code", flat=True)
    )
    progress = _Progress(work.run, len(objects), sum(one.size for one in objects))
    try:
        with work.run.timed("read"):
            for spooled in spool.fetch(work.bucket, objects, work.house.folder):
                label = work.bucket.url(spooled.info.key)
                file = open_file(spooled.path, label, manifest.file_format)
                aggregate.add_file(work.house, file, known_services=known)
                progress.note(work.house.rows_read, spooled.info.size)
    except AwsFailure as failure:
        if failure.code in ("PreconditionFailed", "412", "NoSuchKey", "404"):
            raise _ReplacedError from None
        raise


def _refuse_half_written(bucket: Bucket, manifest: Manifest, objects: Sequence[ObjectInfo]) -> None:
    """An export that overwrites replaces its files one by one, and then its manifest."""
    written = bucket.look(manifest.key)
    if written is None or written.etag != manifest.etag:
        raise _ReplacedError
    newest = max(one.modified for one in objects)
    if newest > written.modified and timezone.now() - newest < _REFRESH_TAKES:
        raise RunFailure(
            ErrorClass.TRANSIENT,
            f"AWS is just writing the delivery of {manifest.billing_period:%Y-%m}.",
            "Nothing to do: the portal reads it when it is whole.",
        )


def _still_the_same(bucket: Bucket, manifest: Manifest) -> None:
    now = bucket.look(manifest.key)
    if now is None or now.etag != manifest.etag:
        raise _ReplacedError


def _new_delivery(run: ImportRun, export: Export, manifest: Manifest) -> Delivery:
    with transaction.atomic():
        run.hold()
        delivery: Delivery = Delivery.objects.create(
            export=export,
            billing_period=manifest.billing_period,
            execution_id=manifest.execution_id[:200],
            manifest_key=manifest.key,
            manifest_etag=manifest.etag,
        )
        ImportRun.objects.filter(pk=run.pk).update(delivery=delivery)
        run.delivery = delivery
    return delivery


def _note_totals(run: ImportRun, house: Warehouse, totals: swap.Totals) -> None:
    if len(totals) == 1:
        ((run.currency, run.portal_total),) = totals.items()
        run.export_total = house.control.totals[run.currency]
    elif len(totals) > 1:
        each = ", ".join(f"{amount:f} {currency}" for currency, amount in sorted(totals.items()))
        run.warn(f"The bill is in several currencies, which are never added: {each}.")
