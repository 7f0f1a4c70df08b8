"""Many rows written at once."""

import datetime as dt
from typing import Any

import pytest
from django.db import DataError
from pytest_django import DjangoAssertNumQueries

from discovery.models import Resource
from organizations.models import Organization
from organizations.services import create_organization
from organizations.upsert import BATCH, upsert

pytestmark = pytest.mark.django_db
SEEN = dt.datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)
UNIQUE = ("organization_id", "account_id", "region", "type", "resource_id")
UPDATE = ("name", "tags", "last_seen", "gone_at")


@pytest.fixture
def organization() -> Organization:
    return create_organization(slug="acme", name="Acme")


def row(organization: Organization, resource_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "organization_id": organization.pk,
        "account_id": "111122223333",
        "region": "eu-west-1",
        "type": "ebs_volume",
        "family": "ebs_volumes",
        "resource_id": resource_id,
        "cost_id": resource_id,
        "arn": "",
        "name": "",
        "state": "available",
        "tags": {},
        "attributes": {},
        "fingerprint": "",
        "first_seen": SEEN,
        "last_seen": SEEN,
        "gone_at": None,
        **fields,
    }


def test_rows_are_stored_as_they_are_given(organization: Organization) -> None:
    text = "quote ' \" back \\ tab \t line \n ä 💾 {1,2} %s"
    tags = {"Name": text, "": "empty key"}
    attributes = {"size": 8, "share": 0.1, "on": True, "none": None, "list": [{"a": []}, text]}
    given = row(organization, "vol-1", name=text, tags=tags, attributes=attributes)
    upsert(Resource, [given], unique=UNIQUE, update=UPDATE)
    stored = Resource.objects.of(organization).values(*given).get()
    assert stored == given


def test_a_known_row_keeps_what_is_not_to_be_changed(organization: Organization) -> None:
    later = SEEN + dt.timedelta(days=1)
    upsert(Resource, [row(organization, "vol-1", gone_at=SEEN)], unique=UNIQUE, update=UPDATE)
    first = Resource.objects.of(organization).get()
    new = {"name": "new", "state": "in-use", "first_seen": later, "last_seen": later}
    rows = [row(organization, "vol-1", **new), row(organization, "vol-2")]
    upsert(Resource, rows, unique=UNIQUE, update=UPDATE)
    known, added = Resource.objects.of(organization).order_by("resource_id")
    assert (known.pk, known.first_seen, known.state) == (first.pk, SEEN, "available")
    assert (known.name, known.last_seen, known.gone_at) == ("new", later, None)
    assert added.resource_id == "vol-2"


def test_any_number_of_rows_is_written(
    organization: Organization, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        upsert(Resource, [], unique=UNIQUE, update=UPDATE)
    rows = [row(organization, f"vol-{number}") for number in range(2 * BATCH + 1)]
    upsert(Resource, rows, unique=UNIQUE, update=UPDATE)
    assert Resource.objects.of(organization).count() == len(rows)


def test_one_bad_row_keeps_all_from_being_written(organization: Organization) -> None:
    rows = [row(organization, f"vol-{number}") for number in range(BATCH)]
    with pytest.raises(DataError):
        upsert(
            Resource,
            [*rows, row(organization, "vol-x", state="x" * 51)],
            unique=UNIQUE,
            update=UPDATE,
        )
    assert not Resource.objects.of(organization).exists()
