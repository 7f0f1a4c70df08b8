"""Encrypted fields: at rest, rotating keys, losing keys; masking in the audit trail."""

from collections.abc import Sequence

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.db import connection as database
from pytest_django import Settings

from connections.models import AuthMethod, Connection, ConnectionKind
from connections.services import disconnect
from discovery import services
from organizations.access import Role
from organizations.audit import masked, record
from organizations.crypto import FieldDecryptionError, Secret
from organizations.runs import Trigger
from tests.cast import Cast

SECRET = "wJalrXUtnFEMI/K7MDENG"
pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(cast: Cast) -> Connection:
    return Connection.objects.create(
        organization=cast.acme,
        name="Payer",
        kind=ConnectionKind.ROOT,
        account_id="111122223333",
        auth_method=AuthMethod.ACCESS_KEY,
        access_key_id="AKIAEXAMPLE",
        secret_access_key=SECRET,
    )


def _raw(column: str = "secret_access_key") -> str:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM connections_connection")  # noqa: S608 - our own names
        return str(cursor.fetchone()[0])


def _use(settings: Settings, keys: Sequence[str]) -> None:
    settings.FIELD_KEYS = list(keys)


def test_a_secret_lies_encrypted_and_is_read_back(stored: Connection) -> None:
    assert SECRET not in _raw()
    assert Connection.objects.get().secret_access_key == SECRET


def test_a_secret_does_not_print_itself(stored: Connection) -> None:
    read = Connection.objects.get().secret_access_key
    assert SECRET not in repr(read)
    assert SECRET not in repr([read])
    assert SECRET not in serialize("json", [stored])


def test_a_secret_cannot_be_searched(stored: Connection) -> None:
    with pytest.raises(FieldError):
        Connection.objects.filter(secret_access_key=SECRET).exists()


def test_keys_rotate_without_a_gap(stored: Connection, settings: Settings) -> None:
    old, new = settings.FIELD_KEYS[0], Fernet.generate_key().decode()
    _use(settings, [new, old])
    assert Connection.objects.get().secret_access_key == SECRET
    before = _raw()
    call_command("rotate_field_keys")
    assert _raw() != before
    _use(settings, [new])
    assert Connection.objects.get().secret_access_key == SECRET


def _stripped(secret: str) -> str:
    return secret.strip()


def test_a_lost_key_is_said_and_destroys_nothing(stored: Connection, settings: Settings) -> None:
    old, before = settings.FIELD_KEYS[0], _raw()
    _use(settings, [Fernet.generate_key().decode()])
    lost = Connection.objects.get()
    for read in (str, format, Secret, lambda secret: f"{secret}", _stripped):
        with pytest.raises(FieldDecryptionError) as raised:
            read(lost.secret_access_key)
        assert before not in str(raised.value)
    assert before not in repr([lost.secret_access_key])
    lost.name = "Renamed"
    lost.save()
    assert before in serialize("json", [lost])
    with pytest.raises(CommandError, match="1 stored secrets cannot be opened"):
        call_command("rotate_field_keys")
    assert _raw() == before
    _use(settings, [old])
    assert Connection.objects.get().secret_access_key == SECRET


def test_the_audit_trail_masks_what_looks_secret(cast: Cast) -> None:
    event = record(
        "connection.updated",
        organization=cast.acme,
        changes={"auth": {"secret_access_key": SECRET, "role": "x"}, "api_token": ""},
    )
    event.refresh_from_db()
    assert event.changes == {
        "auth": {"secret_access_key": "(set)", "role": "x"},
        "api_token": "(not set)",
    }
    assert masked([{"password": Secret(SECRET)}]) == [{"password": "(set)"}]


def test_an_audit_event_is_never_changed(cast: Cast) -> None:
    event = record("thing.done", organization=cast.acme)
    event.action = "thing.undone"
    with pytest.raises(TypeError):
        event.save()


def test_a_connection_whose_secret_is_lost_is_shown_and_mended(
    cast: Cast, stored: Connection, settings: Settings
) -> None:
    _use(settings, [Fernet.generate_key().decode()])
    oscar, page = cast.browser("oscar"), f"/admin/connections/connection/{stored.pk}/change/"
    assert oscar.get("/admin/connections/connection/").status_code == 200
    assert oscar.get(page).status_code == 200
    assert cast.api(Role.OPERATOR).get("/api/v1/connections/").status_code == 200

    run = services.run_discovery(services.create_run(stored, Trigger.SCHEDULE))
    assert run.error is not None
    assert "cannot be opened" in run.error["message"]
    assert "enter the secret access key again" in run.error["hint"]
    export = {"name": "daily", "bucket": "acme-bills"}
    answer = cast.api(Role.OPERATOR).patch(
        f"/api/v1/connections/{stored.pk}/", {"export": export}, format="json"
    )
    assert answer.status_code == 400
    assert "cannot be opened" in answer.json()["errors"]["auth"][0]

    disconnect(Connection.objects.get())
    assert Connection.objects.get().secret_access_key == ""
