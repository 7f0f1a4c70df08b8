"""Updating, disconnecting, pausing and testing a connection, over the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from connections import checks, services
from connections.inputs import Refusal
from connections.models import CheckRun, Connection, Export, JobHealth
from connections.tasks import run_check
from organizations.access import Role
from organizations.runs import Trigger
from tests.cast import Cast
from tests.connections.pretend import BUCKET, MEMBER, PAYER, READ, PretendAccount, body

URL = "/api/v1/connections/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def auth(payer: PretendAccount) -> dict[str, str]:
    return payer.user()


@pytest.fixture
def connected(cast: Cast, auth: dict[str, str]) -> Connection:
    response = cast.api(Role.OPERATOR).post(URL, body(auth), format="json")
    assert response.status_code == 201, response.json()
    found: Connection = Connection.objects.get()
    return found


def patch(cast: Cast, connection: Connection, data: dict[str, Any]) -> Any:
    return cast.api(Role.OPERATOR).patch(f"{URL}{connection.pk}/", data, format="json")


def everything(connection: Connection) -> list[Any]:
    return [
        *Connection.objects.filter(pk=connection.pk).values(),
        *Export.objects.filter(connection=connection).values(),
        *CheckRun.objects.filter(connection=connection).values(),
    ]


def test_a_new_key_of_the_same_account_takes_the_place_of_the_old(
    cast: Cast, payer: PretendAccount, connected: Connection
) -> None:
    fresh = payer.user(name="second")
    assert patch(cast, connected, {"auth": fresh}).status_code == 200
    connected.refresh_from_db()
    assert connected.access_key_id == fresh["access_key_id"]
    assert connected.secret_access_key == fresh["secret_access_key"]


def test_another_export_takes_the_place_of_the_old_one_which_is_kept(
    cast: Cast, payer: PretendAccount, connected: Connection
) -> None:
    payer.deliver("hourly")
    export = {"name": "hourly", "bucket": BUCKET, "prefix": "cur"}
    response = patch(cast, connected, {"export": export})
    assert response.status_code == 200, response.json()
    assert response.json()["export"]["name"] == "hourly"
    assert Export.objects.get(name="daily").retired_at is not None
    again = patch(cast, connected, {"export": {**export, "name": "daily"}})
    assert again.status_code == 200
    assert Export.objects.get(name="daily").retired_at is None
    assert Export.objects.count() == 2


def test_bad_values_change_nothing(
    cast: Cast, payer: PretendAccount, auth: dict[str, str], connected: Connection
) -> None:
    foreign = PretendAccount(MEMBER).user()
    good_export = {"name": "daily", "bucket": BUCKET, "prefix": "cur"}
    before = everything(connected)
    tries: list[tuple[dict[str, Any], str]] = [
        ({"auth": {**auth, "secret_access_key": "wrong"}}, "auth.secret_access_key"),
        ({"auth": foreign}, "auth"),
        ({"auth": {"method": "access_key"}}, "auth.access_key_id"),
        ({"export": {**good_export, "name": "nothing"}}, "export.name"),
        ({"export": {"name": "daily"}}, "export.bucket"),
        ({"auth": foreign, "export": good_export, "name": "New"}, "auth"),
        ({"name": "New", "export": {**good_export, "bucket": "acme-none"}}, "export.bucket"),
        ({"name": ""}, "name"),
        ({"import_every": 5}, "import_every"),
        ({"account_id": MEMBER}, "account_id"),
        ({"kind": "linked"}, "kind"),
    ]
    for data, field in tries:
        response = patch(cast, connected, data)
        assert response.status_code == 400, data
        assert field in response.json()["errors"], response.json()
    assert everything(connected) == before


def test_a_linked_account_takes_no_export(cast: Cast, payer: PretendAccount) -> None:
    data = {"name": "M", "kind": "linked", "auth": PretendAccount(MEMBER).user()}
    made = cast.api(Role.OPERATOR).post(URL, data, format="json")
    assert made.status_code == 201, made.json()
    export = {"name": "daily", "bucket": BUCKET, "prefix": "cur"}
    response = patch(cast, Connection.objects.get(), {"export": export})
    assert "its payer" in response.json()["errors"]["export"][0]


def test_disconnecting_erases_the_credentials_and_keeps_the_history(
    cast: Cast, auth: dict[str, str], connected: Connection
) -> None:
    client = cast.api(Role.OPERATOR)
    assert client.delete(f"{URL}{connected.pk}/").status_code == 204
    connected.refresh_from_db()
    assert connected.secret_access_key == connected.access_key_id == ""
    assert connected.status == "disabled"
    assert connected.exports.count() == connected.checks.count() == 1
    assert client.get(f"{URL}{connected.pk}/").status_code == 404
    assert client.get(URL).json()["count"] == 0
    assert client.post(f"{URL}{connected.pk}/check/").status_code == 404
    again = client.post(URL, body(auth, name="Back"), format="json")
    assert again.status_code == 201
    assert again.json()["id"] == connected.pk
    assert connected.exports.count() == 1
    actions = list(cast.acme.audit_events.values_list("action", flat=True))
    assert "connection.disconnected" in actions
    assert "connection.reconnected" in actions


def test_the_audit_trail_names_what_changed_but_no_secret(
    cast: Cast, auth: dict[str, str], connected: Connection
) -> None:
    patch(cast, connected, {"name": "Renamed", "auth": auth})
    event = cast.acme.audit_events.filter(action="connection.updated").get()
    assert event.changes["name"] == "Renamed"
    assert event.changes["auth"] == {"method": "access_key"}
    assert event.actor == "API token operator"


def test_a_test_of_the_connection_tries_each_permission(
    cast: Cast, payer: PretendAccount, connected: Connection
) -> None:
    from connections.tasks import run_check

    client = cast.api(Role.OPERATOR)
    first = client.post(f"{URL}{connected.pk}/check/")
    assert first.status_code == 202
    assert first.json()["state"] == "queued"
    assert first.json()["connection"] == connected.pk
    second = client.post(f"{URL}{connected.pk}/check/")
    assert second.json()["id"] == first.json()["id"]
    payer.allow("portal", "s3:ListBucket")
    run_check(first.json()["id"])
    run = CheckRun.objects.get(pk=first.json()["id"])
    assert run.state == "succeeded"
    rows = {row["permission"]: row for row in run.results}
    assert rows["s3:ListBucket"]["state"] == "pass"
    assert rows["s3:GetObject"]["state"] == "fail"
    assert "s3:GetObject" in rows["s3:GetObject"]["hint"]
    health = JobHealth.objects.get(job="check")
    assert not health.is_ok
    assert "s3:GetObject" in health.message


def test_a_permission_that_another_one_hides_is_unknown(
    cast: Cast, payer: PretendAccount, connected: Connection
) -> None:
    payer.allow("portal", "s3:GetObject")
    run = checks.run_check(checks.request_check(connected, Trigger.MANUAL))
    rows = {row["permission"]: row["state"] for row in run.results}
    assert rows["s3:ListBucket"] == "fail"
    assert rows["s3:GetObject"] == "unknown"


def test_a_check_whose_credentials_are_dead_tries_no_further(
    cast: Cast, payer: PretendAccount, connected: Connection
) -> None:
    iam = payer.client("iam")
    iam.delete_access_key(UserName="portal", AccessKeyId=connected.access_key_id)
    run = checks.run_check(checks.request_check(connected, Trigger.MANUAL))
    assert [row["state"] for row in run.results][:3] == ["fail", "unknown", "unknown"]
    connected.refresh_from_db()
    assert "does not know the access key" in connected.status_message


@pytest.mark.parametrize("role", [Role.VIEWER, Role.FINANCE])
def test_who_is_no_operator_may_not_touch_connections(
    cast: Cast, connected: Connection, role: Role
) -> None:
    client = cast.api(role)
    one = f"{URL}{connected.pk}/"
    answers = [
        client.get(URL),
        client.post(URL, {}, format="json"),
        client.get(one),
        client.patch(one, {}, format="json"),
        client.delete(one),
        client.post(f"{one}check/"),
    ]
    assert {answer.status_code for answer in answers} == {403}


def test_another_organizations_connection_does_not_exist(cast: Cast, connected: Connection) -> None:
    client = cast.api(Role.OWNER, cast.bolt)
    one = f"{URL}{connected.pk}/"
    assert client.get(URL).json()["count"] == 0
    answers = [
        client.get(one),
        client.patch(one, {"name": "Mine"}, format="json"),
        client.delete(one),
        client.post(f"{one}check/"),
        client.post(f"{one}import/"),
        client.post(f"{one}discover/"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    connected.refresh_from_db()
    assert connected.name == "Acme"
    assert connected.is_connected


def test_a_pause_ends_scheduled_work_and_a_resume_brings_it_back(
    cast: Cast, connected: Connection
) -> None:
    services.set_paused(connected, paused=True)
    connected.refresh_from_db()
    assert connected.status == "disabled"
    assert not Connection.objects.active().exists()
    services.set_paused(connected, paused=False)
    connected.refresh_from_db()
    assert connected.status == "waiting"
    assert connected.account_id == PAYER


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have somebody do something just when AWS has answered and nothing is saved yet."""

    def arrange(act: Callable[[], object]) -> None:
        ask = services._try

        def and_act(*args: Any, **options: Any) -> Any:
            tried = ask(*args, **options)
            act()
            return tried

        monkeypatch.setattr(services, "_try", and_act)

    return arrange


