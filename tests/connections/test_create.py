"""Making an export with its bucket, over the API, against the pretend AWS."""

import json
from typing import Any

import pytest

from connections.export_columns import CUR2_SELECTED
from connections.models import Connection
from organizations.access import Role
from tests.cast import Cast
from tests.connections.exports import AUTOMATIC, define_export, define_report, open_bucket
from tests.connections.pretend import BUCKET, MEMBER, PAYER, REGION, PretendAccount

URL = "/api/v1/connections/"
NEW = "acme-new-bills"
pytestmark = pytest.mark.django_db


@pytest.fixture
def account(aws: str) -> PretendAccount:
    """The payer account with nothing in it."""
    return PretendAccount(endpoint=aws)


def create(cast: Cast, auth: dict[str, str], **export: Any) -> Any:
    wanted = {
        "mode": "create",
        "schema": "cur2",
        "name": "portal",
        "bucket": NEW,
        "prefix": "bills",
        "region": REGION,
        "granularity": "daily",
        "file_format": "parquet",
        **export,
    }
    data = {"name": "Acme", "kind": "root", "auth": auth, "export": wanted}
    return cast.api(Role.OPERATOR).post(URL, data, format="json")


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 400, response.json()
    found: dict[str, list[str]] = response.json()["errors"]
    return found


def _text(response: Any) -> str:
    return " ".join(sentence for found in errors(response).values() for sentence in found)


def exports(account: PretendAccount) -> list[dict[str, Any]]:
    client = account.client("bcm-data-exports")
    return [
        client.get_export(ExportArn=one["ExportArn"])["Export"]
        for one in client.list_exports()["Exports"]
    ]


def policy(account: PretendAccount, bucket: str = NEW) -> list[dict[str, Any]]:
    text = account.client("s3", REGION).get_bucket_policy(Bucket=bucket)["Policy"]
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return statements


def test_bucket_policy_and_export_are_made_and_said(cast: Cast, account: PretendAccount) -> None:
    response = create(cast, account.user(*AUTOMATIC))
    assert response.status_code == 201, response.json()
    said = response.json()
    assert said["status"] == "waiting"
    assert said["export"] == {
        "schema": "cur2",
        "name": "portal",
        "bucket": NEW,
        "prefix": "bills",
        "region": REGION,
        "granularity": "daily",
        "file_format": "parquet",
    }
    assert f"Created the bucket “{NEW}” in {REGION}" in said["created"][0]
    assert "Created the CUR 2.0 export “portal”" in said["created"][-1]
    s3 = account.client("s3", REGION)
    assert s3.get_bucket_location(Bucket=NEW)["LocationConstraint"] == REGION
    blocked = s3.get_public_access_block(Bucket=NEW)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    rules = s3.get_bucket_encryption(Bucket=NEW)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    owned = s3.get_bucket_ownership_controls(Bucket=NEW)["OwnershipControls"]["Rules"]
    assert owned == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (made,) = exports(account)
    query = made["DataQuery"]
    assert "*" not in query["QueryStatement"]
    assert query["QueryStatement"].startswith("SELECT bill_bill_type, ")
    assert query["TableConfigurations"]["COST_AND_USAGE_REPORT"] == {
        "TIME_GRANULARITY": "DAILY",
        "INCLUDE_RESOURCES": "TRUE",
        "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "FALSE",
        "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
        "INCLUDE_CAPACITY_RESERVATION_DATA": "FALSE",
        "INCLUDE_IAM_PRINCIPAL_DATA": "FALSE",
        "BILLING_VIEW_ARN": f"arn:aws:billing::{PAYER}:billingview/primary",
    }
    place = made["DestinationConfigurations"]["S3Destination"]
    assert place["S3OutputConfigurations"]["Overwrite"] == "OVERWRITE_REPORT"
    told = cast.acme.audit_events.get(action="export.prepared")
    assert told.changes["steps"] == said["created"]


def test_the_export_has_every_column_that_the_import_reads() -> None:
    from billing.importing.columns import Column, Fields, Kind
    from billing.importing.formats import cur2
    from demo.bills.columns import CUR2_BASE

    fields = Fields({name: Column(name, Kind.TEXT, name) for name in CUR2_BASE})
    cur2.select(fields)
    assert set(fields.used) <= set(CUR2_SELECTED)


