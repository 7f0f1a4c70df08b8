"""What costs money and was not found: why, by service, on the page and in the API."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connections.models import AuthMethod, Connection, ConnectionKind
from discovery.models import DiscoveryRun, DiscoveryScope, NotFoundCost, Resource
from organizations.access import Role
from organizations.runs import RunState, Trigger
from tests.cast import Cast
from tests.discovery.bill import ACCOUNT, WrittenBill, last_month, refresh, this_month, written_bill

pytestmark = pytest.mark.django_db

URL = "/api/v1/resources/not-found/"
PAGE = "/o/acme/resources/not-found/"
MEMBER = "222233334444"


@pytest.fixture
def bill(monkeypatch: pytest.MonkeyPatch) -> WrittenBill:
    return written_bill(monkeypatch)


@pytest.fixture
def account(cast: Cast) -> Connection:
    """Acme's account: volumes answered in eu-west-1, buckets of everywhere; nothing else."""
    made = connect(cast, ACCOUNT)
    run = DiscoveryRun.objects.create(
        connection=made, trigger=Trigger.MANUAL, state=RunState.SUCCEEDED
    )
    now = timezone.now()
    for family, region, complete in (
        ("ebs_volumes", "eu-west-1", now),
        ("ebs_volumes", "us-east-1", None),
        ("s3_buckets", "global", now),
    ):
        DiscoveryScope.objects.create(
            connection=made,
            region=region,
            family=family,
            run=run,
            is_complete=complete is not None,
            last_complete_at=complete,
        )
    return made


def connect(cast: Cast, account_id: str) -> Connection:
    made: Connection = Connection.objects.create(
        organization=cast.acme,
        name=f"Account {account_id}",
        kind=ConnectionKind.ROOT,
        account_id=account_id,
        auth_method=AuthMethod.AMBIENT,
    )
    return made


def told(cast: Cast, **query: Any) -> dict[str, Any]:
    response = cast.api(Role.VIEWER).get(URL, query)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def reasons(cast: Cast, **query: Any) -> dict[str, str]:
    return {one["service"]: one["reason"] for one in told(cast, **query)["services"]}


def test_each_reason_is_told_from_what_was_seen(
    cast: Cast, account: Connection, bill: WrittenBill
) -> None:
    connect(cast, MEMBER)
    bill.write("", "1", service="Tax", region="")
    bill.write("arn:aws:rds:eu-west-1:1:db:x", "1", service="RDS")
    bill.write("vpn-1", "1", service="VPN")
    bill.write("vol-1", "1", service="InMember", account=MEMBER)
    bill.write("vol-2", "1", service="Denied", region="us-east-1")
    bill.write("vol-3", "1", service="Deleted")
    bill.write("vol-4", "1", service="NoRegion", region="")
    bill.write("i-1", "1", service="OtherFamily")
    bill.write("some-bucket", "1", service="AmazonS3", region="ap-south-1")
    bill.write("arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/web", "1", service="Classic")
    refresh(cast.acme)
    assert reasons(cast) == {
        "Tax": "no_id",
        "RDS": "not_collected",
        "VPN": "not_collected",
        "InMember": "account",
        "Denied": "region",
        "Deleted": "not_there",
        "NoRegion": "not_there",
        "OtherFamily": "region",
        "AmazonS3": "not_there",
        "Classic": "region",
    }


