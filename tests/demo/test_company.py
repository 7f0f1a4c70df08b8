"""The sample company: its bill is about its resources, and it is always the same."""

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from demo.aws.company import cast
from demo.aws.credentials import (
    PORTAL_ACCESS_KEY_ID,
    PORTAL_EXTERNAL_ID,
    PORTAL_ROLE,
    PORTAL_SECRET_ACCESS_KEY,
)
from tests.demo.calling import assume, client, code, control

PORTAL = {
    "aws_access_key_id": PORTAL_ACCESS_KEY_ID,
    "aws_secret_access_key": PORTAL_SECRET_ACCESS_KEY,
}
COST = "line_item_unblended_cost"


@pytest.fixture(scope="module")
def company(aws_endpoint: str) -> Iterator[str]:
    """The pretend AWS with the sample company in it, which only reading tests may use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", aws_endpoint)
        control(aws_endpoint, "POST", "company")
        yield aws_endpoint


def manifests() -> list[dict[str, Any]]:
    """The manifests of all months, oldest first, read with the portal's own key."""
    s3 = client("s3", PORTAL)
    prefix = f"{cast.BILLS_PREFIX}/{cast.EXPORT_NAME}/metadata/"
    listed = s3.list_objects_v2(Bucket=cast.BILLS_BUCKET, Prefix=prefix)["Contents"]
    bodies = (s3.get_object(Bucket=cast.BILLS_BUCKET, Key=entry["Key"])["Body"] for entry in listed)
    return [json.loads(body.read()) for body in bodies]


def month_of(manifest: dict[str, Any]) -> pa.Table:
    s3, parts = client("s3", PORTAL), []
    for uri in manifest["dataFiles"]:
        key = uri.removeprefix(f"s3://{cast.BILLS_BUCKET}/")
        body = s3.get_object(Bucket=cast.BILLS_BUCKET, Key=key)["Body"].read()
        parts.append(pq.read_table(io.BytesIO(body)))
    return pa.concat_tables(parts)


def total(table: pa.Table, **equal: str) -> Decimal:
    for column, value in equal.items():
        table = table.filter(pc.equal(table[column], value))
    return sum((Decimal(repr(cost)) for cost in table[COST].to_pylist()), Decimal(0))


def test_the_bill_names_the_resources_that_the_portal_can_see(company: str) -> None:
    months = manifests()
    assert len(months) == 6
    bill = month_of(months[-2])
    assert 50_000 < total(bill) < 80_000
    billed = set(bill["line_item_resource_id"].to_pylist())
    member = assume(
        PORTAL,
        f"arn:aws:iam::{cast.PRODUCTION}:role/{PORTAL_ROLE}",
        ExternalId=PORTAL_EXTERNAL_ID,
    )
    for keys, region in ((PORTAL, cast.FRANKFURT), (member, cast.DUBLIN)):
        ec2 = client("ec2", keys, region_name=region)
        instances = [
            instance["InstanceId"]
            for reservation in ec2.describe_instances()["Reservations"]
            for instance in reservation["Instances"]
        ]
        volumes = [volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]]
        balancers = client("elbv2", keys, region_name=region).describe_load_balancers()
        arns = [balancer["LoadBalancerArn"] for balancer in balancers["LoadBalancers"]]
        buckets = [bucket["Name"] for bucket in client("s3", keys).list_buckets()["Buckets"]]
        found = {*instances, *volumes, *arns, *buckets} - {cast.BILLS_BUCKET}
        assert len(found) > 8
        assert found <= billed
    sandbox = f"arn:aws:iam::{cast.SANDBOX}:role/{PORTAL_ROLE}"
    refused = code(lambda: assume(PORTAL, sandbox, ExternalId=PORTAL_EXTERNAL_ID))
    assert refused == "AccessDenied"


def test_the_bill_has_every_kind_of_charge_and_balances_its_savings_plan(company: str) -> None:
    bill = month_of(manifests()[-2])
    kinds = set(bill["line_item_line_item_type"].to_pylist())
    assert kinds == {
        *("Usage", "DiscountedUsage", "RIFee", "Fee", "Tax", "Credit", "Refund"),
        *("SavingsPlanCoveredUsage", "SavingsPlanNegation", "SavingsPlanRecurringFee"),
    }
    covered = total(bill, line_item_line_item_type="SavingsPlanCoveredUsage")
    negated = total(bill, line_item_line_item_type="SavingsPlanNegation")
    assert covered == -negated > 0
    assert total(bill, bill_billing_entity="AWS Marketplace") > 0
    assert total(bill, line_item_usage_account_id=cast.SANDBOX) > 0


def delivered() -> dict[str, str]:
    listed = client("s3", PORTAL).list_objects_v2(Bucket=cast.BILLS_BUCKET)["Contents"]
    return {entry["Key"]: entry["ETag"] for entry in listed}


def test_a_company_built_again_on_the_same_day_is_the_same_to_the_byte(company: str) -> None:
    before = delivered()
    control(company, "POST", "company")
    assert delivered() == before
    accounts = client("organizations", PORTAL).list_accounts()["Accounts"]
    assert {account["Id"] for account in accounts} == set(cast.ACCOUNT_NAMES)
