"""The resources API: its shape, its filters, its costs, and who sees what."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connections.models import AuthMethod, Connection, ConnectionKind
from discovery.models import DiscoveryRun, DiscoveryScope, Resource, ResourceCost
from organizations.access import Role
from organizations.models import Organization
from organizations.runs import RunState, Trigger
from tests.cast import Cast

pytestmark = pytest.mark.django_db

ACCOUNT = "111122223333"
URL = "/api/v1/resources/"
FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def connect(organization: Organization, account_id: str = ACCOUNT) -> Connection:
    return Connection.objects.create(
        organization=organization,
        name=f"Account {account_id}",
        kind=ConnectionKind.ROOT,
        account_id=account_id,
        auth_method=AuthMethod.AMBIENT,
    )


Make = Callable[..., Resource]


@pytest.fixture
def make(cast: Cast) -> Make:
    """Return a function that makes a resource of Acme; its account is connected."""
    connect(cast.acme)

    def resource(resource_id: str, **values: Any) -> Resource:
        defaults: dict[str, Any] = {
            "organization": cast.acme,
            "account_id": ACCOUNT,
            "region": "eu-west-1",
            "type": "ec2_instance",
            "family": "ec2_instances",
            "cost_id": resource_id,
            "fingerprint": "1",
            "first_seen": FIRST,
            "last_seen": FIRST,
        }
        return Resource.objects.create(resource_id=resource_id, **{**defaults, **values})

    return resource


def listed(cast: Cast, role: Role = Role.VIEWER, **query: Any) -> list[str]:
    """Return the resource ids that a query answers."""
    response = cast.api(role).get(URL, query)
    assert response.status_code == 200, response.content
    return [one["resource_id"] for one in response.json()["results"]]


def test_a_resource_has_the_shape_of_the_contract(cast: Cast, make: Make) -> None:
    made = make(
        "i-1",
        name="web",
        arn=f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-1",
        state="running",
        tags={"Owner": "ann"},
        attributes={"instance_type": "t3.micro", "volumes": ["vol-1"]},
    )
    month = timezone.now().date().replace(day=1)
    ResourceCost.objects.create(
        resource=made, month=month, amount=Decimal("0.0000000123"), currency="USD"
    )
    answer = cast.api(Role.VIEWER).get(URL).json()
    assert (answer["count"], answer["next"], answer["previous"]) == (1, None, None)
    assert answer["results"] == [
        {
            "id": made.pk,
            "type": "ec2_instance",
            "resource_id": "i-1",
            "arn": f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-1",
            "name": "web",
            "account_id": ACCOUNT,
            "region": "eu-west-1",
            "state": "running",
            "tags": {"Owner": "ann"},
            "attributes": {"instance_type": "t3.micro", "volumes": ["vol-1"]},
            "first_seen": "2026-03-01T00:00:00Z",
            "last_seen": "2026-03-01T00:00:00Z",
            "gone_at": None,
            "month_to_date_cost": "0.0000000123",
            "last_month_cost": None,
            "currency": "USD",
        }
    ]


def test_last_seen_is_when_the_scope_answered_completely_last(cast: Cast, make: Make) -> None:
    make("i-1")
    make("gone", gone_at=FIRST + timedelta(days=3), last_seen=FIRST + timedelta(days=2))
    make("bucket", type="s3_bucket", family="s3_buckets")
    connection = Connection.objects.get()
    run = DiscoveryRun.objects.create(
        connection=connection, trigger=Trigger.MANUAL, state=RunState.SUCCEEDED
    )
    for family, region, days in (("ec2_instances", "eu-west-1", 5), ("s3_buckets", "global", 6)):
        DiscoveryScope.objects.create(
            connection=connection,
            family=family,
            region=region,
            run=run,
            is_complete=False,
            last_complete_at=FIRST + timedelta(days=days),
        )
    answer = cast.api(Role.VIEWER).get(URL, {"state": "all"}).json()["results"]
    seen = {one["resource_id"]: one["last_seen"] for one in answer}
    assert seen == {
        "i-1": "2026-03-06T00:00:00Z",
        "gone": "2026-03-03T00:00:00Z",
        "bucket": "2026-03-07T00:00:00Z",
    }


def test_what_exists_is_listed_unless_asked_otherwise(cast: Cast, make: Make) -> None:
    make("here")
    make("gone", gone_at=FIRST)
    assert listed(cast) == listed(cast, state="exists") == listed(cast, state="") == ["here"]
    assert listed(cast, state="gone") == ["gone"]
    assert listed(cast, state="all") == ["gone", "here"]


def test_filters_narrow_and_values_of_one_filter_widen(cast: Cast, make: Make) -> None:
    make("i-1", tags={"Owner": "ann", "Team": "x"}, name="Web Server", state="running")
    make("i-2", tags={"Owner": "bob"}, region="us-east-1", state="stopped")
    make("vol-1", type="ebs_volume", tags={"owner": "ann"}, state="available")
    assert listed(cast, type="ebs_volume") == ["vol-1"]
    assert listed(cast, type=["ebs_volume", "ec2_instance"]) == ["vol-1", "i-2", "i-1"]
    assert listed(cast, region="us-east-1") == ["i-2"]
    assert listed(cast, region="us-east-1", type="ebs_volume") == []
    assert listed(cast, account=ACCOUNT, region="us-east-1") == ["i-2"]
    assert listed(cast, account="999999999999") == []
    assert listed(cast, **{"tag:Owner": "ann"}) == ["i-1"]
    assert listed(cast, **{"tag:Owner": ["ann", "bob"]}) == ["i-2", "i-1"]
    assert listed(cast, **{"tag:Owner": "ann", "tag:Team": "y"}) == []
    assert listed(cast, **{"tag:Owner": ""}) == ["vol-1"]
    assert listed(cast, resource_state="available") == ["vol-1"]
    assert listed(cast, resource_state=["stopped", "running"]) == ["i-2", "i-1"]
    assert listed(cast, resource_state="running", type="ebs_volume") == []
    assert listed(cast, q="web s") == ["i-1"]
    assert listed(cast, q="VOL") == ["vol-1"]


def test_a_percent_sign_is_searched_for_as_such(cast: Cast, make: Make) -> None:
    make("i-1", name="100% free")
    make("i-2", name="100 free")
    assert listed(cast, q="0% f") == ["i-1"]


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ({"type": "ec2"}, "type", "ec2_instance, ebs_volume"),
        ({"state": "running"}, "state", "exists, gone, all"),
        ({"account": "12"}, "account", "12 digits"),
        ({"region": "Ireland"}, "region", "eu-west-1"),
        ({"tag:": "x"}, "tag:", "tag:Owner"),
        ({"colour": "red"}, "colour", "not known"),
        ({"q": "a\x00b"}, "q", "NUL"),
        ({"resource_state": "a\x00b"}, "resource_state", "NUL"),
        ({"tag:Owner": "a\x00b"}, "tag:Owner", "NUL"),
        ({"tag:a\x00b": "a"}, "tag:a\x00b", "NUL"),
    ],
)
def test_bad_values_are_refused_with_the_good_ones(
    cast: Cast, make: Make, query: dict[str, str], field: str, said: str
) -> None:
    response = cast.api(Role.VIEWER).get(URL, query)
    assert response.status_code == 400
    assert said in " ".join(response.json()["errors"][field])


def test_a_page_that_is_not_there_is_404(cast: Cast, make: Make) -> None:
    assert cast.api(Role.VIEWER).get(URL, {"page": "7"}).status_code == 404
    assert cast.api(Role.VIEWER).get(URL, {"page": "x"}).status_code == 404


def test_another_organization_sees_nothing(cast: Cast, make: Make) -> None:
    make("i-1")
    connect(cast.bolt)
    assert cast.api(Role.OWNER, cast.bolt).get(URL).json()["results"] == []
    assert cast.api(Role.OWNER, cast.bolt).get(URL, {"organization": "acme"}).status_code == 404


def test_resources_of_a_disconnected_account_are_not_listed(cast: Cast, make: Make) -> None:
    make("i-1")
    Connection.objects.update(disconnected_at=FIRST)
    assert listed(cast, state="all") == []


def test_the_number_of_queries_does_not_grow_with_the_list(cast: Cast, make: Make) -> None:
    client = cast.api(Role.VIEWER)

    def queries() -> int:
        with CaptureQueriesContext(
            database,
        ) as captured:
            assert client.get(URL).status_code == 200
        return len(captured)

    make("i-0")
    queries()  # the token's first use is noted
    few = queries()
    month = timezone.now().date().replace(day=1)
    for number in range(1, 60):
        ResourceCost.objects.create(
            resource=make(f"i-{number}"), month=month, amount=number, currency="USD"
        )
    assert queries() == few
