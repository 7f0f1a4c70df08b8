"""Asks every region for every family, many at a time; each answers or fails for itself.

Threads only talk to AWS. What they found is handed to the caller's thread, which alone uses the
database. Families that take a call for each of their things (buckets, users, target groups) get
hundreds of small answers: a second process asks for them.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Self

from django.utils import timezone

from connections.aws.errors import AwsFailure
from connections.aws.session import AwsClient, AwsSession
from discovery import beside
from discovery.collectors.base import GLOBAL, Answer, Collector, Found, Item
from discovery.regions import home_region
from organizations.runs import ErrorClass, RunFailure

logger = logging.getLogger(__name__)

SCOPE_THREADS = 24
# Calls that one scope makes for each of its resources (a bucket's tags) share these, so that a
# scope never waits for a thread that waits for it.
DETAIL_THREADS = 24
SCOPE_SECONDS = 600
_GRACE_SECONDS = 60
# The scope in which an account says which regions are enabled.
REGIONS = "regions"


@dataclass(frozen=True)
class Unknown:
    """A detail that AWS did not tell: what, of which resource, why."""

    what: str
    of: str
    failure: AwsFailure


@dataclass
class ScopeAnswer:
    """What one region (or the whole account) answered for one family.

    `at` is when it was asked. With a `failure` the list may be incomplete: what is in it was
    seen, what is missing says nothing. `measured` counts what figures were told for.
    """

    family: str
    region: str
    at: datetime
    found: list[Found] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    failure: RunFailure | None = None
    seconds: float = 0
    measured: int = 0

    @classmethod
    def of_regions(cls) -> Self:
        """Return the answer to the question which regions there are, to be filled in."""
        return cls(REGIONS, GLOBAL, at=timezone.now())

    @property
    def size(self) -> int:
        """Return how many things the answer is about."""
        return len(self.found) + self.measured

    @property
    def is_complete(self) -> bool:
        """Whether everything that there is was told."""
        return self.failure is None


Scope = tuple[Collector, str]
Answers = SimpleQueue[ScopeAnswer]


class Survey:
    """One survey of an account."""

    def __init__(
        self,
        session: AwsSession,
        *,
        account_id: str,
        partition: str = "aws",
        seconds: float = SCOPE_SECONDS,
    ) -> None:
        self.account_id = account_id
        self.partition = partition
        self.seconds = seconds
        self._session = session
        self._clients: dict[tuple[str, str], AwsClient] = {}
        self._making = threading.Lock()
        self._stopped = threading.Event()
        self._scopes = ThreadPoolExecutor(SCOPE_THREADS, thread_name_prefix="scope")
        self._details = ThreadPoolExecutor(DETAIL_THREADS, thread_name_prefix="detail")

    def answers(
        self, collectors: Sequence[Collector], regions: Sequence[str]
    ) -> Generator[list[ScopeAnswer], None, None]:
        """Yield the answers of every scope as they come, as many together as are ready."""
        scopes = scopes_of(collectors, regions)
        apart = _asked_apart(scopes)
        ready: Answers = SimpleQueue()
        try:
            # First of all: a process is copied only while it has no threads at work.
            with self._asking_beside(apart, ready) if apart else nullcontext():
                self._submit([scope for scope in scopes if scope not in apart], ready)
                missing = len(scopes)
                while missing:
                    batch = _taken(ready)
                    missing -= len(batch)
                    yield batch
        finally:
            self._stopped.set()
            self._scopes.shutdown(cancel_futures=True)
            self._details.shutdown(cancel_futures=True)

    def _submit(self, scopes: Iterable[Scope], ready: Answers) -> None:
        for collector, region in scopes:
            self._scopes.submit(lambda c, r: ready.put(self._ask(c, r)), collector, region)

    def _asking_beside(self, scopes: Sequence[Scope], ready: Answers) -> beside.Beside:
        """Return the process that asks these; what it leaves unasked when it dies is asked here."""
        open_ones = {(collector.family, region): collector for collector, region in scopes}

        def work() -> Iterator[ScopeAnswer]:
            made: Answers = SimpleQueue()
            self._submit(scopes, made)
            return (made.get() for _ in scopes)

        def take(answer: ScopeAnswer) -> None:
            del open_ones[answer.family, answer.region]
            ready.put(answer)

        def lost() -> None:
            logger.warning("The second process of a survey was lost; its questions are asked anew")
            self._submit([(one, region) for (_, region), one in open_ones.items()], ready)

        patience = self.seconds + _GRACE_SECONDS
        return beside.Beside(work, take=take, lost=lost, patience=patience)

    def client(self, service: str, region: str) -> AwsClient:
        """Return the survey's client; making one is not safe in several threads at a time."""
        key = (service, region)
        with self._making:
            if key not in self._clients:
                self._clients[key] = self._session.client(service, region)
            return self._clients[key]

    def each(
        self, function: Callable[[Item], Answer], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Answer]]:
        """Yield (item, function(item)) in order, several at a time."""
        return self._details.map(lambda item: (item, function(item)), items)

    def _ask(self, collector: Collector, region: str) -> ScopeAnswer:
        answer = ScopeAnswer(collector.family, region, at=timezone.now())
        started = time.monotonic()
        try:
            for found in collector.collect(Place(self, answer)):
                answer.found.append(found)
                self._check_time(answer, time.monotonic() - started)
        except RunFailure as failure:
            answer.failure = failure
        except Exception as error:  # one family's fault must not end the whole survey
            logger.exception("Collecting %s in %s failed unexpectedly", collector.family, region)
            answer.failure = RunFailure(
                ErrorClass.BUG,
                f"The portal failed unexpectedly ({type(error).__name__}) on {collector.label}.",
                "The server's log has the details; please report them.",
            )
        answer.seconds = round(time.monotonic() - started, 3)
        return answer

    def _check_time(self, answer: ScopeAnswer, taken: float) -> None:
        if self._stopped.is_set() or taken > self.seconds:
            raise RunFailure(
                ErrorClass.TRANSIENT,
                f"{answer.region} did not answer completely within {self.seconds:.0f} seconds.",
                "Nothing to do: the portal tries again by itself.",
            )


