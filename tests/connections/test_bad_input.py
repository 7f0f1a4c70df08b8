"""Everything that can be wrong when an account is connected, each with a sentence of its own.

A sentence names the account, what was tried, and the way out; nothing is saved.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from connections.models import Connection
from demo.bills.columns import STRING
from organizations.access import Role
from tests.cast import Cast
from tests.connections.pretend import BUCKET, MEMBER, PAYER, READ, PretendAccount, body

URL = "/api/v1/connections/"
pytestmark = pytest.mark.django_db
LATE = "far-bills"


@dataclass(frozen=True)
class Case:
    """What is wrong, the field that gets the sentence, and what the sentence must hold.

    spoil  makes AWS or the account so; auth and export are entered instead of the right ones
    """

    name: str
    path: str
    words: tuple[str, ...]
    spoil: Callable[[PretendAccount], object] = lambda payer: None
    auth: dict[str, str] = field(default_factory=dict)
    export: dict[str, str] = field(default_factory=dict)


def fault(**rule: Any) -> Callable[[PretendAccount], object]:
    return lambda payer: payer.fault(**rule)


def allow(*actions: str) -> Callable[[PretendAccount], object]:
    return lambda payer: payer.allow("portal", *actions)


def _foreign_bucket(_: PretendAccount) -> None:
    PretendAccount(MEMBER).bucket("bolt-bills")


def _far_bucket(payer: PretendAccount) -> None:
    payer.client("s3").create_bucket(
        Bucket=LATE, CreateBucketConfiguration={"LocationConstraint": "me-south-1"}
    )


def _strange_columns(payer: PretendAccount) -> None:
    payer.deliver(columns={"invoice_total": STRING})


def _nonsense(payer: PretendAccount) -> None:
    key = "cur/daily/metadata/BILLING_PERIOD=2026-10/daily-Manifest.json"
    payer.client("s3", "eu-west-1").put_object(Bucket=BUCKET, Key=key, Body=b"{}")


NAMED = f"“Acme” ({PAYER})"
SIGNING_IN = "sts:GetCallerIdentity"
CASES = [
    Case(
        "unknown key",
        "auth.access_key_id",
        ("“Acme”", SIGNING_IN, "does not know the access key", "Check the access key id"),
        auth={"access_key_id": "AKIA0000000000000000"},
    ),
    Case(
        "wrong secret",
        "auth.secret_access_key",
        ("“Acme”", SIGNING_IN, "does not belong", "Enter the secret again"),
        auth={"secret_access_key": "wrong/wrong/wrong"},
    ),
    Case(
        "expired token",
        "auth",
        ("“Acme”", SIGNING_IN, "have expired", "enter the key of an IAM user"),
        fault(service="sts", code="ExpiredToken", status=403),
    ),
    Case(
        "expired while reading",
        "export.bucket",
        (NAMED, "have expired", "enter the key of an IAM user"),
        fault(service="s3", action="ListObjectsV2", code="ExpiredToken", status=400),
    ),
    Case(
        "clock skew, as STS says it",
        "auth.secret_access_key",
        ("“Acme”", SIGNING_IN, "clock is wrong", "NTP"),
        fault(
            service="sts",
            code="SignatureDoesNotMatch",
            status=403,
            message="Signature expired: 20261121T100000Z is now earlier than 20261121T101500Z",
        ),
    ),
    Case(
        "clock skew, as S3 says it",
        "export.bucket",
        (NAMED, "s3:ListBucket", "clock is wrong", "NTP"),
        fault(service="s3", action="ListObjectsV2", code="RequestTimeTooSkewed", status=403),
    ),
    Case(
        "s3:ListBucket is missing",
        "export.bucket",
        (NAMED, "s3:ListBucket", "Allow"),
        allow("s3:GetObject", "ec2:*"),
    ),
    Case(
        "s3:GetObject is missing",
        "export.bucket",
        (NAMED, "s3:GetObject", "Allow"),
        allow("s3:ListBucket", "ec2:*"),
    ),
    Case(
        "no such bucket",
        "export.bucket",
        (NAMED, "s3:ListBucket", "There is no bucket “acme-none”", "Check the name"),
        export={"bucket": "acme-none"},
    ),
    Case(
        "bucket of another owner",
        "export.bucket",
        (NAMED, "s3:ListBucket", "“bolt-bills”", "bucket policy must allow it"),
        _foreign_bucket,
        export={"bucket": "bolt-bills"},
    ),
    Case(
        "wrong region",
        "export.region",
        (NAMED, "s3:ListBucket", "lies in eu-west-1, not in us-west-2", "Leave the region empty"),
        export={"region": "us-west-2"},
    ),
    Case(
        "opt-in region",
        "export.bucket",
        (NAMED, "s3:ListBucket", "me-south-1", "not enabled", "Enable it"),
        _far_bucket,
        export={"bucket": LATE},
    ),
    Case(
        "KMS without decrypt",
        "export.bucket",
        (NAMED, "s3:GetObject", "may not decrypt", "Allow kms:Decrypt"),
        fault(
            service="s3",
            action="GetObject",
            code="AccessDenied",
            status=403,
            message="User is not authorized to perform: kms:Decrypt on the resource associated"
            " with this ciphertext",
        ),
    ),
    Case(
        "export not found",
        "export.name",
        ("“weekly”", f"s3://{BUCKET}", "The bucket holds: “daily”", "connect it after"),
        export={"name": "weekly"},
    ),
    Case(
        "unusable columns",
        "export.name",
        ("“daily”", "holds neither CUR nor FOCUS", "invoice_total"),
        _strange_columns,
    ),
    Case("unusable manifest", "export", ("daily-Manifest.json",), _nonsense),
    Case(
        "throttled signing in",
        "auth",
        ("“Acme”", SIGNING_IN, "slow down", "tries again by itself"),
        fault(service="sts", code="Throttling"),
    ),
    Case(
        "throttled reading",
        "export.bucket",
        (NAMED, "s3:ListBucket", "slow down"),
        fault(service="s3", action="ListObjectsV2", code="SlowDown", status=503),
    ),
    Case(
        "an answer that is cut off",
        "auth",
        ("“Acme”", SIGNING_IN, "cannot be read", "proxy"),
        fault(service="sts", truncate_to=40),
    ),
    Case(
        "AWS has an internal error",
        "export.bucket",
        (NAMED, "internal error"),
        fault(service="s3", action="GetObject", code="InternalError", status=500),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_has_its_own_sentence(cast: Cast, payer: PretendAccount, case: Case) -> None:
    auth = {**payer.user(), **case.auth}
    case.spoil(payer)
    started = time.monotonic()
    response = cast.api(Role.OPERATOR).post(URL, body(auth, export=case.export), format="json")
    assert time.monotonic() - started < 15  # the promise itself, not a measure of speed
    assert response.status_code == 400, response.json()
    errors = response.json()["errors"]
    assert list(errors) == [case.path]
    missing = [words for words in case.words if words not in errors[case.path][0]]
    assert not missing, errors[case.path][0]
    assert auth["secret_access_key"] not in response.content.decode()
    assert not Connection.objects.exists()


def test_an_account_connected_already_is_named_with_its_connection(
    cast: Cast, payer: PretendAccount
) -> None:
    auth = payer.user()
    client = cast.api(Role.OPERATOR)
    assert client.post(URL, body(auth), format="json").status_code == 201
    again = client.post(URL, body(auth, name="Again"), format="json")
    assert again.status_code == 409
    detail = again.json()["detail"]
    assert PAYER in detail
    assert "“Acme”" in detail
    assert "update that connection" in detail


def test_an_aws_that_cannot_be_reached_is_said_in_time(
    cast: Cast, payer: PretendAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = payer.user()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    response = cast.api(Role.OPERATOR).post(URL, body(auth), format="json")
    sentence = response.json()["errors"]["auth"][0]
    for words in ("could not be reached", "“Acme”", SIGNING_IN, "Check that the portal's machine"):
        assert words in sentence


def test_what_discovery_lacks_is_named_for_each_permission(
    cast: Cast, payer: PretendAccount
) -> None:
    auth = payer.user("s3:ListBucket", "s3:GetObject")
    response = cast.api(Role.OPERATOR).post(URL, body(auth), format="json")
    assert response.status_code == 201, response.json()
    rows = {row["permission"]: row for row in response.json()["checks"]}
    tried = [row for row in rows.values() if row["state"] == "fail"]
    assert {"ec2:DescribeRegions", "elasticloadbalancing:DescribeLoadBalancers"} <= {
        row["permission"] for row in tried
    }
    for row in tried:
        assert row["permission"] in row["message"]
        assert PAYER in row["message"]
        assert "Allow" in row["hint"]


def test_reading_everything_leaves_no_permission_missing(cast: Cast, payer: PretendAccount) -> None:
    response = cast.api(Role.OPERATOR).post(URL, body(payer.user(*READ)), format="json")
    assert not [row for row in response.json()["checks"] if row["state"] == "fail"]


@pytest.mark.parametrize(
    "prefix",
    [
        f"https://s3.console.aws.amazon.com/s3/buckets/{BUCKET}?prefix=cur%00/",
        f"https://s3.console.aws.amazon.com/s3/buckets/{BUCKET}?prefix=cur%0A/",
        "cur\nother",
        "c" * 1025,
    ],
)
def test_a_prefix_that_cannot_be_one_is_refused(
    cast: Cast, payer: PretendAccount, prefix: str
) -> None:
    given = body(payer.user(), export={"prefix": prefix})
    response = cast.api(Role.OPERATOR).post(URL, given, format="json")
    assert response.status_code == 400
    assert "no line breaks" in response.json()["errors"]["export.prefix"][0]
    assert not Connection.objects.exists()


def test_what_only_looks_like_an_address_is_taken_as_it_is(
    cast: Cast, payer: PretendAccount
) -> None:
    given = body(payer.user(), export={"prefix": "https://[x/s3/buckets/a", "name": "weekly"})
    response = cast.api(Role.OPERATOR).post(URL, given, format="json")
    assert response.status_code == 400
    assert "There is no export “weekly”" in response.json()["errors"]["export.name"][0]
