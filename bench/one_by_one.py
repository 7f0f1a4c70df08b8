"""The plain loop: every region after the other, every call after the other, nothing stored.

python -m bench.one_by_one ACCOUNT        prints how many were found, and the seconds
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402

from connections.aws.credentials import AccessKey  # noqa: E402 - after setup
from connections.aws.session import AwsSession  # noqa: E402
from demo.aws.credentials import root_credentials  # noqa: E402
from discovery.collectors import COLLECTORS  # noqa: E402
from discovery.collectors.base import Collector, Found  # noqa: E402
from discovery.metrics.collector import collector_of  # noqa: E402
from discovery.metrics.wanted import Wanted, wanted_of  # noqa: E402
from discovery.regions import enabled_regions  # noqa: E402
from discovery.survey import Place, ScopeAnswer, Survey, scopes_of  # noqa: E402
from organizations.crypto import Secret  # noqa: E402


class OneByOne(Survey):
    """A survey without threads."""

    def each(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return ((item, function(item)) for item in items)


def main(account_id: str) -> None:
    keys = root_credentials(account_id)
    key = AccessKey(keys["aws_access_key_id"], Secret(keys["aws_secret_access_key"]))
    session = AwsSession(key, account="bench")
    started = time.monotonic()
    survey = OneByOne(session, account_id=account_id)
    found = 0
    wanted: defaultdict[str, list[Wanted]] = defaultdict(list)
    for collector, region in scopes_of(COLLECTORS, enabled_regions(session, "aws")):
        for one in _collected(survey, collector, region):
            found += 1
            told = (one.type, one.resource_id, one.state, one.attributes)
            wanted[one.region] += wanted_of(found, *told)
    for region in wanted:
        list(_collected(survey, collector_of(wanted, {}), region))
    print(found, time.monotonic() - started)


def _collected(survey: Survey, collector: Collector, region: str) -> Iterator[Found]:
    place = Place(survey, ScopeAnswer(collector.family, region, at=timezone.now()))
    return collector.collect(place)


if __name__ == "__main__":
    main(sys.argv[1])