def test_an_update_does_not_bring_back_what_was_disconnected_meanwhile(
    cast: Cast, auth: dict[str, str], connected: Connection, meanwhile: Any
) -> None:
    meanwhile(lambda: services.disconnect(Connection.objects.get(pk=connected.pk)))
    response = patch(cast, connected, {"auth": auth})
    assert response.status_code == 400
    assert "was disconnected meanwhile" in response.json()["detail"]
    connected.refresh_from_db()
    assert not connected.is_connected
    assert (connected.access_key_id, connected.secret_access_key) == ("", "")
    assert not PeriodicTask.objects.filter(name__endswith=f"connection {connected.pk}").exists()


def test_an_update_leaves_what_was_changed_meanwhile(
    cast: Cast, auth: dict[str, str], connected: Connection, meanwhile: Any
) -> None:
    def act() -> None:
        other = Connection.objects.get(pk=connected.pk)
        services.set_paused(other, paused=True)
        services.update_connection(other, name="Renamed")

    meanwhile(act)
    assert patch(cast, connected, {"auth": auth, "import_every": 6}).status_code == 200
    connected.refresh_from_db()
    assert (connected.name, connected.is_paused, connected.status) == ("Renamed", True, "disabled")
    assert connected.import_every == 6
    tasks = PeriodicTask.objects.filter(name__endswith=f"connection {connected.pk}")
    assert set(tasks.values_list("enabled", flat=True)) == {False}


