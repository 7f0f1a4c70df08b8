"""How the tests call the pretend AWS: boto3 over HTTP, nothing patched."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from demo.aws.credentials import root_credentials

ACCOUNT, OTHER = "111122223333", "222233334444"
NEVER_ISSUED = {"aws_access_key_id": "AKIANEVERISSUED00000", "aws_secret_access_key": "x" * 40}
# Shared, because it keeps the services' models, which take longer to read than any call takes.
SESSION = boto3.Session()
# One cheap call to each kind of service.
CALLS: dict[str, Callable[[Any], Any]] = {
    "sts": lambda c: c.get_caller_identity(),
    "ec2": lambda c: c.describe_instances(),
    "s3": lambda c: c.list_buckets(),
    "iam": lambda c: c.list_users(),
    "elbv2": lambda c: c.describe_load_balancers(),
    "elb": lambda c: c.describe_load_balancers(),
    "cloudwatch": lambda c: c.list_metrics(),
    "organizations": lambda c: c.describe_organization(),
    "cur": lambda c: c.describe_report_definitions(),
    "bcm-data-exports": lambda c: c.list_exports(),
}


def client(service: str, credentials: dict[str, str] | None = None, **given: Any) -> Any:
    given = {"region_name": "us-east-1", **(credentials or root_credentials(ACCOUNT)), **given}
    config = Config(retries={"total_max_attempts": 1})
    return SESSION.client(service, config=config, **given)


def control(aws: str, method: str, what: str, data: Any = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(f"{aws}/pretend/{what}", data=body, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        return json.load(answer)


def new_user(policy: dict[str, Any] | None = None, account: str = ACCOUNT) -> dict[str, str]:
    """The keys of a new IAM user with this policy."""
    iam = client("iam", root_credentials(account))
    iam.create_user(UserName="reader")
    if policy is not None:
        document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
        iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


def new_bucket(name: str = "bills-of-larkspur", account: str = ACCOUNT) -> str:
    client("s3", root_credentials(account)).create_bucket(Bucket=name)
    return name


def new_role(external_id: str | None) -> str:
    trust: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }
    if external_id:
        trust["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    iam = client("iam", root_credentials(OTHER))
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="read", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:ListAllMyBuckets")]})
    iam.put_role_policy(RoleName="read", PolicyName="p", PolicyDocument=policy)
    return str(arn)


def assume(keys: dict[str, str], arn: str, **given: str) -> dict[str, str]:
    made = client("sts", keys).assume_role(RoleArn=arn, RoleSessionName="tests", **given)
    return {
        "aws_access_key_id": made["Credentials"]["AccessKeyId"],
        "aws_secret_access_key": made["Credentials"]["SecretAccessKey"],
        "aws_session_token": made["Credentials"]["SessionToken"],
    }


def grant(bucket: str, service: str = "bcm-data-exports.amazonaws.com", below: str = "*") -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/{below}",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
