"""One month: the delivery that the manifest names, looked at, fetched, taken in."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from billing.importing import spool
from billing.importing.buckets import bucket_of
from billing.models import Delivery, ImportRun
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
    with (
        spool.folder(run.pk) as folder,
        spool.Fetching(bucket, objects, folder) as fetching,
    ):
        # Arrow and DuckDB take their time to load: the first bytes come meanwhile.
        from billing.importing.contents import Contents  # noqa: PLC0415

        contents = Contents(run, delivery, manifest, folder)
        try:
            contents.take_in(fetching, still_the_same=partial(_still_the_same, bucket, manifest))
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