@pytest.mark.parametrize(
    ("wish", "report"),
    [
        (
            {"file_format": "parquet", "granularity": "hourly"},
            {
                "TimeUnit": "HOURLY",
                "Format": "Parquet",
                "Compression": "Parquet",
                "AdditionalArtifacts": ["ATHENA"],
            },
        ),
        (
            {"file_format": "csv_gzip"},
            {"TimeUnit": "DAILY", "Format": "textORcsv", "Compression": "GZIP"},
        ),
        ({"file_format": "csv_zip"}, {"Format": "textORcsv", "Compression": "ZIP"}),
    ],
)
def test_a_legacy_report_is_made_in_a_valid_combination(
    cast: Cast, account: PretendAccount, wish: dict[str, str], report: dict[str, Any]
) -> None:
    response = create(cast, account.user(*AUTOMATIC), schema="legacy_cur", **wish)
    assert response.status_code == 201, response.json()
    (made,) = account.client("cur").describe_report_definitions()["ReportDefinitions"]
    assert made["AdditionalSchemaElements"] == ["RESOURCES"]
    assert made["RefreshClosedReports"] is True
    assert made["ReportVersioning"] == "OVERWRITE_REPORT"
    assert {name: made[name] for name in report} == report


def test_what_was_left_open_is_chosen_and_said(cast: Cast, account: PretendAccount) -> None:
    data = {
        "name": "Acme",
        "kind": "root",
        "auth": account.user(*AUTOMATIC),
        "export": {"mode": "create", "bucket": NEW},
    }
    response = cast.api(Role.OPERATOR).post(URL, data, format="json")
    assert response.status_code == 201, response.json()
    export = response.json()["export"]
    assert export["name"] == "countinghouse-cur2-daily"
    assert (export["prefix"], export["region"]) == ("countinghouse", "us-east-1")


