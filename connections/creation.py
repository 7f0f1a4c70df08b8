"""Making an export with its bucket: what is there and right is used, what is wrong is named.

Every step is safe to take again, so a creation that failed half-way is simply run again.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connections.aws.definitions import Definition, definitions_of
from connections.aws.errors import AwsFailure
from connections.aws.identity import Identity
from connections.aws.new_bucket import BucketPolicy, close_bucket, find_bucket, make_bucket
from connections.aws.new_export import BucketNotReadyError, Wish, make_export
from connections.aws.session import AwsSession
from connections.export_columns import CUR2_SELECTED
from connections.inputs import ExportInput, ExportMode, Refusal
from connections.models import ExportSchema, FileFormat
from connections.new_exports import HOME_REGION
from connections.policies.bucket import delivery_statements, merged
from connections.policies.statements import LIMITS, Kind
from connections.policies.values import Mode, Values
from connections.verification import Patience
from organizations.runs import ErrorClass, RunFailure

# AWS needs a moment to see a bucket's new policy, mostly a few seconds.
_WAITS = (1.0, 1.5, 2.5, 4.0, 4.0)
_ENOUGH = 3.0
Say = Callable[[str], None]


def create(
    session: AwsSession, given: ExportInput, identity: Identity, *, patience: Patience, say: Say
) -> ExportInput:
    """Make the export, and the bucket where there is none; return it as an existing one.

    `given` is completed (see `new_exports`). `say` is told each thing that was done, as a sentence,
    also when a later step fails. Raises Refusal on the field that is wrong.
    """
    present = _present(session, given)
    region = _bucket(session, given, identity, say)
    wish = _wish(given, region)
    if present is not None:
        _refuse_differences(present, wish, identity)
    _in_time(patience)
    _policy(session, wish, identity, say)
    if present is not None:
        say(f"The export “{wish.name}” exists with these settings: it is used.")
    else:
        _export(session, wish, patience)
        say(
            f"Created the {wish.schema.label} export “{wish.name}”: {wish.granularity},"
            f" {wish.file_format.label}, with resource ids, to s3://{wish.bucket}/{wish.prefix}."
            " AWS delivers its first files within 24 hours."
        )
    return replace(given, mode=ExportMode.BUCKET_ONLY, region=region)


def _in_time(patience: Patience) -> None:
    """Take no step that nobody waits for any more."""
    if patience.left < _ENOUGH:
        raise Refusal({"": "AWS answered too slowly to go on."}, error_class=ErrorClass.TRANSIENT)


def _wish(given: ExportInput, region: str) -> Wish:
    return Wish(
        schema=given.schema or ExportSchema.CUR2,
        name=given.name,
        bucket=given.bucket,
        prefix=given.prefix,
        region=region,
        granularity=given.granularity,
        file_format=FileFormat(given.file_format),
    )


# --- the export that may exist --------------------------------------------------------------
def _present(session: AwsSession, given: ExportInput) -> Definition | None:
    """Return the export of this name, None where there is none; nothing was changed yet."""
    schema = given.schema or ExportSchema.CUR2
    try:
        known = definitions_of(session, schema)
    except AwsFailure as failure:
        raise Refusal.because("export.mode", failure) from None
    found = next((one for one in known if one.name == given.name), None)
    if found is not None:
        region = given.region or found.region
        differences = _differences(found, _wish(given, region))
        if differences:
            raise _unequal(found, differences)
    return found


def _refuse_differences(present: Definition, wish: Wish, identity: Identity) -> None:
    differences = _differences(present, wish)
    if present.owner and present.owner != identity.account_id:
        differences.append(
            f"its bucket belongs to the account {present.owner}, not {identity.account_id}"
        )
    if differences:
        raise _unequal(present, differences)


def _unequal(present: Definition, differences: list[str]) -> Refusal:
    return Refusal(
        {
            "export.name": f"There is an export “{present.name}” already, and it differs:"
            f" {'; '.join(differences)}. Choose another name, enter its settings, or connect it as"
            " it is."
        }
    )


def _differences(present: Definition, wish: Wish) -> list[str]:
    """Return what is not as wished, each by name. What AWS adds by itself is no difference."""
    compared = (
        ("schema", present.schema.label, wish.schema.label),
        ("bucket", present.bucket, wish.bucket),
        ("prefix", present.prefix, wish.prefix),
        ("region", present.region, wish.region),
        ("granularity", present.granularity, wish.granularity),
        ("file format", _label(present.file_format), wish.file_format.label),
    )
    found = [
        f"{name} is “{is_}”, not “{wanted}”" for name, is_, wanted in compared if is_ != wanted
    ]
    if not present.has_resources:
        found.append("it has no resource ids")
    if not present.overwrites:
        found.append("it keeps every delivery instead of overwriting")
    if not present.refreshes_closed:
        found.append("it does not refresh closed months")
    if present.is_partial:
        found.append("its query leaves line items out")
    if present.schema == ExportSchema.CUR2 and present.columns is not None:
        missing = sorted(set(CUR2_SELECTED) - present.columns)
        if missing:
            found.append(f"its query lacks {', '.join(missing)}")
    return found


def _label(file_format: str) -> str:
    return FileFormat(file_format).label if file_format else "another one"


# --- the bucket -----------------------------------------------------------------------------
def _bucket(session: AwsSession, given: ExportInput, identity: Identity, say: Say) -> str:
    """Return the region of the bucket, which is made where there is none."""
    try:
        region = find_bucket(session, given.bucket, account_id=identity.account_id)
        if not region:
            return _new_bucket(session, given, say)
    except Refusal:
        raise
    except RunFailure as failure:
        raise Refusal.because("export.bucket", failure) from None
    if given.region and given.region != region:
        raise Refusal(
            {
                "export.region": f"The bucket “{given.bucket}” lies in {region}, not in"
                f" {given.region}. Choose {region}, or another bucket."
            }
        )
    return region


def _new_bucket(session: AwsSession, given: ExportInput, say: Say) -> str:
    region = given.region or HOME_REGION
    make_bucket(session, given.bucket, region)
    say(f"Created the bucket “{given.bucket}” in {region}.")
    close_bucket(session, given.bucket, region)
    say("Blocked all public access to it, its files belong to its owner alone and are encrypted.")
    return region


def _policy(session: AwsSession, wish: Wish, identity: Identity, say: Say) -> None:
    """Let AWS deliver into the bucket; every statement that is there stays as it is."""
    values = Values(
        mode=Mode.BUCKET_POLICY,
        partition=identity.partition,
        account_id=identity.account_id,
        bucket=wish.bucket,
        schema=wish.schema,
    )
    policy = BucketPolicy(session, wish.bucket, wish.region, identity.account_id)
    try:
        present = policy.read()
        wanted = merged(present, delivery_statements(values))
        if wanted == present:
            say("The bucket's policy lets AWS deliver already: it is left as it is.")
            return
        _refuse_too_long(wanted, wish)
        policy.write(wanted)
    except AwsFailure as failure:
        raise Refusal.because("export.bucket", failure) from None
    others = ", beside the statements that were there" if present else ""
    say(f"Added to the policy of “{wish.bucket}” that AWS may deliver exports{others}.")


def _refuse_too_long(policy: dict[str, Any], wish: Wish) -> None:
    if len(json.dumps(policy, separators=(",", ":"))) > LIMITS[Kind.BUCKET]:
        raise Refusal(
            {
                "export.bucket": f"The policy of “{wish.bucket}” would become longer than AWS"
                " allows: remove statements that nobody needs, or choose another bucket."
            }
        )


def _export(session: AwsSession, wish: Wish, patience: Patience) -> None:
    """Make the export; AWS may need a moment until it sees the bucket's policy."""
    for wait in (*_WAITS, None):
        _in_time(patience)
        try:
            make_export(session, wish)
        except BucketNotReadyError:
            if wait is None or patience.left < wait + _ENOUGH:
                break
            time.sleep(wait)
        except RunFailure as failure:
            raise Refusal.because("export.name", failure) from None
        else:
            return
    raise Refusal(
        {
            "export.bucket": f"AWS says that it may not write into “{wish.bucket}” although the"
            " bucket's policy now allows it. Either AWS has not seen the policy yet, or another"
            " statement of it, or the key that encrypts the bucket, denies it."
        },
        error_class=ErrorClass.TRANSIENT,
    )