def test_two_who_connect_an_account_again_at_once_do_not_overwrite_each_other(
    cast: Cast, auth: dict[str, str], connected: Connection, meanwhile: Any
) -> None:
    services.disconnect(connected)

    def act() -> None:
        Connection.objects.filter(pk=connected.pk).update(disconnected_at=None, name="Quicker")

    meanwhile(act)
    response = cast.api(Role.OPERATOR).post(URL, body(auth), format="json")
    assert response.status_code == 409
    connected.refresh_from_db()
    assert connected.name == "Quicker"


def test_what_was_disconnected_is_neither_paused_nor_disconnected_again(
    connected: Connection,
) -> None:
    stale = Connection.objects.get(pk=connected.pk)
    services.disconnect(connected)
    at = Connection.objects.get(pk=connected.pk).disconnected_at
    services.disconnect(stale)
    with pytest.raises(Refusal):
        services.set_paused(Connection.objects.get(pk=connected.pk), paused=False)
    assert Connection.objects.get(pk=connected.pk).disconnected_at == at
    assert not PeriodicTask.objects.filter(name__endswith=f"connection {connected.pk}").exists()


def test_a_check_whose_task_comes_twice_says_nothing_of_now(
    payer: PretendAccount, connected: Connection
) -> None:
    payer.allow("portal", "s3:GetObject")
    run = checks.run_check(checks.request_check(connected, Trigger.MANUAL))
    payer.allow("portal", *READ)
    checks.run_check(checks.request_check(connected, Trigger.MANUAL))
    told = list(JobHealth.objects.filter(connection=connected, job="check").values())
    assert told[0]["is_ok"]

    run_check(run.pk)

    assert list(JobHealth.objects.filter(connection=connected, job="check").values()) == told
