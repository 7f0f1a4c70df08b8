"""Trying what somebody entered against AWS, before anything is saved.

Nothing here touches the database: it runs in a thread that is given up when AWS does not answer.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTimeError
from typing import TypeVar

from connections.aws.credentials import AccessKey, Ambient, AssumedRole, Credentials
from connections.aws.deliveries import Manifest, list_manifests, read_manifest
from connections.aws.errors import AwsFailure
from connections.aws.exports import FoundExport, exports_in, is_declared, region_of_bucket
from connections.aws.identity import Identity, identify, role_is_open
from connections.aws.s3 import Bucket
from connections.aws.session import PROMPT, AwsSession
from connections.inputs import AuthInput, ExportInput, Place, Refusal
from connections.models import AuthMethod, Export, ExportSchema
from organizations.runs import ErrorClass, RunFailure

T = TypeVar("T")

# Connecting takes at most 15 seconds to say that it does not work.
SECONDS = 14.0
_FOCUS_1_0 = frozenset({"x_UsageType", "x_CostCategories"})
_FOCUS_1_2 = frozenset(
    {"BillingAccountType", "SubAccountType", "InvoiceId", "PricingCurrency", "SkuMeter"}
)
_KEY_FIELDS = {
    "InvalidClientTokenId": "auth.access_key_id",
    "InvalidAccessKeyId": "auth.access_key_id",
    "UnrecognizedClientException": "auth.access_key_id",
    "SignatureDoesNotMatch": "auth.secret_access_key",
    "InvalidSignatureException": "auth.secret_access_key",
}


class Patience:
    """The seconds that somebody who waits has left."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Return the seconds left, never less than 0."""
        return max(0.0, self._until - time.monotonic())


