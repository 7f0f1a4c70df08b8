"""What a run says of itself: its counters, its coverage, and its troubles in sentences."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from discovery.collectors import LABELS
from discovery.collectors.base import GLOBAL
from discovery.metrics.collector import FAMILY as METRICS
from discovery.models import DiscoveryRun
from discovery.reconcile import Tally
from discovery.survey import REGIONS, ScopeAnswer
from organizations.runs import RunFailure

_NAMED = 3


class Outcome:
    """Gathers what the scopes of a run answered.

    `problem` is the first trouble, None when every scope answered.
    """

    def __init__(self, run: DiscoveryRun) -> None:
        self.run = run
        self.answered = 0
        self._failed: list[ScopeAnswer] = []
        self._succeeded = 0
        # (label, detail, sentence) -> the resources whose detail is unknown
        self._unknown: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)

    @property
    def problem(self) -> RunFailure | None:
        """Return the failure that people should hear of first."""
        # Without figures everything is found all the same.
        failed = [answer for answer in self._failed if answer.family != METRICS]
        return failed[0].failure if failed else None

    def add(self, answers: Sequence[ScopeAnswer], tally: Tally) -> None:
        """Count what these scopes answered and what became of the rows."""
        run = self.run
        run.found += tally.found
        run.added += tally.added
        run.changed += tally.changed
        run.gone += tally.gone
        for answer in answers:
            self._note(answer)

    def _note(self, answer: ScopeAnswer) -> None:
        cell = answer.failure.error_class if answer.failure else answer.size
        if answer.family not in (REGIONS, METRICS):
            self.answered += 1
            self._succeeded += answer.is_complete
        if answer.family != REGIONS:
            self.run.coverage.setdefault(answer.family, {})[answer.region] = cell
        if answer.failure is not None:
            self._failed.append(answer)
        for one in answer.unknown:
            # The same refusal on many resources is one trouble.
            reason = f"{one.failure.attempt.action}: {one.failure.error_class.label.lower()}"
            self._unknown[LABELS[answer.family], one.what, reason].append(one.of)

    def conclude(self) -> None:
        """Put the troubles into the run's warnings. Raises RunFailure when nothing answered."""
        problem = self.problem
        if problem is not None and not self._succeeded:
            raise problem
        for sentence in self._sentences():
            self.run.warn(sentence)

    def _sentences(self) -> Iterable[str]:
        by_family: defaultdict[tuple[str, str], list[ScopeAnswer]] = defaultdict(list)
        for answer in self._failed:
            assert answer.failure is not None  # noqa: S101 - these failed
            by_family[answer.family, answer.failure.error_class].append(answer)
        for (family, _), answers in sorted(by_family.items()):
            first = answers[0].failure
            assert first is not None  # noqa: S101 - these failed
            regions = sorted(answer.region for answer in answers)
            where = "" if regions == [GLOBAL] else f" in {_several(regions)}"
            yield f"{LABELS[family]}{where} could not be seen: {first.message} {first.hint}"
        for (label, what, reason), names in sorted(self._unknown.items()):
            yield f"{label}: the {what} of {_several(sorted(names))} could not be read ({reason})."


def _several(names: Sequence[str]) -> str:
    """Name a few and count the rest.

    >>> _several(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown, more = ", ".join(names[:_NAMED]), len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown
