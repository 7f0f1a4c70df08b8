"""Which months have a delivery that is not imported yet: only manifests are compared."""

from datetime import timedelta

from django.utils import timezone

from billing.importing.buckets import bucket_of
from billing.importing.counting import known_etags
from billing.models import Delivery, ImportRun
from connections.aws.deliveries import ManifestRef, list_manifests
from connections.models import Export
from organizations.runs import ErrorClass, RunFailure

# AWS says that the first delivery of an export comes within a day.
_FIRST_DELIVERY_TAKES = timedelta(hours=48)


def changed_months(run: ImportRun) -> list[ManifestRef]:
    """Return the manifests whose month must be imported, oldest first.

    An export that has never delivered is waited for: a warning says so. Raises RunFailure when
    nothing can be found any more, or is overdue.
    """
    export = run.export
    if export is None:
        raise RuntimeError("A look at a connection has an export.")
    with run.timed("look"):
        refs = list_manifests(bucket_of(export), export)
    if not refs:
        _nothing_there(run, export)
    asked = [ref for ref in refs if _in_range(run, ref)]
    if refs and not asked:
        _nothing_in_range(run, export, refs)
    known = known_etags(export)
    return [ref for ref in asked if run.is_forced or known.get(ref.billing_period) != ref.etag]


def _in_range(run: ImportRun, ref: ManifestRef) -> bool:
    after = run.first_period is None or ref.billing_period >= run.first_period
    before = run.last_period is None or ref.billing_period <= run.last_period
    return after and before


def _nothing_in_range(run: ImportRun, export: Export, refs: list[ManifestRef]) -> None:
    months = sorted(ref.billing_period for ref in refs)
    run.warn(
        f"Nothing is delivered for the months that were asked for: s3://{export.bucket}/"
        f"{export.root_key} has months from {months[0]:%Y-%m} to {months[-1]:%Y-%m}."
    )


def _nothing_there(run: ImportRun, export: Export) -> None:
    where = f"s3://{export.bucket}/{export.root_key}"
    if Delivery.objects.filter(export=export).exists():
        raise RunFailure(
            ErrorClass.CONFIG,
            f"Every manifest has gone from {where}.",
            "If somebody or a lifecycle rule deleted the export's files, AWS brings the current"
            " month back with its next delivery; imported months stay as they are.",
        )
    if timezone.now() - export.created_at > _FIRST_DELIVERY_TAKES:
        raise RunFailure(
            ErrorClass.CONFIG,
            f"Nothing was ever delivered under {where}.",
            "Check the export's name and prefix in the AWS console (Billing, Data Exports), and"
            " that AWS reports the export as healthy there.",
        )
    run.warn(
        f"Nothing is delivered under {where} yet. AWS brings the first files of a new export within"
        " 24 hours; if it should be there already, check the export's name and prefix."
    )