def in_time(work: Callable[[], T], patience: Patience) -> T:
    """Return what `work` returns. Raises Refusal when it takes longer; it is then left alone."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again by done.result()
            done.set_exception(error)

    threading.Thread(target=run, name="verification", daemon=True).start()
    try:
        return done.result(timeout=patience.left)
    except NotInTimeError:
        raise Refusal(
            {"": "AWS did not answer in time, so nothing was saved. Try again in a minute."},
            error_class=ErrorClass.TRANSIENT,
        ) from None


def credentials_from(
    auth: AuthInput, external_id: str, source: Credentials | None = None
) -> Credentials:
    """Return the entered credentials as those that a session takes.

    `source` are the credentials that assume a role; None: the portal's own.
    """
    if auth.method == AuthMethod.ACCESS_KEY:
        return AccessKey(auth.access_key_id, auth.secret_access_key)
    if auth.method == AuthMethod.ASSUME_ROLE:
        return AssumedRole(auth.role_arn, external_id, source)
    if auth.method == AuthMethod.COSTS_ONLY:
        raise Refusal({"auth.method": "For costs only nobody signs in: choose a way to sign in."})
    return Ambient()


def sign_in(credentials: Credentials, *, account: str) -> tuple[AwsSession, Identity]:
    """Return a session that lets nobody wait, and whose it is, as STS says.

    `account` names it in sentences. Raises Refusal on the field that is wrong.
    """
    try:
        session = AwsSession(credentials, account=account, config=PROMPT)
        identity = identify(session)
        if identity.account_id not in account:
            session.account = f"{account} ({identity.account_id})"
        if isinstance(credentials, AssumedRole) and role_is_open(credentials):
            raise Refusal(
                {
                    "auth.role_arn": f"The role {credentials.role_arn} can be assumed without the"
                    " external id of this organization, so another organization of this portal"
                    " could use it. Add to the Allow statement of its trust policy:"
                    ' "Condition": {"StringEquals": {"sts:ExternalId":'
                    f' "{credentials.external_id}"}}}}. If other things need the role as it is,'
                    " make a role of its own for the portal."
                }
            )
    except AwsFailure as failure:
        raise _refused_identity(failure, credentials) from None
    return session, identity


def _refused_identity(failure: AwsFailure, credentials: Credentials) -> Refusal:
    if isinstance(credentials, AssumedRole):
        return _refused_role(failure, credentials)
    if isinstance(credentials, Ambient):
        return Refusal.because("auth.method", failure)
    return Refusal.because(_KEY_FIELDS.get(failure.code, "auth"), failure)


def _refused_role(failure: AwsFailure, role: AssumedRole) -> Refusal:
    own = role.source is None
    who = "the portal's own identity" if own else "the payer's connection"
    if failure.error_class == ErrorClass.PERMISSION:
        return Refusal(
            {
                "auth.role_arn": f"AWS does not let {'the portal' if own else who} assume"
                f" {role.role_arn}. The role must exist, its trust policy must name {who} and the"
                f" external id {role.external_id}, and {'that identity' if own else 'it'} must be"
                " allowed sts:AssumeRole on it."
            },
            error_class=ErrorClass.PERMISSION,
        )
    if failure.code in _KEY_FIELDS and not own:
        return Refusal(
            {
                "auth.role_arn": f"{role.role_arn} cannot be assumed, because AWS refuses the"
                " credentials of the payer's connection. Mend that connection first."
            }
        )
    return Refusal.because("auth.role_arn", failure)


def verify_export(session: AwsSession, given: ExportInput) -> Export:
    """Find the bucket and the export in it; return it as it is, not saved.

    An export without files is accepted unless the bucket shows that its name or prefix is wrong.
    The bucket, and even the export, may be another account's: what counts of a bill are the
    accounts that are connected. Raises Refusal on the field that is wrong.
    """
    try:
        region = region_of_bucket(session, given.bucket)
    except RunFailure as failure:
        raise Refusal.because("export.bucket", failure) from None
    if given.region and given.region != region:
        raise Refusal(
            {
                "export.region": f"The bucket “{given.bucket}” lies in {region}, not in"
                f" {given.region}, as {session.account} sees it (s3:ListBucket). Leave the region"
                " empty: the portal finds it."
            }
        )
    bucket = Bucket(session, given.bucket, region)
    try:
        found = _newest_manifest(bucket, given)
        if found is None:
            place = _undelivered(session, bucket, given)
            return _export(given, place, region, given.schema, None)
    except AwsFailure as failure:
        raise _refused_bucket(failure, region) from None
    except RunFailure as failure:
        raise (
            failure if isinstance(failure, Refusal) else Refusal.because("export", failure)
        ) from None
    place, manifest = found
    schema = _schema_of(manifest, given)
    return _export(given, place, region, schema, manifest)


def _refused_bucket(failure: AwsFailure, region: str) -> Refusal:
    if failure.code not in _KEY_FIELDS:
        return Refusal.because("export.bucket", failure)
    # The same key signed in a moment ago: what refuses it is the region.
    return Refusal(
        {
            "export.bucket": f"The bucket lies in {region}, and that region is not enabled for"
            f" {failure.attempt.account} ({failure.attempt.action}). Enable it in the account's"
            " settings under AWS Regions, or deliver the export to a bucket in another region."
        }
    )


def _newest_manifest(bucket: Bucket, given: ExportInput) -> tuple[Place, Manifest] | None:
    for place in given.places():
        for schema in _layouts(given.schema):
            looked_for = Export(
                schema=schema, name=place.name, prefix=place.prefix, bucket=given.bucket
            )
            refs = list_manifests(bucket, looked_for)
            if refs:
                return place, read_manifest(bucket, refs[-1])
    return None


def _layouts(schema: ExportSchema | None) -> list[ExportSchema]:
    """Return one schema of each layout, the entered one first: people mix the two up."""
    both = [ExportSchema.CUR2, ExportSchema.LEGACY_CUR]
    return both[::-1] if schema == ExportSchema.LEGACY_CUR else both


def _schema_of(manifest: Manifest, given: ExportInput) -> ExportSchema:
    """Return what the export holds. Raises Refusal when something else was entered."""
    names = {column.name for column in manifest.columns}
    if manifest.is_legacy:
        held = {ExportSchema.LEGACY_CUR}
    elif "BilledCost" in names or "EffectiveCost" in names:
        held = _focus_versions(names)
    elif any(name.startswith("line_item_") for name in names):
        held = {ExportSchema.CUR2}
    else:
        raise Refusal(
            {
                "export.name": f"The export “{given.name}” holds neither CUR nor FOCUS: its"
                f" columns are {', '.join(sorted(names)[:5])} …"
            }
        )
    if given.schema is not None and given.schema not in held:
        said = " or ".join(sorted(one.label for one in held))
        raise Refusal(
            {"export.schema": f"The export “{given.name}” is {said}, not {given.schema.label}."}
        )
    return given.schema or max(held)


def _focus_versions(names: set[str]) -> set[ExportSchema]:
    if names & _FOCUS_1_0:
        return {ExportSchema.FOCUS_1_0}
    if names & _FOCUS_1_2:
        return {ExportSchema.FOCUS_1_2}
    return {ExportSchema.FOCUS_1_0, ExportSchema.FOCUS_1_2}


def _undelivered(session: AwsSession, bucket: Bucket, given: ExportInput) -> Place:
    """Return where an export without files will come. Raises Refusal when it looks wrong."""
    kinds = [given.schema] if given.schema else _layouts(None)
    is_listed = any(
        is_declared(session, bucket=given.bucket, name=given.name, schema=kind) for kind in kinds
    )
    others = [] if is_listed else _others(bucket)
    if others:
        listed = "; ".join(str(one) for one in others[:8])
        raise Refusal(
            {
                "export.name": f"There is no export “{given.name}” under the prefix"
                f" “{given.prefix}” in s3://{given.bucket}. The bucket holds: {listed}. If yours"
                " is new, connect it after AWS's first delivery, which takes up to 24 hours."
            }
        )
    if given.schema is None:
        raise Refusal({"export.schema": "There are no files yet that tell the schema: choose it."})
    return given.places()[0]


def _others(bucket: Bucket) -> list[FoundExport]:
    """Return what else lies in the bucket; nothing where only the export's folder may be listed."""
    try:
        return exports_in(bucket)
    except AwsFailure as failure:
        if failure.error_class == ErrorClass.PERMISSION:
            return []
        raise


def _export(
    given: ExportInput,
    place: Place,
    region: str,
    schema: ExportSchema | None,
    manifest: Manifest | None,
) -> Export:
    return Export(
        schema=schema or "",
        name=place.name,
        bucket=given.bucket,
        prefix=place.prefix,
        region=region,
        granularity=given.granularity,
        file_format=manifest.file_format if manifest else given.file_format,
        arn=manifest.export_arn if manifest else "",
    )
