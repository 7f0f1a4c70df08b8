"""The pretend AWS admits like AWS: keys, signatures, policies and roles."""

import json

import pytest

from demo.aws.credentials import root_credentials
from tests.demo.calling import (
    ACCOUNT,
    CALLS,
    NEVER_ISSUED,
    OTHER,
    allow,
    assume,
    client,
    code,
    control,
    new_bucket,
    new_role,
    new_user,
)

UNKNOWN_KEY = {
    **dict.fromkeys(("sts", "iam", "elbv2", "elb", "cloudwatch"), "InvalidClientTokenId"),
    **dict.fromkeys(("organizations", "cur", "bcm-data-exports"), "UnrecognizedClientException"),
    "ec2": "AuthFailure",
    "s3": "InvalidAccessKeyId",
}
WRONG_SECRET = {
    **dict.fromkeys(("sts", "iam", "elbv2", "elb", "cloudwatch", "s3"), "SignatureDoesNotMatch"),
    **dict.fromkeys(("organizations", "cur", "bcm-data-exports"), "InvalidSignatureException"),
    "ec2": "AuthFailure",
}
NO_PERMISSION = {
    **dict.fromkeys(("iam", "elbv2", "elb", "cloudwatch", "s3"), "AccessDenied"),
    **dict.fromkeys(("organizations", "cur", "bcm-data-exports"), "AccessDeniedException"),
    "ec2": "UnauthorizedOperation",
}


def test_an_unknown_access_key_is_refused_in_each_services_own_words(aws: str) -> None:
    codes = {name: code(lambda n=name: CALLS[n](client(n, NEVER_ISSUED))) for name in UNKNOWN_KEY}
    assert codes == UNKNOWN_KEY


def test_a_wrong_secret_is_refused_in_each_services_own_words(aws: str) -> None:
    keys = new_user(allow("*")) | {"aws_secret_access_key": "not the secret"}
    codes = {name: code(lambda n=name: CALLS[n](client(n, keys))) for name in WRONG_SECRET}
    assert codes == WRONG_SECRET


def test_a_missing_permission_is_refused_in_each_services_own_words(aws: str) -> None:
    keys = new_user()
    codes = {name: code(lambda n=name: CALLS[n](client(n, keys))) for name in NO_PERMISSION}
    assert codes == NO_PERMISSION


def test_who_i_am_needs_no_permission(aws: str) -> None:
    identity = client("sts", new_user()).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (
        ACCOUNT,
        f"arn:aws:iam::{ACCOUNT}:user/reader",
    )


def test_a_root_user_of_any_account_may_do_anything_in_it(aws: str) -> None:
    sts = client("sts", root_credentials(OTHER))
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{OTHER}:root"
    new_bucket("theirs-alone", OTHER)
    assert client("s3").list_buckets()["Buckets"] == []


def test_a_deleted_access_key_stops_working(aws: str) -> None:
    keys = new_user(allow("s3:*"))
    CALLS["s3"](client("s3", keys))
    client("iam").delete_access_key(UserName="reader", AccessKeyId=keys["aws_access_key_id"])
    assert code(lambda: CALLS["s3"](client("s3", keys))) == "InvalidAccessKeyId"


def test_a_policy_opens_only_the_keys_below_its_prefix(aws: str) -> None:
    bucket = new_bucket()
    for key in ("cur/a b=1/ü+.csv", "private/a.csv"):
        client("s3").put_object(Bucket=bucket, Key=key, Body=b"rows")
    s3 = client("s3", new_user(allow("s3:GetObject", resource=f"arn:aws:s3:::{bucket}/cur/*")))
    assert s3.get_object(Bucket=bucket, Key="cur/a b=1/ü+.csv")["Body"].read() == b"rows"
    assert code(lambda: s3.get_object(Bucket=bucket, Key="private/a.csv")) == "AccessDenied"


def test_a_missing_key_is_told_only_to_those_who_may_list(aws: str) -> None:
    bucket = new_bucket()
    objects = f"arn:aws:s3:::{bucket}*"
    reader = client("s3", new_user(allow("s3:GetObject", resource=objects)))
    assert code(lambda: reader.get_object(Bucket=bucket, Key="none")) == "AccessDenied"
    assert code(lambda: client("s3").get_object(Bucket=bucket, Key="none")) == "NoSuchKey"


def test_another_accounts_bucket_opens_only_by_its_own_policy(aws: str) -> None:
    bucket = new_bucket()
    stranger = client("s3", new_user(allow("s3:*"), OTHER))
    assert code(lambda: stranger.list_objects_v2(Bucket=bucket)) == "AccessDenied"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{bucket}",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    assert stranger.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_listing_can_be_allowed_for_one_prefix(aws: str) -> None:
    bucket = new_bucket()
    policy = allow("s3:ListBucket") | {"Condition": {"StringLike": {"s3:prefix": "cur/*"}}}
    s3 = client("s3", new_user(policy))
    assert s3.list_objects_v2(Bucket=bucket, Prefix="cur/x")["KeyCount"] == 0
    assert code(lambda: s3.list_objects_v2(Bucket=bucket)) == "AccessDenied"


def test_an_explicit_deny_wins(aws: str) -> None:
    keys = new_user(allow("*"))
    deny = {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": deny})
    client("iam").put_user_policy(UserName="reader", PolicyName="no", PolicyDocument=document)
    assert code(lambda: CALLS["ec2"](client("ec2", keys))) == "UnauthorizedOperation"
    CALLS["iam"](client("iam", keys))


def test_a_role_that_demands_an_external_id_refuses_none_and_a_wrong_one(aws: str) -> None:
    keys, arn = new_user(allow("sts:AssumeRole")), new_role("right")
    assert code(lambda: assume(keys, arn)) == "AccessDenied"
    assert code(lambda: assume(keys, arn, ExternalId="wrong")) == "AccessDenied"
    session = assume(keys, arn, ExternalId="right")
    identity = client("sts", session).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{OTHER}:assumed-role/read/tests"


def test_a_session_has_the_roles_permissions_and_no_more(aws: str) -> None:
    session = assume(new_user(allow("sts:AssumeRole")), new_role(None))
    new_bucket("theirs-alone", OTHER)
    assert [b["Name"] for b in client("s3", session).list_buckets()["Buckets"]] == ["theirs-alone"]
    assert code(lambda: CALLS["ec2"](client("ec2", session))) == "UnauthorizedOperation"


@pytest.mark.parametrize("role", ["absent", "read"])
def test_a_missing_role_and_one_that_trusts_others_are_refused_alike(aws: str, role: str) -> None:
    new_role(None)
    stranger = new_user(allow("sts:AssumeRole"), "999988887777")
    arn = f"arn:aws:iam::{OTHER}:role/{role}"
    assert code(lambda: assume(stranger, arn)) == "AccessDenied"


def test_an_expired_session_is_refused_in_each_services_own_words(aws: str) -> None:
    session = assume(new_user(allow("sts:AssumeRole")), new_role(None))
    assert control(aws, "POST", "expire-sessions") == {"expired": 1}
    codes = {name: code(lambda n=name: CALLS[n](client(n, session))) for name in ("sts", "s3")}
    assert codes == {"sts": "ExpiredToken", "s3": "ExpiredToken"}
    assert code(lambda: CALLS["cur"](client("cur", session))) == "ExpiredTokenException"


def test_a_token_that_is_not_the_sessions_is_refused(aws: str) -> None:
    session = assume(new_user(allow("sts:AssumeRole")), new_role(None))
    assert code(lambda: CALLS["sts"](client("sts", session | {"aws_session_token": "x"}))) == (
        "InvalidClientTokenId"
    )
