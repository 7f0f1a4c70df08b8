"""Connecting an account over the API, against the pretend AWS."""

import json
import time
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from connections.models import (
    AuthMethod,
    CheckRun,
    Connection,
    ConnectionKind,
    ConnectionStatus,
    Export,
    JobHealth,
)
from organizations.access import Role
from organizations.runs import RunState
from tests.cast import Cast
from tests.connections.pretend import BUCKET, MEMBER, PAYER, REGION, PretendAccount, body

URL = "/api/v1/connections/"
NOW = timezone.now()
pytestmark = pytest.mark.django_db


def post(cast: Cast, data: Any, **client: Any) -> Any:
    return cast.api(Role.OPERATOR, **client).post(URL, data, format="json")


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 400, response.json()
    found: dict[str, list[str]] = response.json()["errors"]
    return found


def test_a_payer_account_connects_and_says_what_it_found(cast: Cast, payer: PretendAccount) -> None:
    auth = payer.user()
    response = post(cast, body(auth))
    assert response.status_code == 201, response.json()
    said = response.json()
    assert said["account_id"] == PAYER
    assert said["status"] == "waiting"
    assert said["export"] == {
        "schema": "cur2",
        "name": "daily",
        "bucket": BUCKET,
        "prefix": "cur",
        "region": REGION,
        "granularity": "",
        "file_format": "parquet",
    }
    states = {row["permission"]: row["state"] for row in said["checks"]}
    assert states["sts:GetCallerIdentity"] == "pass"
    assert states["s3:ListBucket"] == "pass"
    assert states["s3:GetObject"] == "pass"
    row = Connection.objects.get()
    assert row.secret_access_key == auth["secret_access_key"]
    assert row.organization == cast.acme
    assert row.current_export.arn.startswith(f"arn:aws:bcm-data-exports:us-east-1:{PAYER}:export/")


def test_the_secret_never_comes_back(
    cast: Cast, payer: PretendAccount, caplog: pytest.LogCaptureFixture
) -> None:
    auth = payer.user()
    secret = auth["secret_access_key"]
    answers = [post(cast, body(auth))]
    pk = answers[0].json()["id"]
    client = cast.api(Role.OPERATOR)
    answers += [
        client.get(URL),
        client.get(f"{URL}{pk}/"),
        client.patch(f"{URL}{pk}/", {"auth": auth}, format="json"),
        client.post(f"{URL}{pk}/check/"),
        post(cast, body({**auth, "access_key_id": "AKIA0000000000000000"}, name="Two")),
    ]
    assert [one.status_code for one in answers] == [201, 200, 200, 200, 202, 400]
    texts = [one.content.decode() for one in answers]
    texts += [json.dumps(event.changes) for event in cast.acme.audit_events.all()]
    texts += [str(run.__dict__) for run in CheckRun.objects.all()]
    texts.append(caplog.text)
    assert not [text for text in texts if secret in text]
    assert cast.acme.audit_events.filter(action="connection.connected").exists()


@pytest.mark.parametrize(
    ("auth", "field", "words"),
    [
        ({"access_key_id": "AKIA0000000000000000"}, "auth.access_key_id", "does not know"),
        ({"secret_access_key": "wrong"}, "auth.secret_access_key", "does not belong"),
        ({"access_key_id": "short"}, "auth.access_key_id", "16 or more"),
        ({"secret_access_key": ""}, "auth.secret_access_key", "blank"),
        ({"role_arn": "arn:x"}, "auth.role_arn", "does not belong to the method"),
        ({"method": "password"}, "auth.method", "not a valid choice"),
        ({"secret": "x"}, "auth.secret", "not known"),
    ],
)
def test_wrong_credentials_get_a_sentence_under_their_field(
    cast: Cast, payer: PretendAccount, auth: dict[str, str], field: str, words: str
) -> None:
    errors = errors_of(post(cast, body({**payer.user(), **auth})))
    assert words in errors[field][0]
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("export", "field", "words"),
    [
        ({"bucket": "acme-other"}, "export.bucket", "There is no bucket “acme-other”"),
        ({"bucket": "a b"}, "export.bucket", "at least 3 letters"),
        ({"prefix": "elsewhere"}, "export.name", "“daily” (prefix “cur”, Data Export)"),
        ({"name": "weekly"}, "export.name", "“daily” (prefix “cur”, Data Export)"),
        ({"schema": "focus_1_2"}, "export.schema", "is CUR 2.0, not FOCUS 1.2"),
        ({"schema": "legacy_cur"}, "export.schema", "is CUR 2.0, not Legacy CUR"),
        ({"schema": "cur3"}, "export.schema", "not a valid choice"),
        ({"name": "\x00"}, "export.name", "Null characters"),
        ({"unknown": 1}, "export.unknown", "not known"),
    ],
)
def test_a_wrong_export_gets_a_sentence_under_its_field(
    cast: Cast, payer: PretendAccount, export: dict[str, Any], field: str, words: str
) -> None:
    errors = errors_of(post(cast, body(payer.user(), export=export)))
    assert words in errors[field][0]
    assert not Connection.objects.exists()


