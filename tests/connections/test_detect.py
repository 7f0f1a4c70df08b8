"""Finding the exports that exist, over the API, against the pretend AWS."""

from typing import Any

import pytest

from connections.export_columns import needed_columns
from connections.models import Connection, ExportSchema
from demo.bills.columns import cur2_columns
from demo.bills.delivery import CONFIGURATION
from organizations.access import Role
from tests.cast import Cast
from tests.connections.exports import AUTOMATIC, define_export, define_report, open_bucket
from tests.connections.pretend import BUCKET, REGION, PretendAccount

URL = "/api/v1/connections/"
FIND = f"{URL}detectable-exports/"
pytestmark = pytest.mark.django_db


def find(cast: Cast, auth: dict[str, str]) -> dict[str, dict[str, Any]]:
    response = cast.api(Role.OPERATOR).post(FIND, {"auth": auth}, format="json")
    assert response.status_code == 200, response.json()
    return {one["name"]: one for one in response.json()["exports"]}


def connect(cast: Cast, auth: dict[str, str], **export: Any) -> Any:
    data = {
        "name": "Acme",
        "kind": "root",
        "auth": auth,
        "export": {"mode": "detect", **export},
    }
    return cast.api(Role.OPERATOR).post(URL, data, format="json")


def columns(*without: str) -> list[str]:
    return [name for name in cur2_columns(CONFIGURATION) if name not in without]


def test_every_export_is_shown_with_whether_it_fits_and_why_not(
    cast: Cast, payer: PretendAccount
) -> None:
    open_bucket(payer)
    define_export(payer, "daily")
    define_export(payer, "no-resources", settings={"INCLUDE_RESOURCES": "FALSE"})
    define_export(payer, "monthly", settings={"TIME_GRANULARITY": "MONTHLY"})
    define_export(payer, "few", columns=columns("line_item_unblended_cost"))
    define_export(payer, "part", rest=" WHERE line_item_line_item_type = 'Tax'")
    define_report(
        payer, "old", AdditionalSchemaElements=["RESOURCES", "SPLIT_COST_ALLOCATION_DATA"]
    )
    define_report(payer, "plain", AdditionalSchemaElements=[], RefreshClosedReports=False)
    found = find(cast, payer.user(*AUTOMATIC))
    assert {name: one["usable"] for name, one in found.items()} == {
        "daily": True,
        "old": True,
        "no-resources": False,
        "monthly": False,
        "few": False,
        "part": False,
        "plain": False,
    }
    assert "resource ids" in found["no-resources"]["reasons"][0]
    assert "monthly" in found["monthly"]["reasons"][0]
    assert "line_item_unblended_cost" in found["few"]["reasons"][0]
    assert "WHERE" in found["part"]["reasons"][0]
    assert "refresh closed months" in found["plain"]["notes"][0]
    assert found["daily"] == {
        "schema": "cur2",
        "name": "daily",
        "bucket": BUCKET,
        "prefix": "cur",
        "region": REGION,
        "granularity": "daily",
        "file_format": "parquet",
        "usable": True,
        "reasons": [],
        "notes": [],
        "preferred": True,
        "months_delivered": 1,
    }
    assert [name for name, one in found.items() if one["preferred"]] == ["daily"]
    assert not Connection.objects.exists()


def test_more_than_is_needed_fits_and_so_does_keeping_every_delivery(
    cast: Cast, payer: PretendAccount
) -> None:
    open_bucket(payer)
    define_export(
        payer,
        "rich",
        settings={
            "TIME_GRANULARITY": "HOURLY",
            "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "TRUE",
            "INCLUDE_CAPACITY_RESERVATION_DATA": "TRUE",
        },
        output={
            "Overwrite": "CREATE_NEW_REPORT",
            "Format": "TEXT_OR_CSV",
            "Compression": "GZIP",
        },
    )
    found = find(cast, payer.user(*AUTOMATIC))["rich"]
    assert found["usable"], found
    assert found["file_format"] == "csv_gzip"
    assert "Nothing is delivered yet" in " ".join(found["notes"])


def test_all_pages_of_both_services_are_read(cast: Cast, payer: PretendAccount) -> None:
    open_bucket(payer)
    for number in range(7):
        define_report(payer, f"report-{number}")
    for number in range(5):
        define_export(payer, f"export-{number}")
    found = find(cast, payer.user(*AUTOMATIC))
    assert len(found) == 12
    assert payer.requests()["cur:DescribeReportDefinitions"] == 2


