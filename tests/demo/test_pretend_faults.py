"""The pretend AWS fails as it is told, and counts what it is asked."""

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ResponseStreamingError

from tests.demo.calling import (
    ACCOUNT,
    CALLS,
    NEVER_ISSUED,
    client,
    code,
    control,
    new_bucket,
)


def test_a_throttle_strikes_as_often_as_told(aws: str) -> None:
    rule = {"service": "ec2", "action": "Describe*", "region": "eu-west-1", "times": 2}
    control(aws, "POST", "faults", rule | {"code": "RequestLimitExceeded", "status": 503})
    ec2 = client("ec2", region_name="eu-west-1")
    CALLS["ec2"](client("ec2", region_name="eu-west-2"))
    assert [code(ec2.describe_instances) for _ in range(2)] == ["RequestLimitExceeded"] * 2
    ec2.describe_instances()
    assert control(aws, "GET", "faults")[0]["struck"] == 2


def test_a_fault_can_let_the_first_calls_pass(aws: str) -> None:
    rule = {"service": "s3", "code": "SlowDown", "status": 503, "skip": 1, "times": 1}
    control(aws, "POST", "faults", rule)
    s3 = client("s3")
    s3.list_buckets()
    assert code(s3.list_buckets) == "SlowDown"
    s3.list_buckets()


def test_a_cut_connection_breaks_the_read_of_one_key(aws: str) -> None:
    bucket = new_bucket()
    for key in ("broken", "whole"):
        client("s3").put_object(Bucket=bucket, Key=key, Body=b"x" * 100_000)
    rule = {"service": "s3", "action": "GetObject", "path": f"{bucket}/broken", "cut_after": 500}
    control(aws, "POST", "faults", rule)
    body = client("s3").get_object(Bucket=bucket, Key="broken")["Body"]
    with pytest.raises(ResponseStreamingError):
        body.read()
    assert len(client("s3").get_object(Bucket=bucket, Key="whole")["Body"].read()) == 100_000


def test_a_short_answer_can_claim_to_be_whole(aws: str) -> None:
    bucket = new_bucket()
    client("s3").put_object(Bucket=bucket, Key="short", Body=b"x" * 1000)
    control(aws, "POST", "faults", {"action": "GetObject", "truncate_to": 10})
    answer = client("s3").get_object(Bucket=bucket, Key="short")
    assert (answer["ContentLength"], answer["Body"].read()) == (10, b"x" * 10)


def test_a_rule_that_is_none_is_refused(aws: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        control(aws, "POST", "faults", {"colour": "red"})


def test_every_call_is_counted_with_its_path_until_the_next_reset(aws: str) -> None:
    bucket = new_bucket()
    control(aws, "DELETE", "requests")
    client("s3").put_object(Bucket=bucket, Key="a/b", Body=b"")
    for _ in range(2):
        client("s3").head_object(Bucket=bucket, Key="a/b")
    code(lambda: CALLS["sts"](client("sts", NEVER_ISSUED)))
    seen = control(aws, "GET", "requests")
    assert seen["by_action"] == {
        "s3:HeadObject": 2,
        "s3:PutObject": 1,
        "sts:GetCallerIdentity": 1,
    }
    head = next(entry for entry in seen["requests"] if entry["action"] == "HeadObject")
    assert (head["path"], head["count"], head["account"]) == (f"{bucket}/a/b", 2, ACCOUNT)
    refused = next(entry for entry in seen["requests"] if entry["service"] == "sts")
    assert refused["status"] == 403
