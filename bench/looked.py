"""Connections whose months were all imported: python -m bench.looked CONNECTIONS MONTHS"""

import sys

import boto3
import django

django.setup()

from django.core.management import call_command  # noqa: E402 - after setup

from billing.importing.buckets import bucket_of  # noqa: E402
from billing.models import BillingMonth, Delivery, DeliveryState  # noqa: E402
from connections.aws.deliveries import list_manifests  # noqa: E402
from connections.models import AuthMethod, Connection, ConnectionKind, Export  # noqa: E402
from demo.aws.credentials import root_credentials  # noqa: E402
from organizations.services import create_organization  # noqa: E402

ACCOUNT = "111122223333"
BUCKET = "bills"


def main(connections: int, months: int) -> None:
    call_command("migrate", verbosity=0)
    keys = root_credentials(ACCOUNT)
    s3 = boto3.client("s3", region_name="us-east-1", **keys)
    s3.create_bucket(Bucket=BUCKET)
    for number in range(months):
        period = f"{2025 + number // 12}-{number % 12 + 1:02d}"
        key = f"exports/daily/metadata/BILLING_PERIOD={period}/daily-Manifest.json"
        s3.put_object(Bucket=BUCKET, Key=key, Body=f'{{"executionId": "{number}"}}'.encode())
    for number in range(connections):
        _connect(number, keys)


def _connect(number: int, keys: dict[str, str]) -> None:
    connection = Connection.objects.create(
        organization=create_organization(slug=f"bench-{number}", name=f"Bench {number}"),
        name="payer",
        kind=ConnectionKind.ROOT,
        account_id=ACCOUNT,
        auth_method=AuthMethod.ACCESS_KEY,
        access_key_id=keys["aws_access_key_id"],
        secret_access_key=keys["aws_secret_access_key"],
    )
    export = Export.objects.create(
        connection=connection,
        schema="cur2",
        name="daily",
        bucket=BUCKET,
        prefix="exports",
        region="us-east-1",
    )
    for ref in list_manifests(bucket_of(export), export):
        delivery = Delivery.objects.create(
            export=export,
            billing_period=ref.billing_period,
            execution_id=ref.etag,
            manifest_key=ref.key,
            manifest_etag=ref.etag,
            state=DeliveryState.LOADED,
        )
        BillingMonth.objects.create(
            connection=connection, billing_period=ref.billing_period, delivery=delivery
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
