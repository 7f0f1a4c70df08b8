"""Finding the exports that AWS has: each with whether it fits, and why not."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

from connections.aws.definitions import Definition, data_exports, reports
from connections.aws.deliveries import list_manifests
from connections.aws.errors import AwsFailure
from connections.aws.exports import region_of_bucket
from connections.aws.s3 import Bucket
from connections.aws.session import AwsSession
from connections.entered import entered_credentials
from connections.export_columns import AMORTIZATION, needed_columns
from connections.inputs import AuthInput, ExportInput, ExportMode, Refusal, kind_problems
from connections.models import ConnectionKind, Export, ExportSchema, Granularity
from connections.verification import Patience, in_time, sign_in
from organizations.models import Organization
from organizations.runs import ErrorClass, RunFailure

_AT_ONCE = 8
_SCHEMAS = [
    ExportSchema.CUR2,
    ExportSchema.LEGACY_CUR,
    ExportSchema.FOCUS_1_2,
    ExportSchema.FOCUS_1_0,
]
# Costs are shown by day, so daily files are as good as hourly ones and a tenth of the size.
_GRANULARITIES = [Granularity.DAILY, Granularity.HOURLY, ""]


@dataclass(frozen=True)
class Found:
    """One export that AWS has.

    reasons       why it does not fit, a sentence each; it fits when there are none
    notes         what else one should know before choosing it
    months        how many months AWS has delivered
    is_preferred  the one to take unless somebody chooses another
    """

    definition: Definition
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    months: int = 0
    region: str = ""
    is_preferred: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether the portal can take its bill from it."""
        return not self.reasons

    @property
    def key(self) -> str:
        """Return what tells it from the account's other exports."""
        return f"{self.definition.schema}:{self.definition.name}"


@dataclass(frozen=True)
class Detected:
    """Every export of an account, those that fit first; and what could not be asked."""

    found: tuple[Found, ...]
    notes: tuple[str, ...] = ()

    @property
    def preferred(self) -> Found | None:
        """Return the one that is chosen beforehand, None when none fits."""
        return next((one for one in self.found if one.is_preferred), None)


def detectable_exports(organization: Organization, auth: AuthInput) -> Detected:
    """Return the exports that these credentials see. Takes at most 15 seconds. Raises Refusal."""
    auth = auth.cleaned()
    problems = {**auth.problems(), **kind_problems(ConnectionKind.ROOT, auth)}
    if problems:
        raise Refusal(problems)
    credentials = entered_credentials(organization, auth)
    patience = Patience()
    session, _ = in_time(lambda: sign_in(credentials, account="the account"), patience)
    return in_time(lambda: detect(session), patience)


def detect(session: AwsSession, *, path: str = "auth") -> Detected:
    """Return every export of the session's account, all pages of both services.

    A service that may not be asked is noted; when neither may be, a Refusal of `path` is raised.
    """
    notes: list[str] = []
    failures: list[AwsFailure] = []
    definitions: list[Definition] = []
    for ask in (data_exports, reports):
        try:
            definitions += ask(session)
        except AwsFailure as failure:
            if failure.error_class != ErrorClass.PERMISSION:
                raise Refusal.because(path, failure) from None
            failures.append(failure)
            notes.append(f"{failure.message} {failure.hint}")
    if len(failures) == 2:
        raise Refusal({path: " ".join(notes)}, error_class=ErrorClass.PERMISSION)
    look = _Look(session)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="detect") as pool:
        found = list(pool.map(look.at, definitions))
    return Detected(tuple(_ordered(found)), tuple(notes))


def chosen(session: AwsSession, given: ExportInput) -> ExportInput:
    """Return the export that mode `detect` means: the named one, or the one that fits best.

    Raises Refusal when there is none, or the named one does not fit: with the reasons.
    """
    detected = detect(session, path="export.mode")
    matching = [one for one in detected.found if _is_meant(one.definition, given)]
    if not matching:
        raise Refusal({"export.name" if given.name else "export.mode": _none(detected, given)})
    best = matching[0]
    if not best.is_usable:
        raise Refusal({"export.name" if given.name else "export.mode": _unusable(matching, given)})
    one = best.definition
    return replace(
        given,
        mode=ExportMode.BUCKET_ONLY,
        bucket=one.bucket,
        name=one.name,
        prefix=one.prefix,
        schema=one.schema,
        region=best.region,
        granularity=one.granularity,
        file_format=one.file_format,
    )


