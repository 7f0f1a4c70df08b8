"""The policies as operators and integrations get them."""

import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs

import pytest

from connections.aws.session import external_id_of
from connections.models import CheckRun, Connection
from organizations.access import Role
from organizations.runs import RunState, Trigger
from tests.belongings import Belongings
from tests.cast import Cast

API = "/api/v1/policies/"
PAGE = "/admin/connections/policies/"
READ = {"mode": "read_only", "bucket": "acme-bills", "prefix": "cur", "export_name": "daily"}
PORTAL = "arn:aws:iam::444455556666:role/portal"
pytestmark = pytest.mark.django_db


def get(cast: Cast, **parameters: Any) -> Any:
    return cast.api(Role.OPERATOR).get(API, parameters)


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 400, response.json()
    found: dict[str, list[str]] = response.json()["errors"]
    return found


def test_the_api_answers_with_documents_purposes_and_files(cast: Cast) -> None:
    said = get(cast, **READ).json()
    assert (said["mode"], said["format"], said["external_id"]) == ("read_only", "json", None)
    (document,) = said["documents"]
    (file,) = said["files"]
    assert json.loads(file["text"]) == document["policy"]
    assert file["name"] == "countinghouse-read-only.json"
    assert [one["sid"] for one in document["statements"]] == [
        one["Sid"] for one in document["policy"]["Statement"]
    ]
    assert document["size"] <= document["limit"] == 6144


@pytest.mark.parametrize(
    ("wanted", "start"), [("cloudformation", "{"), ("terraform", "# Attach it")]
)
def test_the_api_writes_other_languages(cast: Cast, wanted: str, start: str) -> None:
    said = get(cast, **READ, format=wanted).json()
    assert said["format"] == wanted
    assert said["files"][0]["text"].startswith(start)


def test_a_role_gets_the_organizations_own_external_id(cast: Cast) -> None:
    role = {"mode": "trust_policy", "account_id": "111122223333", "portal_arn": PORTAL}
    said = get(cast, **role).json()
    assert said["external_id"] == external_id_of(cast.acme)
    others = cast.api(Role.OPERATOR, cast.bolt).get(API, role).json()
    assert others["external_id"] == external_id_of(cast.bolt) != said["external_id"]


@pytest.mark.parametrize(
    ("parameters", "field", "words"),
    [
        ({}, "mode", "read_only"),
        ({"mode": "everything"}, "mode", "everything"),
        ({"mode": "read_only"}, "bucket", "bucket's name"),
        ({**READ, "format": "pulumi"}, "format", "pulumi"),
        ({**READ, "account_id": "12"}, "account_id", "12 digits"),
        ({**READ, "with_discovery": "maybe"}, "with_discovery", "maybe"),
        ({**READ, "bukket": "x"}, "bukket", "not known"),
        ({**READ, "connection": "x"}, "connection", "number"),
        ({**READ, "prefix": "a\x00b"}, "prefix", "without NUL"),
        ({"mode": "bucket_policy", "bucket": "b" * 5000}, "bucket", "2048"),
    ],
)
def test_what_does_not_do_is_400_with_a_sentence(
    cast: Cast, parameters: dict[str, str], field: str, words: str
) -> None:
    assert words in " ".join(errors_of(get(cast, **parameters))[field])


def test_a_connection_fills_in_what_is_not_given(cast: Cast, belongings: Belongings) -> None:
    connection = belongings.of(Connection)
    said = get(cast, connection=connection.pk).json()
    text = said["files"][0]["text"]
    assert f"arn:aws:s3:::{connection.current_export.bucket}/" in text
    assert "ec2:DescribeRegions" in text
    changed = get(cast, connection=connection.pk, bucket="other-bucket").json()
    assert "arn:aws:s3:::other-bucket/" in changed["files"][0]["text"]


def test_the_connection_of_somebody_else_is_not_there(cast: Cast, belongings: Belongings) -> None:
    pk = belongings.of(Connection).pk
    assert cast.api(Role.OWNER, cast.bolt).get(API, {"connection": pk}).status_code == 404
    for query in ({"connection": pk}, {"organization": "acme"}, {"connection": "9" * 30}):
        response = cast.browser("boris").get(PAGE, query)
        assert response.status_code == 404
        assert not belongings.shown_in(response.content.decode())


# --- the page ---------------------------------------------------------------------------------
def page(cast: Cast, **parameters: Any) -> str:
    response = cast.browser("oscar").get(PAGE, parameters)
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


def test_the_page_opens_with_an_empty_form(cast: Cast) -> None:
    text = page(cast)
    assert 'name="bucket"' in text
    assert "<pre" not in text
    assert "errorlist" not in text


def test_the_page_shows_the_policy_with_purposes_and_a_way_to_take_it(cast: Cast) -> None:
    text = page(cast, **READ)
    assert "ReadBillingFiles" in text
    shown = re.search(r'<pre id="text-1"[^>]*><code>(.*?)</code></pre>', text, re.DOTALL)
    assert shown
    policy = json.loads(unescape(shown[1]))
    assert policy["Version"] == "2012-10-17"
    assert 'data-copy="text-1"' in text
    assert "style=" not in text
    assert "<script>" not in text


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(cast: Cast) -> None:
    text = page(cast, mode="automatic", bucket="acme-bills", account_id="12")
    assert "12 digits" in text
    assert 'value="acme-bills"' in text
    assert "<pre" not in text


def test_each_file_can_be_downloaded(cast: Cast) -> None:
    query = {
        **READ,
        "mode": "cross_account",
        "format": "terraform",
        "account_id": "111122223333",
        "bucket_account_id": "222233334444",
    }
    links = re.findall(r'<a href="\?([^"]+)" download="([^"]+)"', page(cast, **query))
    assert {name for _, name in links} == {
        "countinghouse-cross-account.tf",
        "countinghouse-bucket-policy.tf",
    }
    for address, name in links:
        given = {key: value[0] for key, value in parse_qs(unescape(address)).items()}
        response = cast.browser("oscar").get(PAGE, given)
        assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert "jsonencode(" in response.content.decode()
    assert cast.browser("oscar").get(PAGE, {**query, "file": "../x"}).status_code == 404


def test_the_page_changes_nothing_and_takes_no_post(cast: Cast) -> None:
    assert cast.browser("oscar").post(PAGE, READ).status_code == 405


def test_entered_text_stays_text_on_the_page(cast: Cast) -> None:
    text = page(cast, mode="read_only", bucket="acme-bills", prefix="<script>alert(1)</script>")
    assert "<script>alert" not in text


def test_a_missing_permission_shows_the_statement_that_grants_it(
    cast: Cast, belongings: Belongings
) -> None:
    connection = belongings.of(Connection)
    row = {"state": "fail", "message": "No.", "hint": "", "purpose": "Read"}
    names = ("s3:GetObject", "sts:GetCallerIdentity", "ec2:OfAnOlderRelease")
    CheckRun.objects.create(
        connection=connection,
        trigger=Trigger.MANUAL,
        state=RunState.SUCCEEDED,
        results=[{**row, "permission": name} for name in names],
    )
    text = cast.browser("oscar").get(f"/admin/connections/connection/{connection.pk}/change/")
    shown = unescape(text.content.decode())
    assert shown.count("The statement that grants it") == 1
    assert f'"Resource": "arn:aws:s3:::{connection.current_export.bucket}/' in shown
    assert f"{PAGE}?connection={connection.pk}" in shown
