"""An account of the pretend AWS: users with policies, a bucket, deliveries."""

import datetime as dt
import json
import urllib.request
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import boto3
import pytest

from demo.aws.credentials import root_credentials
from demo.bills.delivery import DataExport, deliver, put
from demo.bills.line_items import Bill, LineItem

PAYER = "111122223333"
MEMBER = "222233334444"
BUCKET = "acme-bills"
REGION = "eu-west-1"
READ = ("s3:*", "ec2:*", "elasticloadbalancing:*", "iam:*", "cloudwatch:*")


@dataclass
class PretendAccount:
    """One account, built with its root user's key."""

    account_id: str = PAYER
    endpoint: str = ""
    keys: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """Return a boto3 client of the root user."""
        return boto3.client(service, region_name=region, **root_credentials(self.account_id))

    def user(self, *actions: str, name: str = "portal") -> dict[str, str]:
        """Return the `auth` of a new IAM user who may do these actions (none: all of READ)."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        self.allow(name, *(actions or READ))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {
            "method": "access_key",
            "access_key_id": key["AccessKeyId"],
            "secret_access_key": key["SecretAccessKey"],
        }

    def allow(self, user: str, *actions: str) -> None:
        """Let the user do exactly these actions."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": ["*"]}
        self.client("iam").put_user_policy(
            UserName=user, PolicyName="portal", PolicyDocument=_policy(statement)
        )

    def role(self, name: str, *, external_id: str | None, trusting: str) -> str:
        """Return the ARN of a role that trusts another account, maybe with an external id."""
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{trusting}:root"},
            "Action": "sts:AssumeRole",
        }
        if external_id is not None:
            statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
        iam = self.client("iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(statement))[
            "Role"
        ]["Arn"]
        read = {"Effect": "Allow", "Action": list(READ), "Resource": ["*"]}
        iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=_policy(read))
        return arn

    def bucket(self, name: str = BUCKET, region: str = REGION) -> str:
        """Create a bucket and return its name."""
        place = {} if region == "us-east-1" else {"LocationConstraint": region}
        self.client("s3", region).create_bucket(
            Bucket=name, **({"CreateBucketConfiguration": place} if place else {})
        )
        return name

    def deliver(self, name: str = "daily", month: dt.date | None = None, **export: Any) -> None:
        """Deliver a month's bill of one line item to the bucket."""
        month = month or dt.date(2026, 10, 1)
        start = dt.datetime(month.year, month.month, 3, tzinfo=dt.UTC)
        items = [LineItem(self.account_id, start, Decimal("12.5"))]
        made = DataExport(BUCKET, name, self.account_id, **{"prefix": "cur", **export})
        put(deliver(made, Bill(month, items, self.account_id)), self.client("s3", REGION))

    # --- faults and the journal -----------------------------------------------------------
    def fault(self, **rule: Any) -> None:
        """Make the pretend AWS fail as `demo.aws.faults` says."""
        _call(f"{self.endpoint}/pretend/faults", "POST", json.dumps(rule).encode())

    def no_faults(self) -> None:
        """End all faults."""
        _call(f"{self.endpoint}/pretend/faults", "DELETE")

    def requests(self) -> dict[str, int]:
        """Return how often each action was asked for since the last call of this method."""
        counts: dict[str, int] = _call(f"{self.endpoint}/pretend/requests", "GET")["by_action"]
        _call(f"{self.endpoint}/pretend/requests", "DELETE")
        return counts


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _call(url: str, method: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        return json.loads(answer.read() or b"null")


@pytest.fixture
def payer(aws: str) -> PretendAccount:
    """The payer account, with a bucket and one delivered month of the export cur/daily."""
    account = PretendAccount(endpoint=aws)
    account.bucket()
    account.deliver()
    return account


def body(auth: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Return a request to connect the payer account."""
    export = {
        "mode": "bucket_only",
        "schema": "cur2",
        "name": "daily",
        "bucket": BUCKET,
        "prefix": "cur",
        **changes.pop("export", {}),
    }
    return {"name": "Acme", "kind": "root", "auth": auth, "export": export, **changes}