def _is_meant(one: Definition, given: ExportInput) -> bool:
    wanted = (
        (given.name, one.name),
        (given.bucket, one.bucket),
        (given.prefix, one.prefix),
        (given.schema, one.schema),
    )
    return all(value in ("", None, is_) for value, is_ in wanted)


def _none(detected: Detected, given: ExportInput) -> str:
    if not detected.found:
        sentence = "This account has no billing export: let the portal create one."
    else:
        listed = ", ".join(f"“{one.definition.name}”" for one in detected.found[:8])
        sentence = f"AWS lists no such export “{given.name}” here; it lists {listed}."
    return " ".join((sentence, *detected.notes))


def _unusable(matching: Iterable[Found], given: ExportInput) -> str:
    told = [f"“{one.definition.name}”: {' '.join(one.reasons)}" for one in matching]
    if given.name:
        return f"This export does not fit. {' '.join(told)}"
    return f"None of the account's exports fits. {' '.join(told[:8])}"


class _Look:
    """Looks at the exports of one account; each bucket is found once."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._buckets: dict[str, tuple[str, Bucket] | RunFailure] = {}
        self._lock = Lock()

    def at(self, one: Definition) -> Found:
        """Return the export with what speaks for and against it."""
        reasons, notes = _unfit(one), _remarks(one)
        region, months = one.region, 0
        try:
            region, bucket = self._bucket(one.bucket)
            looked_for = Export(
                schema=one.schema, name=one.name, prefix=one.prefix, bucket=one.bucket
            )
            months = len(list_manifests(bucket, looked_for))
        except RunFailure as failure:
            reasons.append(" ".join(filter(None, (failure.message, failure.hint))))
        else:
            if not months:
                notes.append("Nothing is delivered yet: AWS needs up to 24 hours for a new export.")
        return Found(one, tuple(reasons), tuple(notes), months, region)

    def _bucket(self, name: str) -> tuple[str, Bucket]:
        """Return a bucket and its region; several exports may share it."""
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = self._find(name)
            found = self._buckets[name]
        if isinstance(found, RunFailure):
            raise found
        return found

    def _find(self, name: str) -> tuple[str, Bucket] | RunFailure:
        try:
            region = region_of_bucket(self._session, name)
        except RunFailure as failure:
            return failure
        return region, Bucket(self._session, name, region)


def _unfit(one: Definition) -> list[str]:
    """Return why an export with this definition cannot be what the portal counts from."""
    found = []
    if not one.has_resources:
        found.append(
            "It has no resource ids, so nothing could be said of single resources: the export needs"
            " INCLUDE_RESOURCES (legacy: “Include resource IDs”)."
        )
    if one.granularity == Granularity.MONTHLY:
        found.append("It is monthly, so costs could not be shown by day.")
    missing = sorted(needed_columns(one.schema) - one.columns) if one.columns is not None else []
    if missing:
        found.append(f"Its query lacks columns that are needed: {', '.join(missing)}.")
    if one.is_partial:
        found.append("Its query leaves line items out (WHERE or LIMIT): totals would be too low.")
    if not one.file_format:
        found.append("Its files are neither Parquet nor compressed CSV.")
    if one.trouble:
        found.append(one.trouble)
    return found


def _remarks(one: Definition) -> list[str]:
    found = []
    if one.schema == ExportSchema.CUR2 and one.columns is not None and AMORTIZATION - one.columns:
        found.append(
            "Its query lacks columns without which commitments are not amortized:"
            f" {', '.join(sorted(AMORTIZATION - one.columns))}."
        )
    if not one.refreshes_closed:
        found.append(
            "It does not refresh closed months, so later credits and refunds would be missing."
        )
    if not one.overwrites:
        found.append("It keeps every delivery (create new); the portal reads the newest.")
    return found


def _ordered(found: Iterable[Found]) -> list[Found]:
    """Return those that fit first, the best of them on top and preferred."""
    ordered = sorted(found, key=_rank)
    if ordered and ordered[0].is_usable:
        ordered[0] = replace(ordered[0], is_preferred=True)
    return ordered


def _rank(one: Found) -> tuple[object, ...]:
    definition = one.definition
    granularities = [*_GRANULARITIES, Granularity.MONTHLY]
    return (
        not one.is_usable,
        _SCHEMAS.index(definition.schema),
        not one.months,
        len(one.notes),
        granularities.index(definition.granularity),
        definition.name,
    )
