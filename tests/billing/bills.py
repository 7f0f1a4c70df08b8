"""What the import's tests share: a connected payer, deliveries in the pretend AWS, the facts."""

import datetime as dt
import gzip
import json
import urllib.request
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import boto3
from django.db import connection as database

from billing import services
from billing.models import BillingMonth, ImportRun
from connections.models import AuthMethod, Connection, ConnectionKind, Export, ExportSchema
from demo.aws.credentials import root_credentials
from demo.bills.delivery import DataExport, Delivery, deliver, put
from demo.bills.line_items import Bill, LineItem, utc
from organizations.models import Organization
from organizations.runs import Trigger

PAYER, WEB, DATA = "111122223333", "222233334444", "333344445555"
APRIL = dt.date(2026, 4, 1)
BUCKET = "acme-bills"
REGION = "eu-west-1"
KEYS = root_credentials(PAYER)


def s3() -> Any:
    """The pretend AWS as its administrator sees it."""
    return boto3.client("s3", region_name=REGION, **root_credentials(PAYER))


def make_bucket() -> None:
    s3().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


def connect(
    organization: Organization, *, schema: str = ExportSchema.CUR2, name: str = "daily"
) -> Connection:
    """A payer whose export is known; its keys are those that the pretend AWS lets in."""
    connection: Connection = Connection.objects.create(
        organization=organization,
        name="Acme root",
        kind=ConnectionKind.ROOT,
        account_id=PAYER,
        auth_method=AuthMethod.ACCESS_KEY,
        access_key_id=KEYS["aws_access_key_id"],
        secret_access_key=KEYS["aws_secret_access_key"],
    )
    Export.objects.create(
        connection=connection, schema=schema, name=name, bucket=BUCKET, prefix="cur", region=REGION
    )
    return connection


def export(**given: Any) -> DataExport:
    return DataExport(
        **{"bucket": BUCKET, "prefix": "cur", "name": "daily", "account_id": PAYER, **given}
    )


def bill(items: Iterable[LineItem], month: dt.date = APRIL, **given: Any) -> Bill:
    return Bill(month=month, items=list(items), payer_account_id=PAYER, **given)


def usage(cost: str, *, account: str = WEB, day: int = 1, hour: int = 0, **given: Any) -> LineItem:
    return LineItem(
        account_id=account,
        start=given.pop("start", utc(2026, 4, day, hour)),
        unblended_cost=Decimal(cost),
        **given,
    )


def put_bill(made: Bill, **given: Any) -> Delivery:
    """Deliver a bill to the bucket. What `deliver` does not know goes to the export."""
    for_delivery = {name: given.pop(name) for name in ("chunks", "at") if name in given}
    delivery = deliver(export(**given), made, **for_delivery)
    put(delivery, s3())
    return delivery


def regzip(body: bytes, old: str, new: str) -> bytes:
    """A gzip file with some of its text replaced."""
    text = gzip.decompress(body).decode()
    if old not in text:
        raise ValueError(f"{old} is not in the file")
    return gzip.compress(text.replace(old, new).encode())


def run_import(connection: Connection, **given: Any) -> ImportRun:
    """Import in this process, as the command does."""
    look = services.request_import(connection, Trigger.COMMAND, sender=None, **given)
    return services.run_look(look, sender=None)


def facts(
    connection: Connection, measure: str, *by: str, month: dt.date = APRIL, table: str = "daily"
) -> dict[tuple[str, ...], Decimal]:
    """Sum a measure of the month over dimensions, with SQL of the tests' own."""
    delivery = BillingMonth.objects.get(connection=connection, billing_period=month).delivery_id
    columns = [_column(name) for name in by]
    rows = f"""
        SELECT {", ".join([*columns, f"sum(f.{measure})"])}
        FROM billing_{table}_cost f
        JOIN billing_cost_key k USING (delivery_id, cost_key)
        JOIN billing_tag_set t USING (delivery_id, tag_set)
        {"LEFT JOIN billing_resource r USING (delivery_id, resource)" if table == "daily" else ""}
        WHERE delivery_id = %s
        {f"GROUP BY {', '.join(columns)}" if columns else ""}
    """  # noqa: S608 - our own names
    with database.cursor() as cursor:
        cursor.execute(rows, [delivery])
        return {tuple(map(str, row[:-1])): row[-1] for row in cursor.fetchall()}


def _column(name: str) -> str:
    kind, _, key = name.partition(":")
    known = {
        "tag": f"coalesce(t.tags ->> '{key}', '')",
        "cost_category": f"coalesce(t.cost_categories ->> '{key}', '')",
        "account": "k.account_id",
        "day": "f.day",
        "resource": "coalesce(r.resource_id, '')",
    }
    return known.get(kind, f"k.{kind}")


def break_aws(endpoint: str, **rule: Any) -> None:
    """Make calls of the pretend AWS fail (see `demo.aws.faults`)."""
    _pretend(endpoint, "faults", "POST", rule)


def heal_aws(endpoint: str) -> None:
    """End what `break_aws` did."""
    _pretend(endpoint, "faults", "DELETE")


def asked_of_aws(endpoint: str) -> dict[str, int]:
    """How often each action was called since `forget_requests`."""
    answer: dict[str, Any] = _pretend(endpoint, "requests", "GET")
    return dict(answer["by_action"])


def forget_requests(endpoint: str) -> None:
    _pretend(endpoint, "requests", "DELETE")


def _pretend(endpoint: str, what: str, method: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{endpoint}/pretend/{what}", data=data, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        text = answer.read()
    return json.loads(text) if text else None
