"""Operators' pages that find or create an export; no script runs here."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from pytest_django import Settings

from connections.models import Connection
from tests.cast import Cast
from tests.connections.exports import AUTOMATIC, define_export, define_report, open_bucket
from tests.connections.pretend import REGION, PretendAccount

FIND = "/admin/connections/find-export/"
CHOOSE = f"{FIND}choose/"
CREATE = "/admin/connections/create-export/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def oscar(cast: Cast) -> Client:
    return cast.browser("oscar")


def account(cast: Cast, auth: dict[str, str], **changes: str) -> dict[str, str]:
    return {
        "organization": str(cast.acme.pk),
        "name": "Acme",
        "auth_method": "access_key",
        "access_key_id": auth["access_key_id"],
        "secret": auth["secret_access_key"],
        "role_arn": "",
        **changes,
    }


def text(response: Any) -> str:
    assert response.status_code == 200
    found: str = response.content.decode()
    return found


def test_an_operator_finds_and_chooses_an_export(
    cast: Cast, oscar: Client, payer: PretendAccount
) -> None:
    open_bucket(payer)
    define_export(payer, "daily")
    define_export(payer, "monthly", settings={"TIME_GRANULARITY": "MONTHLY"})
    define_report(payer, "old")
    auth = payer.user(*AUTOMATIC)
    assert oscar.post(FIND, account(cast, auth))["Location"] == CHOOSE
    shown = text(oscar.get(CHOOSE))
    assert 'value="cur2:daily" checked' in shown
    assert 'value="cur2:monthly" disabled' in shown
    assert "It is monthly" in shown
    assert auth["secret_access_key"] not in shown
    assert auth["secret_access_key"] not in str(dict(oscar.session))
    response = oscar.post(CHOOSE, {"export": "legacy_cur:old"})
    made = Connection.objects.get()
    assert response["Location"] == f"/admin/connections/connection/{made.pk}/change/"
    assert made.current_export.name == "old"
    assert made.secret_access_key == auth["secret_access_key"]
    assert oscar.get(CHOOSE)["Location"] == FIND


def test_wrong_credentials_stand_beside_their_field_and_nothing_is_kept(
    cast: Cast, oscar: Client, payer: PretendAccount
) -> None:
    auth = {**payer.user(*AUTOMATIC), "secret_access_key": "wrong"}
    shown = text(oscar.post(FIND, account(cast, auth)))
    assert "does not belong to its access key id" in shown
    assert auth["access_key_id"] in shown
    assert 'value="wrong"' not in shown
    assert oscar.get(CHOOSE)["Location"] == FIND


def test_a_choice_that_was_not_offered_is_refused(
    cast: Cast, oscar: Client, payer: PretendAccount
) -> None:
    open_bucket(payer)
    define_export(payer, "monthly", settings={"TIME_GRANULARITY": "MONTHLY"})
    oscar.post(FIND, account(cast, payer.user(*AUTOMATIC)))
    assert "Choose one of the exports" in text(oscar.post(CHOOSE, {"export": "cur2:other"}))
    assert "It is monthly" in text(oscar.post(CHOOSE, {"export": "cur2:monthly"}))
    assert not Connection.objects.exists()


def test_an_operator_creates_an_export(cast: Cast, oscar: Client, aws: str) -> None:
    payer = PretendAccount(endpoint=aws)
    entered = {
        **account(cast, payer.user(*AUTOMATIC)),
        "export_schema": "cur2",
        "export_bucket": "acme-new-bills",
        "export_region": REGION,
        "export_prefix": "bills",
        "export_name": "",
        "export_granularity": "daily",
        "export_file_format": "csv_zip",
    }
    refused = text(oscar.post(CREATE, entered))
    assert "only a legacy report also as ZIP CSV" in refused
    response = oscar.post(CREATE, {**entered, "export_file_format": "parquet"}, follow=True)
    assert "Created the CUR 2.0 export" in text(response)
    assert Connection.objects.get().current_export.name == "countinghouse-cur2-daily"


def test_an_organization_of_somebody_else_cannot_be_chosen(
    cast: Cast, oscar: Client, payer: PretendAccount
) -> None:
    auth = payer.user(*AUTOMATIC)
    shown = text(oscar.post(FIND, account(cast, auth, organization=str(cast.bolt.pk))))
    assert "Select a valid choice" in shown


def test_credentials_that_no_key_opens_any_more_are_asked_for_again(
    cast: Cast, oscar: Client, payer: PretendAccount, settings: Settings
) -> None:
    open_bucket(payer)
    define_export(payer, "daily")
    assert oscar.post(FIND, account(cast, payer.user(*AUTOMATIC)))["Location"] == CHOOSE
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    assert oscar.get(CHOOSE)["Location"] == FIND
