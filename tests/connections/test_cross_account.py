"""Credentials in one account, the export's bucket in another."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from billing import services as importing
from billing.cost_query import CostQuery
from billing.reports import cost_report
from connections.models import Connection
from demo.bills.delivery import DataExport, deliver, put
from demo.bills.line_items import Bill, LineItem
from organizations.access import Role
from organizations.runs import RunState, Trigger
from tests.cast import Cast
from tests.connections.pretend import MEMBER, PAYER, REGION, PretendAccount, body

pytestmark = pytest.mark.django_db
READER, OWNER, OTHER = PAYER, MEMBER, "333344445555"
BUCKET = "shared-bills"
MONTH = dt.date(2026, 10, 1)
COSTS = {READER: Decimal("12.5"), OWNER: Decimal("100.25"), OTHER: Decimal("7.125")}


def policy(*statements: tuple[str, str]) -> str:
    """Return a bucket policy that lets the reader's account do these things."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{READER}:root"},
                    "Action": action,
                    "Resource": resource,
                }
                for action, resource in statements
            ],
        }
    )


LIST = ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}")
GET = ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*")


@pytest.fixture
def owner(aws: str) -> PretendAccount:
    """The account of the bucket, which holds a bill of three accounts."""
    account = PretendAccount(OWNER, endpoint=aws)
    account.bucket(BUCKET)
    return account


def fill(owner: PretendAccount, *, exporter: str) -> None:
    start = dt.datetime(2026, 10, 3, tzinfo=dt.UTC)
    items = [LineItem(one, start, cost) for one, cost in COSTS.items()]
    export = DataExport(BUCKET, "daily", exporter, prefix="cur")
    put(deliver(export, Bill(MONTH, items, exporter)), owner.client("s3", REGION))


def allow(owner: PretendAccount, *statements: tuple[str, str]) -> None:
    owner.client("s3", REGION).put_bucket_policy(Bucket=BUCKET, Policy=policy(*statements))


def connect(cast: Cast, auth: dict[str, str]) -> Any:
    data = body(auth, export={"bucket": BUCKET})
    return cast.api(Role.OPERATOR).post("/api/v1/connections/", data, format="json")


def total(cast: Cast) -> Decimal:
    report = cost_report(cast.acme, CostQuery(MONTH, dt.date(2026, 11, 1)))
    return report.total


@pytest.mark.parametrize("exporter", [READER, OWNER])
def test_it_works_with_a_bucket_policy_and_counts_what_is_connected(
    cast: Cast, owner: PretendAccount, exporter: str
) -> None:
    fill(owner, exporter=exporter)
    allow(owner, LIST, GET)
    response = connect(cast, PretendAccount(READER).user("s3:ListBucket", "s3:GetObject"))
    assert response.status_code == 201, response.json()
    assert response.json()["account_id"] == READER
    connection = Connection.objects.get()
    connection.imports.all().delete()
    look = importing.request_import(connection, Trigger.COMMAND, sender=None)
    assert importing.run_look(look, sender=None).state == RunState.SUCCEEDED
    assert total(cast) == COSTS[READER]
    left_out = cast.api(Role.VIEWER).get("/api/v1/unconnected-accounts/").json()
    rows = left_out["results"] if isinstance(left_out, dict) else left_out
    assert {row["account_id"] for row in rows} == {OWNER, OTHER}


def test_a_member_of_a_consolidated_export_counts_once_it_is_connected(
    cast: Cast, owner: PretendAccount
) -> None:
    fill(owner, exporter=READER)
    allow(owner, LIST, GET)
    connect(cast, PretendAccount(READER).user("s3:ListBucket", "s3:GetObject"))
    connection = Connection.objects.get()
    connection.imports.all().delete()
    importing.run_look(
        importing.request_import(connection, Trigger.COMMAND, sender=None), sender=None
    )
    pressed = cast.browser("oscar").post("/o/acme/connect-account/", {"account_id": OTHER})
    assert pressed.status_code == 302
    assert total(cast) == COSTS[READER] + COSTS[OTHER]


@pytest.mark.parametrize(
    ("statements", "missing"),
    [((), "s3:ListBucket"), ((GET,), "s3:ListBucket"), ((LIST,), "s3:GetObject")],
)
def test_without_the_bucket_policy_it_is_said_what_is_missing_and_where(
    cast: Cast, owner: PretendAccount, statements: tuple[tuple[str, str], ...], missing: str
) -> None:
    fill(owner, exporter=READER)
    if statements:
        allow(owner, *statements)
    response = connect(cast, PretendAccount(READER).user("s3:*"))
    assert response.status_code == 400
    sentence = response.json()["errors"]["export.bucket"][0]
    assert missing in sentence
    assert READER in sentence
    assert not Connection.objects.exists()


def test_the_bucket_policy_alone_is_not_enough(cast: Cast, owner: PretendAccount) -> None:
    fill(owner, exporter=READER)
    allow(owner, LIST, GET)
    response = connect(cast, PretendAccount(READER).user("s3:ListBucket"))
    assert "s3:GetObject" in response.json()["errors"]["export.bucket"][0]
