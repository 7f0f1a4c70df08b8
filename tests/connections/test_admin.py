"""Operators' screens of connections: the form, the buttons, the panel."""

from typing import Any

import pytest
from django.test import Client

from connections import services
from connections.models import CheckRun, Connection
from tests.cast import Cast
from tests.connections.pretend import BUCKET, MEMBER, PAYER, PretendAccount

LIST = "/admin/connections/connection/"
pytestmark = pytest.mark.django_db


def entered(cast: Cast, auth: dict[str, str], **changes: str) -> dict[str, str]:
    """Return the form as somebody fills it in for the payer account."""
    return {
        "organization": str(cast.acme.pk),
        "name": "Acme",
        "kind": "root",
        "auth_method": "access_key",
        "access_key_id": auth.get("access_key_id", ""),
        "secret": auth.get("secret_access_key", ""),
        "role_arn": "",
        "export_bucket": BUCKET,
        "export_prefix": "cur",
        "export_name": "daily",
        "export_schema": "",
        "export_granularity": "",
        "import_every": "1",
        "discover_every": "6",
        **changes,
    }


def page(response: Any) -> str:
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


@pytest.fixture
def auth(payer: PretendAccount) -> dict[str, str]:
    return payer.user()


@pytest.fixture
def oscar(cast: Cast) -> Client:
    return cast.browser("oscar")


@pytest.fixture
def connected(cast: Cast, oscar: Client, auth: dict[str, str]) -> Connection:
    response = oscar.post(f"{LIST}add/", entered(cast, auth))
    assert response.status_code == 302, response.content.decode()
    found: Connection = Connection.objects.get()
    return found


def test_an_operator_connects_an_account(cast: Cast, connected: Connection) -> None:
    assert connected.organization == cast.acme
    assert connected.account_id == PAYER
    assert connected.discover_every == 6
    assert connected.current_export is not None
    event = cast.acme.audit_events.get(action="connection.connected")
    assert event.actor == "oscar"


def test_the_list_and_the_panel_say_how_it_is(
    oscar: Client, auth: dict[str, str], connected: Connection
) -> None:
    listed = page(oscar.get(LIST))
    assert "badge-waiting" in listed
    assert "has not delivered" in listed
    shown = page(oscar.get(f"{LIST}{connected.pk}/change/"))
    assert "s3:GetObject" in shown
    assert "Set. Leave it empty to keep it." in shown
    for text in (listed, shown):
        assert auth["secret_access_key"] not in text
        assert "<script>" not in text
        assert "style=" not in text


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"secret": "wrong"}, "secret", "does not belong to its access key"),
        ({"access_key_id": "AKIA0000000000000000"}, "access_key_id", "does not know"),
        ({"export_bucket": "acme-none"}, "export_bucket", "There is no bucket"),
        ({"export_name": "weekly"}, "export_name", "The bucket holds"),
        ({"export_schema": "legacy_cur"}, "export_schema", "is CUR 2.0, not Legacy CUR"),
        ({"kind": "linked"}, "export_name", "A linked account has no export"),
        ({"auth_method": "assume_role"}, "role_arn", "Enter the role"),
        ({"name": ""}, "name", "required"),
    ],
)
def test_what_aws_says_stands_beside_its_field_and_nothing_is_lost_but_the_secret(
    cast: Cast, auth: dict[str, str], changes: dict[str, str], field: str, words: str
) -> None:
    oscar = cast.browser("oscar")
    data = entered(cast, auth, **changes)
    response = oscar.post(f"{LIST}add/", data)
    text = page(response)
    form = response.context["adminform"].form
    assert words in form.errors[field][0]
    assert f'value="{data["access_key_id"]}"' in text
    assert f'value="{data["export_bucket"]}"' in text
    assert data["secret"] not in text
    assert not Connection.objects.exists()


def test_an_account_that_is_connected_is_said_above_the_form(
    cast: Cast, oscar: Client, auth: dict[str, str], connected: Connection
) -> None:
    response = oscar.post(f"{LIST}add/", entered(cast, auth, name="Again"))
    (error,) = response.context["adminform"].form.non_field_errors()
    assert PAYER in error