def test_an_existing_policy_keeps_every_statement(cast: Cast, account: PretendAccount) -> None:
    account.bucket(NEW)
    foreign = [
        {
            "Sid": "EnableAWSDataExportsToWriteToS3",  # the name that AWS gives its own
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{MEMBER}:root"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{NEW}/shared/*",
        },
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": f"arn:aws:s3:::{NEW}/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    account.client("s3", REGION).put_bucket_policy(
        Bucket=NEW, Policy=json.dumps({"Version": "2012-10-17", "Statement": foreign})
    )
    response = create(cast, account.user(*AUTOMATIC), region="")
    assert response.status_code == 201, response.json()
    now = policy(account)
    assert now[:2] == foreign
    (ours,) = now[2:]
    assert ours["Principal"] == {"Service": "bcm-data-exports.amazonaws.com"}
    assert ours["Condition"]["StringEquals"] == {"aws:SourceAccount": PAYER}
    assert response.json()["export"]["region"] == REGION
    assert not [one for one in response.json()["created"] if "Created the bucket" in one]


def test_a_creation_that_failed_half_way_says_so_and_is_run_again(
    cast: Cast, account: PretendAccount
) -> None:
    auth = account.user(*AUTOMATIC)
    account.fault(
        service="bcm-data-exports",
        action="CreateExport",
        code="InternalServerException",
        status=500,
    )
    said = _text(create(cast, auth))
    assert f"Done so far: Created the bucket “{NEW}”" in said
    assert "Try again" in said
    assert not Connection.objects.exists()
    assert cast.acme.audit_events.filter(action="export.prepared").exists()
    account.no_faults()
    before = policy(account)
    response = create(cast, auth)
    assert response.status_code == 201, response.json()
    assert policy(account) == before
    assert "left as it is" in response.json()["created"][0]
    assert len(exports(account)) == 1


def test_awss_delay_in_seeing_the_policy_is_waited_out(cast: Cast, account: PretendAccount) -> None:
    account.fault(
        service="bcm-data-exports",
        action="CreateExport",
        code="ValidationException",
        message="S3 bucket permission validation failed",
        status=400,
        times=2,
    )
    response = create(cast, account.user(*AUTOMATIC))
    assert response.status_code == 201, response.json()
    assert account.requests()["bcm-data-exports:CreateExport"] == 3


def test_an_equal_export_is_used_again(cast: Cast, account: PretendAccount) -> None:
    auth = account.user(*AUTOMATIC)
    first = create(cast, auth)
    client = cast.api(Role.OPERATOR)
    assert client.delete(f"{URL}{first.json()['id']}/").status_code == 204
    again = create(cast, auth)
    assert again.status_code == 201, again.json()
    assert "it is used" in again.json()["created"][-1]
    assert len(exports(account)) == 1


def test_an_unequal_export_is_refused_with_each_difference(
    cast: Cast, payer: PretendAccount
) -> None:
    open_bucket(payer)
    define_export(
        payer,
        "portal",
        settings={"TIME_GRANULARITY": "HOURLY", "INCLUDE_RESOURCES": "FALSE"},
        output={"Format": "TEXT_OR_CSV", "Compression": "GZIP", "Overwrite": "CREATE_NEW_REPORT"},
    )
    sentence = errors(create(cast, payer.user(*AUTOMATIC)))["export.name"][0]
    for difference in (
        f"bucket is “{BUCKET}”, not “{NEW}”",
        "prefix is “cur”, not “bills”",
        "granularity is “hourly”, not “daily”",
        "file format is “CSV, gzip”, not “Parquet”",
        "no resource ids",
        "keeps every delivery",
    ):
        assert difference in sentence
    names = [one["Name"] for one in payer.client("s3").list_buckets()["Buckets"]]
    assert NEW not in names


def test_an_unequal_report_is_refused_too(cast: Cast, payer: PretendAccount) -> None:
    open_bucket(payer)
    define_report(payer, "portal", RefreshClosedReports=False)
    wish = {"schema": "legacy_cur", "bucket": BUCKET, "file_format": "csv_gzip"}
    sentence = errors(create(cast, payer.user(*AUTOMATIC), **wish))["export.name"][0]
    assert "prefix is “legacy”, not “bills”" in sentence
    assert "does not refresh closed months" in sentence


def test_a_full_quota_is_said_in_words(cast: Cast, payer: PretendAccount) -> None:
    open_bucket(payer)
    for number in range(5):
        define_export(payer, f"export-{number}")
    sentence = errors(create(cast, payer.user(*AUTOMATIC), bucket=BUCKET))["export.name"][0]
    assert "as many as AWS allows" in sentence


def test_somebody_elses_bucket_is_refused(cast: Cast, account: PretendAccount) -> None:
    other = PretendAccount(MEMBER, account.endpoint)
    other.bucket(NEW)
    everybody = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{PAYER}:root"},
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{NEW}", f"arn:aws:s3:::{NEW}/*"],
    }
    other.client("s3", REGION).put_bucket_policy(
        Bucket=NEW, Policy=json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    )
    sentence = errors(create(cast, account.user(*AUTOMATIC)))["export.bucket"][0]
    assert f"does not belong to the account {PAYER}" in sentence
    assert not exports(account)


def test_another_region_than_the_buckets_is_refused(cast: Cast, payer: PretendAccount) -> None:
    response = create(cast, payer.user(*AUTOMATIC), bucket=BUCKET, region="us-west-2")
    assert f"lies in {REGION}, not in us-west-2" in errors(response)["export.region"][0]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"schema": "focus_1_2"}, "export.schema"),
        ({"bucket": "Not_A_Bucket"}, "export.bucket"),
        ({"bucket": ""}, "export.bucket"),
        ({"name": "what's (this)"}, "export.name"),
        ({"prefix": "späße"}, "export.prefix"),
        ({"region": "Frankfurt"}, "export.region"),
        ({"granularity": "monthly"}, "export.granularity"),
        ({"file_format": "csv_zip"}, "export.file_format"),
    ],
)
def test_what_aws_would_refuse_is_refused_before_anything_is_made(
    cast: Cast, account: PretendAccount, wish: dict[str, str], field: str
) -> None:
    auth = account.user(*AUTOMATIC)
    account.requests()
    assert field in errors(create(cast, auth, **wish))
    assert not [name for name in account.requests() if name.startswith(("s3", "bcm", "cur"))]


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("s3:CreateBucket", "s3:CreateBucket"),
        ("s3:PutBucketPolicy", "s3:PutBucketPolicy"),
        ("bcm-data-exports:CreateExport", "bcm-data-exports:CreateExport"),
    ],
)
def test_a_missing_permission_is_named(
    cast: Cast, account: PretendAccount, missing: str, words: str
) -> None:
    auth = account.user(*AUTOMATIC)
    deny = {"Effect": "Deny", "Action": [missing], "Resource": "*"}
    account.client("iam").put_user_policy(
        UserName="portal",
        PolicyName="deny",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    assert words in _text(create(cast, auth))


@pytest.mark.parametrize("region", ["eu-west-\u0661", "eu-west", "eu-west-1.example.com"])
def test_what_is_no_region_is_refused(cast: Cast, payer: PretendAccount, region: str) -> None:
    response = create(cast, payer.user(*AUTOMATIC), region=region)
    assert "as AWS spells it" in errors(response)["export.region"][0]