def test_sums_are_exact_and_what_is_known_is_told_beside_them(
    cast: Cast, account: Connection, bill: WrittenBill
) -> None:
    now = timezone.now()
    Resource.objects.create(
        organization=cast.acme,
        account_id=ACCOUNT,
        region="eu-west-1",
        type="ebs_volume",
        family="ebs_volumes",
        resource_id="vol-known",
        cost_id="vol-known",
        fingerprint="1",
        first_seen=now,
        last_seen=now,
        gone_at=now,
    )
    bill.write("vol-known", "10")
    for number in range(15):
        bill.write(f"vol-{number}", f"{number}.0000000000000000000000000001")
    bill.write("vol-far", "0.5", region="eu-west-1", service="AmazonEC2")
    bill.write("vol-x", "3", currency="EUR")
    refresh(cast.acme)
    answer = told(cast)
    assert answer["month"] == f"{this_month():%Y-%m}"
    assert answer["not_found"] == {"EUR": "3", "USD": "105.5000000000000000000000000015"}
    assert answer["found"] == {"USD": "10"}
    volumes = next(one for one in answer["services"] if one["currency"] == "USD")
    assert (volumes["ids"], volumes["service_name"]) == (16, "AmazonEC2 by name")
    assert [one["id"] for one in volumes["examples"]] == [f"vol-{n}" for n in range(14, 4, -1)]
    assert volumes["examples"][0]["amount"] == "14.0000000000000000000000000001"


def test_months_accounts_and_reasons_narrow_it(
    cast: Cast, account: Connection, bill: WrittenBill
) -> None:
    connect(cast, MEMBER)
    bill.write("vol-1", "1", service="Now")
    bill.write("vol-1", "1", service="Member", account=MEMBER)
    bill.write("vol-1", "1", service="Before", month=last_month())
    refresh(cast.acme)
    assert set(reasons(cast)) == {"Now", "Member"}
    assert set(reasons(cast, month="last")) == {"Before"}
    assert set(reasons(cast, account=MEMBER)) == {"Member"}
    assert set(reasons(cast, reason="not_there")) == {"Now"}
    Connection.objects.filter(account_id=MEMBER).update(disconnected_at=timezone.now())
    assert set(reasons(cast)) == {"Now"}
    assert cast.api(Role.OWNER, cast.bolt).get(URL).json()["services"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [({"month": "2026-01"}, "month"), ({"reason": "why"}, "reason"), ({"account": "1"}, "account")],
)
def test_bad_values_are_refused_in_a_sentence(
    cast: Cast, account: Connection, query: dict[str, str], field: str
) -> None:
    response = cast.api(Role.VIEWER).get(URL, query)
    assert response.status_code == 400 and response.json()["errors"][field]
    page = cast.browser("victor").get(PAGE, query)
    assert page.status_code == 400 and query[field] in page.content.decode()


def test_the_page_explains_and_downloads_and_markup_stays_text(
    cast: Cast, account: Connection, bill: WrittenBill
) -> None:
    browser = cast.browser("victor")
    assert "Nothing is missing" in browser.get(PAGE).content.decode()
    bill.write("<script>alert(1)</script>", "12.34", service="AmazonRDS")
    refresh(cast.acme)
    text = browser.get(PAGE).content.decode()
    assert "The portal looks for EC2, S3" in text and "$12.34" in text
    assert "<script>alert(1)" not in text and "&lt;script&gt;alert(1)" in text
    assert browser.get(PAGE, {"month": "last"}).status_code == 200
    file = browser.get(PAGE, {"format": "csv"})
    lines = b"".join(file.streaming_content).decode().splitlines()
    assert lines[1].startswith("AmazonRDS,AmazonRDS by name,Not collected,1,111122223333,eu-west-1")
    assert lines[1].endswith(",12.34,USD")
    assert browser.get(PAGE, {"format": "xlsx"}).status_code == 200
    assert browser.get(PAGE, {"format": "pdf"}).status_code == 400


def test_the_number_of_queries_does_not_grow(
    cast: Cast, account: Connection, bill: WrittenBill
) -> None:
    browser = cast.browser("victor")

    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            assert browser.get(PAGE).status_code == 200
        return len(captured)

    bill.write("vol-1", "1")
    refresh(cast.acme)
    few = queries()
    for number in range(40):
        bill.write(f"x-{number}", "1", service=f"Service{number}")
    refresh(cast.acme)
    assert queries() == few
    assert NotFoundCost.objects.count() == 41
    assert NotFoundCost.objects.get(service="Service1").amount == Decimal(1)