def test_a_change_without_a_secret_keeps_it_and_asks_aws_nothing(
    cast: Cast, oscar: Client, payer: PretendAccount, auth: dict[str, str], connected: Connection
) -> None:
    payer.requests()
    data = entered(cast, auth, name="Renamed", secret="", import_every="24", export_schema="cur2")
    assert oscar.post(f"{LIST}{connected.pk}/change/", data).status_code == 302
    connected.refresh_from_db()
    assert (connected.name, connected.import_every) == ("Renamed", 24)
    assert connected.secret_access_key == auth["secret_access_key"]
    assert payer.requests() == {}


def test_another_key_needs_its_secret(
    cast: Cast, oscar: Client, payer: PretendAccount, connected: Connection
) -> None:
    other = payer.user(name="second")
    url = f"{LIST}{connected.pk}/change/"
    refused = oscar.post(url, entered(cast, other, secret=""))
    assert "Enter the secret" in refused.context["adminform"].form.errors["secret"][0]
    assert oscar.post(url, entered(cast, other)).status_code == 302
    connected.refresh_from_db()
    assert connected.access_key_id == other["access_key_id"]


def test_the_key_of_another_account_is_refused(
    cast: Cast, oscar: Client, connected: Connection
) -> None:
    foreign = PretendAccount(MEMBER).user()
    response = oscar.post(f"{LIST}{connected.pk}/change/", entered(cast, foreign))
    assert MEMBER in response.context["adminform"].form.errors["auth_method"][0]


def test_buttons_run_on_post_alone(oscar: Client, connected: Connection) -> None:
    for name in ("check", "pause", "resume", "disconnect"):
        assert oscar.get(f"{LIST}{connected.pk}/do/{name}/").status_code == 405
    oscar.post(f"{LIST}{connected.pk}/do/check/")
    assert CheckRun.objects.filter(state="queued").count() == 1
    oscar.post(f"{LIST}{connected.pk}/do/pause/")
    connected.refresh_from_db()
    assert connected.is_paused
    assert oscar.post(f"{LIST}{connected.pk}/do/pause/").status_code == 403
    oscar.post(f"{LIST}{connected.pk}/do/resume/")
    connected.refresh_from_db()
    assert not connected.is_paused


def test_disconnecting_asks_first_and_says_what_it_will_do(
    oscar: Client, connected: Connection
) -> None:
    url = f"{LIST}{connected.pk}/do/disconnect/"
    asked = page(oscar.post(url))
    assert "erases its credentials" in asked
    assert "Nothing that was imported or discovered is deleted" in asked
    connected.refresh_from_db()
    assert connected.is_connected
    oscar.post(url, {"confirmed": "yes"})
    connected.refresh_from_db()
    assert not connected.is_connected
    assert "Acme" not in page(oscar.get(LIST)).partition('id="changelist"')[2]
    assert "badge-disabled" in page(oscar.get(f"{LIST}?connected=no"))


def test_a_disconnected_account_can_be_looked_at_but_not_changed(
    cast: Cast, oscar: Client, auth: dict[str, str], connected: Connection
) -> None:
    services.disconnect(connected)
    url = f"{LIST}{connected.pk}/change/"
    assert "Disconnected. Its history is kept." in page(oscar.get(url))
    assert oscar.post(url, entered(cast, auth)).status_code == 403


def test_another_organization_cannot_be_chosen(
    cast: Cast, oscar: Client, auth: dict[str, str]
) -> None:
    text = page(oscar.get(f"{LIST}add/"))
    assert "Acme Ltd" in text
    assert "Bolt Inc" not in text
    response = oscar.post(f"{LIST}add/", entered(cast, auth, organization=str(cast.bolt.pk)))
    assert "organization" in response.context["adminform"].form.errors
    assert not Connection.objects.exists()


def test_the_pages_of_checks_show_their_rows(oscar: Client, connected: Connection) -> None:
    run = CheckRun.objects.get()
    assert "badge-succeeded" in page(oscar.get("/admin/connections/checkrun/"))
    shown = page(oscar.get(f"/admin/connections/checkrun/{run.pk}/change/"))
    assert "sts:GetCallerIdentity" in shown
    assert oscar.post(f"/admin/connections/checkrun/{run.pk}/change/").status_code == 403