@pytest.mark.parametrize("data", [[], "text", {"name": 1}, {"auth": []}, {"export": "x"}])
def test_a_body_of_another_shape_is_refused(cast: Cast, data: Any) -> None:
    assert post(cast, data).status_code == 400


def test_a_root_needs_an_export_and_a_linked_account_has_none(
    cast: Cast, payer: PretendAccount
) -> None:
    auth = payer.user()
    assert "export" in errors_of(post(cast, {"name": "A", "kind": "root", "auth": auth}))
    assert "export" in errors_of(post(cast, body(auth, kind="linked")))


@pytest.mark.parametrize(
    "pasted",
    [
        {"prefix": f"s3://{BUCKET}/cur/"},
        {"prefix": "/cur/daily/"},
        {"prefix": f"s3://{BUCKET}/cur/daily/data/BILLING_PERIOD=2026-10/"},
        {"prefix": "cur/daily/metadata"},
        {"bucket": f"arn:aws:s3:::{BUCKET}", "prefix": "cur"},
        {"bucket": f"s3://{BUCKET}/cur/daily/", "prefix": ""},
        {"prefix": "cur/daily/data/BILLING_PERIOD=2026-10", "name": ""},
        {
            "prefix": f"https://s3.console.aws.amazon.com/s3/buckets/{BUCKET}"
            "?region=eu-west-1&prefix=cur/daily/&showversions=false"
        },
    ],
)
def test_the_place_is_understood_as_the_console_shows_it(
    cast: Cast, payer: PretendAccount, pasted: dict[str, str]
) -> None:
    response = post(cast, body(payer.user(), export=pasted))
    assert response.status_code == 201, response.json()
    export = Export.objects.get()
    assert (export.bucket, export.prefix, export.name) == (BUCKET, "cur", "daily")


def test_an_export_whose_prefix_is_its_own_name_is_found(cast: Cast, payer: PretendAccount) -> None:
    payer.deliver("cur", prefix="cur")
    response = post(cast, body(payer.user(), export={"name": "cur"}))
    assert response.status_code == 201, response.json()
    assert Export.objects.get().root_key == "cur/cur/"


def test_an_export_without_files_connects_as_waiting(cast: Cast, payer: PretendAccount) -> None:
    payer.bucket("acme-new")
    export = {"bucket": "acme-new", "name": "fresh", "prefix": "new"}
    response = post(cast, body(payer.user(), export=export))
    assert response.status_code == 201, response.json()
    said = response.json()
    assert said["status"] == "waiting"
    assert "has not delivered" in said["message"]
    states = {row["permission"]: row["state"] for row in said["checks"]}
    assert states["s3:GetObject"] == "unknown"


def test_a_new_export_beside_others_connects_when_aws_lists_it(
    cast: Cast, payer: PretendAccount
) -> None:
    fresh = {"name": "fresh", "schema": "legacy_cur"}
    refused = errors_of(post(cast, body(payer.user(), export=fresh)))
    assert "up to 24 hours" in refused["export.name"][0]
    payer.allow("portal", "s3:ListBucket", "s3:GetObject", "cur:*")
    key = payer.client("iam").create_access_key(UserName="portal")["AccessKey"]
    _let_reports_be_delivered(payer)
    payer.client("cur").put_report_definition(
        ReportDefinition={
            "ReportName": "fresh",
            "TimeUnit": "DAILY",
            "Format": "textORcsv",
            "Compression": "GZIP",
            "AdditionalSchemaElements": ["RESOURCES"],
            "S3Bucket": BUCKET,
            "S3Prefix": "cur",
            "S3Region": REGION,
        }
    )
    auth = {
        "method": "access_key",
        "access_key_id": key["AccessKeyId"],
        "secret_access_key": key["SecretAccessKey"],
    }
    response = post(cast, body(auth, export=fresh))
    assert response.status_code == 201, response.json()