def test_an_unhealthy_export_and_an_unreadable_bucket_say_so(
    cast: Cast, payer: PretendAccount
) -> None:
    open_bucket(payer)
    define_export(payer, "daily")
    payer.bucket("acme-gone")
    open_bucket(payer, "acme-gone")
    define_export(payer, "homeless", bucket="acme-gone")
    gone = payer.client("s3", REGION)
    for item in gone.list_objects_v2(Bucket="acme-gone")["Contents"]:
        gone.delete_object(Bucket="acme-gone", Key=item["Key"])
    gone.delete_bucket(Bucket="acme-gone")
    found = find(cast, payer.user(*AUTOMATIC))
    assert not found["homeless"]["usable"]
    assert "There is no bucket “acme-gone”" in found["homeless"]["reasons"][0]
    assert found["daily"]["preferred"]


def test_focus_exports_are_found_too(cast: Cast, payer: PretendAccount) -> None:
    open_bucket(payer)
    needed = sorted(needed_columns(ExportSchema.FOCUS_1_0))
    define_export(payer, "focus", table="FOCUS_1_0_AWS", columns=needed)
    found = find(cast, payer.user(*AUTOMATIC))["focus"]
    assert (found["schema"], found["usable"]) == ("focus_1_0", True)


def test_a_service_that_may_not_be_asked_is_named(cast: Cast, payer: PretendAccount) -> None:
    open_bucket(payer)
    define_report(payer, "old")
    auth = payer.user("s3:*", "cur:*")
    response = cast.api(Role.OPERATOR).post(FIND, {"auth": auth}, format="json").json()
    assert [one["name"] for one in response["exports"]] == ["old"]
    assert "bcm-data-exports:ListExports" in response["notes"][0]
    payer.allow("portal", "s3:*")
    refused = cast.api(Role.OPERATOR).post(FIND, {"auth": auth}, format="json")
    assert refused.status_code == 400
    sentence = refused.json()["errors"]["auth"][0]
    assert "bcm-data-exports:ListExports" in sentence
    assert "cur:DescribeReportDefinitions" in sentence


def test_wrong_credentials_are_refused_under_their_field(cast: Cast, payer: PretendAccount) -> None:
    auth = {**payer.user(), "secret_access_key": "wrong"}
    response = cast.api(Role.OPERATOR).post(FIND, {"auth": auth}, format="json")
    assert response.status_code == 400
    assert "does not belong" in response.json()["errors"]["auth.secret_access_key"][0]


def test_the_machines_identity_finds_exports_only_for_whom_it_is(
    cast: Cast, payer: PretendAccount, settings: Any
) -> None:
    settings.AMBIENT_ORGANIZATIONS = ["bolt"]
    response = cast.api(Role.OPERATOR).post(FIND, {"auth": {"method": "ambient"}}, format="json")
    assert "may not use the identity" in response.json()["errors"]["auth.method"][0]


def test_connecting_without_a_name_takes_the_one_that_fits_best(
    cast: Cast, payer: PretendAccount
) -> None:
    open_bucket(payer)
    define_report(payer, "old")
    define_export(payer, "monthly", settings={"TIME_GRANULARITY": "MONTHLY"})
    define_export(payer, "hourly", settings={"TIME_GRANULARITY": "HOURLY"})
    define_export(payer, "daily")
    response = connect(cast, payer.user(*AUTOMATIC))
    assert response.status_code == 201, response.json()
    export = response.json()["export"]
    assert (export["name"], export["schema"], export["granularity"]) == ("daily", "cur2", "daily")
    assert (export["bucket"], export["prefix"], export["region"]) == (BUCKET, "cur", REGION)


def test_connecting_takes_the_export_that_was_chosen(cast: Cast, payer: PretendAccount) -> None:
    open_bucket(payer)
    define_export(payer, "daily")
    define_report(payer, "old")
    response = connect(cast, payer.user(*AUTOMATIC), name="old")
    assert response.status_code == 201, response.json()
    assert response.json()["export"]["schema"] == "legacy_cur"
    assert response.json()["status"] == "waiting"


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("monthly", "export.name", "It is monthly"),
        ("nobody", "export.name", "AWS lists no such export “nobody” here; it lists “monthly”"),
        ("", "export.mode", "None of the account's exports fits. “monthly”: It is monthly"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reasons(
    cast: Cast, payer: PretendAccount, name: str, field: str, words: str
) -> None:
    open_bucket(payer)
    define_export(payer, "monthly", settings={"TIME_GRANULARITY": "MONTHLY"})
    response = connect(cast, payer.user(*AUTOMATIC), name=name)
    assert response.status_code == 400
    assert words in response.json()["errors"][field][0]
    assert not Connection.objects.exists()


def test_the_needed_columns_hold_what_the_import_requires() -> None:
    from billing.importing.formats import cur2

    assert set(cur2.REQUIRED) <= needed_columns(ExportSchema.CUR2)
