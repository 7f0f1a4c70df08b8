"""Resources and findings from end to end, with a cursor, while others come and go."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from discovery.findings import RULES
from discovery.models import Finding, Resource
from organizations.access import Role
from tests.cast import Cast
from tests.discovery.test_resources_api import FIRST, URL, Make, connect, make

__all__ = ["make"]  # the fixture
pytestmark = pytest.mark.django_db
FINDINGS = "/api/v1/findings/"


def get(cast: Cast, address: str) -> Any:
    return cast.api(Role.VIEWER).get(address)


def next_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    told = answer.json()["next"]
    return f"{urlsplit(told).path}?{urlsplit(told).query}" if told else ""


def ids(answer: Any) -> list[str]:
    return [one.get("resource", one)["resource_id"] for one in answer.json()["results"]]


def find(resource: Resource) -> Finding:
    now = timezone.now()
    return Finding.objects.create(
        organization=resource.organization,
        resource=resource,
        rule=RULES[0].name,
        evidence="Nothing uses it.",
        since=FIRST,
        found_at=now,
    )


@pytest.mark.parametrize("url", [URL, FINDINGS])
def test_what_is_there_all_the_time_comes_exactly_once(cast: Cast, make: Make, url: str) -> None:
    made = [make(f"vol-{n}", name=f"name {9 - n}", type="ebs_volume") for n in range(7)]
    for one in made:
        find(one)
    answer = get(cast, f"{url}?cursor=&page_size=3")
    first = ids(answer)
    assert first == ["vol-0", "vol-1", "vol-2"]
    assert (answer.json()["count"], answer.json()["previous"]) == (7, None)
    # One that sorts before all others by name comes, one that was told goes, so does one to come.
    find(make("vol-new", name="a first one", type="ebs_volume"))
    for gone in (made[1], made[4]):
        Resource.objects.filter(pk=gone.pk).update(gone_at=timezone.now())
        Finding.objects.filter(resource=gone).update(closed_at=timezone.now())
    found = list(first)
    while address := next_of(answer):
        answer = get(cast, address)
        assert answer.json()["count"] == 6
        found += ids(answer)
    assert found == ["vol-0", "vol-1", "vol-2", "vol-3", "vol-5", "vol-6", "vol-new"]


def test_filters_hold_on_every_page_and_the_addresses_carry_them(cast: Cast, make: Make) -> None:
    for n in range(5):
        make(f"i-{n}", region="us-east-1" if n % 2 else "eu-west-1")
    answer = get(cast, f"{URL}?region=eu-west-1&cursor=&page_size=2")
    assert ids(answer) == ["i-0", "i-2"]
    answer = get(cast, next_of(answer))
    assert ids(answer) == ["i-4"]
    assert next_of(answer) == ""


def test_a_cursor_belongs_to_its_question(cast: Cast, make: Make) -> None:
    connect(cast.bolt)
    for n in range(3):
        find(make(f"i-{n}"))
        make(f"b-{n}", organization=cast.bolt)
    address = next_of(get(cast, f"{URL}?cursor=&page_size=1"))
    cursor = address.partition("cursor=")[2].partition("&")[0]
    refused = [
        f"{URL}?cursor={cursor}&region=eu-west-1",
        f"{FINDINGS}?cursor={cursor}",
        f"{URL}?cursor={cursor}x",
        f"{URL}?cursor=7",
        f"{URL}?cursor=%FF",
        f"{URL}?cursor={cursor}&cursor=",
    ]
    for one in refused:
        answer = get(cast, one)
        assert answer.status_code == 400, one
        assert list(answer.json()["errors"]) == ["cursor"]
    for name in ("page=1", "sort=name"):
        answer = get(cast, f"{URL}?cursor=&{name}")
        assert list(answer.json()["errors"]) == [name.partition("=")[0]]
    assert cast.api(Role.VIEWER, cast.bolt).get(address).status_code == 400
    assert ids(get(cast, address.replace("page_size=1", "page_size=9"))) == ["i-1", "i-2"]


def test_far_into_a_list_a_page_takes_as_many_queries(cast: Cast, make: Make) -> None:
    for n in range(12):
        make(f"i-{n}")
    get(cast, URL)  # notes that the token was used
    address, counts = f"{URL}?cursor=&page_size=2", set()
    while address:
        with CaptureQueriesContext(
            database,
        ) as queries:
            answer = get(cast, address)
        counts.add(len(queries))
        address = next_of(answer)
    assert len(counts) == 1