def _let_reports_be_delivered(payer: PretendAccount) -> None:
    service = {"Service": "billingreports.amazonaws.com"}
    statement = {
        "Effect": "Allow",
        "Principal": service,
        "Action": ["s3:PutObject", "s3:GetBucketAcl", "s3:GetBucketPolicy"],
        "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    payer.client("s3", REGION).put_bucket_policy(Bucket=BUCKET, Policy=policy)


def test_a_manifest_that_is_nonsense_is_refused_in_words(cast: Cast, payer: PretendAccount) -> None:
    key = "cur/daily/metadata/BILLING_PERIOD=2026-10/daily-Manifest.json"
    payer.client("s3", REGION).put_object(Bucket=BUCKET, Key=key, Body=b"<html>")
    errors = errors_of(post(cast, body(payer.user())))
    assert "is not JSON" in errors["export"][0]


def test_a_missing_permission_is_named(cast: Cast, payer: PretendAccount) -> None:
    errors = errors_of(post(cast, body(payer.user("ec2:DescribeRegions"))))
    assert "s3:ListBucket" in errors["export.bucket"][0]
    errors = errors_of(post(cast, body(payer.user("s3:ListBucket", name="second"))))
    assert "s3:GetObject" in errors["export.bucket"][0]


def test_an_account_connects_once_in_an_organization_but_in_several(
    cast: Cast, payer: PretendAccount
) -> None:
    auth = payer.user()
    assert post(cast, body(auth)).status_code == 201
    again = post(cast, body(auth, name="Another name"))
    assert again.status_code == 409
    assert PAYER in again.json()["detail"]
    assert "“Acme”" in again.json()["detail"]
    assert post(cast, body(auth), organization=cast.bolt).status_code == 201
    assert Connection.objects.of(cast.acme).count() == Connection.objects.of(cast.bolt).count() == 1


def test_a_name_is_taken_once(cast: Cast, payer: PretendAccount) -> None:
    assert post(cast, body(payer.user())).status_code == 201
    other = PretendAccount(MEMBER)
    data = {"name": "Acme", "kind": "linked", "auth": other.user()}
    assert "already" in errors_of(post(cast, data))["name"][0]


@pytest.mark.parametrize("service", ["sts", "s3", "*"])
def test_an_aws_that_does_not_answer_is_given_up_within_15_seconds(
    cast: Cast, payer: PretendAccount, service: str
) -> None:
    auth = payer.user()
    payer.fault(service=service, held=True)
    started = time.monotonic()
    response = post(cast, body(auth))
    assert time.monotonic() - started < 15  # the promise itself, not a measure of speed
    payer.no_faults()
    assert response.status_code == 400
    assert not Connection.objects.exists()


def test_an_aws_that_cannot_be_reached_is_said(
    cast: Cast, payer: PretendAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = payer.user()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    errors = errors_of(post(cast, body(auth)))
    assert "could not be reached" in errors["auth"][0]


def test_a_throttled_aws_is_said(cast: Cast, payer: PretendAccount) -> None:
    auth = payer.user()
    payer.fault(service="sts", code="Throttling", status=400)
    assert "slow down" in errors_of(post(cast, body(auth)))["auth"][0]


class TestRoles:
    """Accounts that are reached through a role with the organization's external id."""

    @pytest.fixture(autouse=True)
    def _portal(self, payer: PretendAccount, monkeypatch: pytest.MonkeyPatch) -> None:
        auth = payer.user("sts:AssumeRole", name="machine")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", auth["access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", auth["secret_access_key"])

    def _linked(self, arn: str) -> dict[str, Any]:
        return {
            "name": "Member",
            "kind": "linked",
            "auth": {"method": "assume_role", "role_arn": arn},
        }

    def test_a_linked_account_connects_through_its_role(self, cast: Cast) -> None:
        from connections.aws.session import external_id_of

        member = PretendAccount(MEMBER)
        arn = member.role("reader", external_id=external_id_of(cast.acme), trusting=PAYER)
        response = post(cast, self._linked(arn))
        assert response.status_code == 201, response.json()
        said = response.json()
        assert said["account_id"] == MEMBER
        assert said["status"] == "waiting"
        assert "payer (root) account only" in said["message"]
        assert said["auth"]["external_id"] == external_id_of(cast.acme)

    def test_a_role_that_needs_no_external_id_is_refused(self, cast: Cast) -> None:
        arn = PretendAccount(MEMBER).role("open", external_id=None, trusting=PAYER)
        errors = errors_of(post(cast, self._linked(arn)))
        assert "without the external id" in errors["auth.role_arn"][0]

    def test_another_organizations_external_id_does_not_open_the_role(self, cast: Cast) -> None:
        from connections.aws.session import external_id_of

        arn = PretendAccount(MEMBER).role(
            "reader", external_id=external_id_of(cast.acme), trusting=PAYER
        )
        refused = post(cast, self._linked(arn), organization=cast.bolt)
        assert external_id_of(cast.bolt) in errors_of(refused)["auth.role_arn"][0]
        assert external_id_of(cast.acme) not in refused.content.decode()

    def test_a_role_that_is_not_there_is_refused(self, cast: Cast) -> None:
        arn = f"arn:aws:iam::{MEMBER}:role/none"
        assert "must exist" in errors_of(post(cast, self._linked(arn)))["auth.role_arn"][0]
        assert "ARN" in errors_of(post(cast, self._linked("reader")))["auth.role_arn"][0]

    def test_the_portals_own_identity_can_be_used(self, cast: Cast, payer: PretendAccount) -> None:
        payer.allow("machine", "s3:ListBucket", "s3:GetObject")
        response = post(cast, body({"method": "ambient"}))
        assert response.status_code == 201, response.json()
        assert Connection.objects.get().auth_method == AuthMethod.AMBIENT

    def test_the_portals_own_identity_is_for_the_organizations_named(
        self, cast: Cast, payer: PretendAccount, settings: Settings
    ) -> None:
        payer.allow("machine", "s3:ListBucket", "s3:GetObject")
        settings.AMBIENT_ORGANIZATIONS = ["bolt"]
        refused = errors_of(post(cast, body({"method": "ambient"})))
        assert "AMBIENT_ORGANIZATIONS" in refused["auth.method"][0]
        assert not Connection.objects.exists()
        allowed = post(cast, body({"method": "ambient"}), organization=cast.bolt)
        assert allowed.status_code == 201, allowed.json()

    def test_a_linked_account_is_healthy_once_its_payer_is_there(
        self, cast: Cast, payer: PretendAccount
    ) -> None:
        from connections.aws.session import external_id_of

        arn = PretendAccount(MEMBER).role(
            "reader", external_id=external_id_of(cast.acme), trusting=PAYER
        )
        linked = post(cast, self._linked(arn)).json()["id"]
        root = post(cast, body(payer.user())).json()["id"]
        assert Connection.objects.get(pk=linked).status == ConnectionStatus.HEALTHY
        cast.api(Role.OPERATOR).delete(f"{URL}{root}/")
        assert Connection.objects.get(pk=linked).status == ConnectionStatus.WAITING


def test_a_machine_without_an_identity_says_so(cast: Cast, payer: PretendAccount) -> None:
    errors = errors_of(post(cast, body({"method": "ambient"})))
    assert "no AWS identity" in errors["auth.method"][0]
    role = {"method": "assume_role", "role_arn": f"arn:aws:iam::{MEMBER}:role/reader"}
    errors = errors_of(post(cast, body(role)))
    assert "no AWS identity" in errors["auth.role_arn"][0]


def test_a_list_takes_the_same_queries_however_long_it_is(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api = cast.api(Role.OPERATOR)
    some = {"organization": cast.acme, "auth_method": AuthMethod.ASSUME_ROLE}
    for number in (1, 7):
        for index in range(number):
            account_id = f"{number}0000000000{index}"
            one = Connection.objects.create(
                **some, kind=ConnectionKind.ROOT, account_id=account_id, name=account_id
            )
            for created in ("old", "new"):
                Export.objects.create(connection=one, schema="cur2", name=created, bucket="bills")
            JobHealth.objects.create(
                connection=one, job="import", is_ok=True, since=NOW, last_run_at=NOW
            )
            for purpose in ("before", "last"):
                CheckRun.objects.create(
                    connection=one, state=RunState.SUCCEEDED, results=[{"purpose": purpose}]
                )
        api.get(URL)  # what a first answer finds out once
        with django_assert_num_queries(8):
            rows = api.get(URL).json()["results"]
    assert len(rows) == 8
    for row in rows:
        assert (row["export"]["name"], row["checks"]) == ("new", [{"purpose": "last"}])
        assert [health["job"] for health in row["health"]] == ["import"]