class Place:
    """Where one scope looks: what `collectors.base.Place` promises to collectors."""

    def __init__(self, survey: Survey, answer: ScopeAnswer) -> None:
        self.region = answer.region
        self.account_id = survey.account_id
        self.partition = survey.partition
        self.each = survey.each
        self._survey = survey
        self._answer = answer
        is_global = answer.region == GLOBAL
        self._default = home_region(survey.partition) if is_global else answer.region

    def client(self, service: str, region: str = "") -> AwsClient:
        return self._survey.client(service, region or self._default)

    def detail(
        self, what: str, of: str, ask: Callable[[], Answer], absent: Mapping[str, Answer]
    ) -> Answer | None:
        try:
            return ask()
        except AwsFailure as failure:
            if failure.code in absent:
                return absent[failure.code]
            self._answer.unknown.append(Unknown(what, of, failure))
            return None


def scopes_of(collectors: Sequence[Collector], regions: Sequence[str]) -> list[Scope]:
    """Return every (collector, region) to be asked.

    All regions of one family come before the next family, so that a region that hangs holds only
    as many threads as it has families.
    """
    return [
        (collector, region)
        for collector in collectors
        for region in (regions if collector.is_regional else (GLOBAL,))
    ]


def _asked_apart(scopes: Sequence[Scope]) -> list[Scope]:
    """Return what a second process asks while this one asks the rest: nothing where it has no
    processor of its own, or cannot be had.
    """
    apart = [(collector, region) for collector, region in scopes if collector.asks_each]
    return apart if len(apart) < len(scopes) and beside.is_possible() else []


def _taken(ready: Answers) -> list[ScopeAnswer]:
    """Wait for one answer, and take all others that are there."""
    batch = [ready.get()]
    while True:
        try:
            batch.append(ready.get_nowait())
        except Empty:
            return batch
