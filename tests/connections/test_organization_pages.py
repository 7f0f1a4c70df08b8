"""Operators' pages of an AWS organization, and the button beside what is left out."""

from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from connections import member_connecting, members, services
from connections.account_names import note_billed_accounts
from connections.aws.session import external_id_of
from connections.models import Connection, MemberConnecting, MemberListing
from organizations.runs import Trigger
from tests.cast import Cast
from tests.connections.company import ROLE, SECOND, Company, bill_names, company
from tests.connections.pretend import MEMBER, PAYER

__all__ = ["company"]
pytestmark = pytest.mark.django_db
OTHER = "999900001111"


@pytest.fixture
def oscar(cast: Cast) -> Client:
    return cast.browser("oscar")


def payer_without_aws(cast: Cast) -> Connection:
    """Return a payer whose bill names MEMBER; nothing here asks AWS."""
    made: Connection = Connection.objects.create(
        organization=cast.acme,
        name="Acme",
        kind="root",
        account_id=PAYER,
        auth_method="access_key",
    )
    bill_names(cast, MEMBER, name="shop")
    return made


def address(payer: Connection) -> str:
    return f"/admin/connections/connection/{payer.pk}/organization/"


def text_of(response: Any) -> str:
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


def test_the_page_shows_the_idsand_what_a_role_must_look_like(
    cast: Cast, oscar: Client, company: Company
) -> None:
    MemberListing.objects.all().delete()
    members.run_listing(members.request_listing(company.payer, Trigger.MANUAL))
    text = text_of(oscar.get(address(company.payer), {"account": SECOND}))
    for shown in ("shop", "lake", "Workloads / Production", external_id_of(cast.acme)):
        assert shown in text
    assert "3 members, 3 not connected" in text
    assert f'value="{SECOND}" checked' in text
    assert "hidden.example" not in text
    change = text_of(oscar.get(f"/admin/connections/connection/{company.payer.pk}/change/"))
    assert address(company.payer) in change


def test_a_bill_alone_names_idstoo(cast: Cast, oscar: Client) -> None:
    payer = payer_without_aws(cast)
    text = text_of(oscar.get(address(payer)))
    assert "AWS Organizations was not asked yet" in text
    assert "shop" in text


def test_ticked_idsconnect_for_costs_only(cast: Cast, oscar: Client) -> None:
    payer = payer_without_aws(cast)
    response = oscar.post(address(payer), {"account": [MEMBER], "how": "costs"}, follow=True)
    assert "1 of 1 accounts were connected" in text_of(response)
    assert "Costs only" in text_of(response)
    made = Connection.objects.get(account_id=MEMBER)
    assert made.is_costs_only
    event = cast.acme.audit_events.get(action="connection.connected")
    assert event.actor == "oscar"


def test_with_a_role_a_worker_tries_each(cast: Cast, oscar: Client, company: Company) -> None:
    bill_names(cast, MEMBER, name="shop")
    company.role(MEMBER, external_id=external_id_of(cast.acme))
    entered = {"account": [MEMBER], "how": "role", "role_name": ROLE, "role_source": "payer"}
    assert "is being tried now" in text_of(oscar.post(address(company.payer), entered, follow=True))
    again = text_of(oscar.post(address(company.payer), entered))
    assert "being connected just now" in again
    member_connecting.run_connecting(MemberConnecting.objects.get())
    assert "its resources are being discovered" in text_of(oscar.get(address(company.payer)))
    assert cast.acme.audit_events.filter(actor="oscar", object_id__gt="").exists()


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"how": "costs"}, "Choose at least one account"),
        ({"how": "costs", "account": [OTHER]}, f"names {OTHER} as a member"),
        ({"how": "costs", "account": ["a\x00b"]}, "as a member"),
        ({"how": "role", "account": [MEMBER]}, "Enter the name of the role"),
        ({"how": "role", "account": [MEMBER], "role_name": "a b"}, "Enter the role&#x27;s name"),
        ({"how": "magic", "account": [MEMBER]}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_entered_is_lost(
    cast: Cast, oscar: Client, entered: dict[str, Any], words: str
) -> None:
    text = text_of(oscar.post(address(payer_without_aws(cast)), entered))
    assert words in text
    if MEMBER in entered.get("account", ()):
        assert f'value="{MEMBER}" checked' in text
    assert not MemberConnecting.objects.exists()


def test_refreshing_queues_a_listing(cast: Cast, oscar: Client) -> None:
    payer = payer_without_aws(cast)
    text = text_of(oscar.post(address(payer), {"refresh": "yes"}, follow=True))
    assert "being listed" in text
    assert MemberListing.objects.get().requested_by == "oscar"


@pytest.mark.parametrize("person", ["boris", "fiona", "victor", "nora"])
def test_nobody_else_sees_or_changes_anything(cast: Cast, person: str) -> None:
    payer = payer_without_aws(cast)
    browser = cast.browser(person)
    posted = {"account": [MEMBER], "how": "costs"}
    for response in (browser.get(address(payer)), browser.post(address(payer), posted)):
        assert response.status_code in (302, 403, 404)
        assert "shop" not in response.content.decode()
    assert not Connection.objects.filter(account_id=MEMBER).exists()


class TestTheButton:
    """The button beside an account that a bill names and nobody connected."""

    def press(self, cast: Cast, who: str, account_id: str, **data: str) -> Any:
        return cast.browser(who).post(
            "/o/acme/connect-account/", {"account_id": account_id, **data}
        )

    def test_it_connects_and_goes_back(self, cast: Cast) -> None:
        payer_without_aws(cast)
        response = self.press(cast, "oscar", MEMBER, next="/o/acme/explore/?x=1")
        assert response.headers["Location"] == "/o/acme/explore/?x=1"
        assert Connection.objects.get(account_id=MEMBER).is_costs_only

    def test_it_never_leads_elsewhere(self, cast: Cast) -> None:
        payer_without_aws(cast)
        response = self.press(cast, "oscar", MEMBER, next="https://evil.example/")
        assert response.headers["Location"] == "/o/acme/"

    @pytest.mark.parametrize("account_id", [OTHER, "", "x", "a\x00b", PAYER])
    def test_an_account_that_no_payer_names_is_refused(self, cast: Cast, account_id: str) -> None:
        payer_without_aws(cast)
        assert self.press(cast, "oscar", account_id).status_code == 302
        assert Connection.objects.count() == 1

    @pytest.mark.parametrize("who", ["fiona", "victor", "boris"])
    def test_it_is_for_operators(self, cast: Cast, who: str) -> None:
        payer_without_aws(cast)
        assert self.press(cast, who, MEMBER).status_code in (403, 404)
        assert Connection.objects.count() == 1


def test_the_form_connects_a_linked_account_for_costs_only(cast: Cast, oscar: Client) -> None:
    payer_without_aws(cast)
    entered = {
        "organization": str(cast.acme.pk),
        "name": "Shop",
        "kind": "linked",
        "auth_method": "costs_only",
        "costs_account_id": MEMBER,
        "import_every": "1",
        "discover_every": "1",
    }
    response = oscar.post("/admin/connections/connection/add/", entered)
    assert response.status_code == 302, response.content.decode()
    made = Connection.objects.get(account_id=MEMBER)
    assert made.is_costs_only
    changed = oscar.get(f"/admin/connections/connection/{made.pk}/change/")
    assert "costs only" in text_of(changed)


def test_the_form_offers_only_ones_own_payers_to_assume_a_role(cast: Cast, oscar: Client) -> None:
    payer = payer_without_aws(cast)
    Connection.objects.create(
        organization=cast.bolt, name="Bolt's payer", kind="root", account_id="121212121212"
    )
    text = text_of(oscar.get("/admin/connections/connection/add/"))
    assert str(payer) in text
    assert "121212121212" not in text


def test_disconnecting_a_payer_says_whose_roles_it_opens(cast: Cast, oscar: Client) -> None:
    payer = payer_without_aws(cast)
    Connection.objects.create(
        organization=cast.acme, name="Opened", kind="linked", account_id=MEMBER, through=payer
    )
    asked = oscar.post(f"/admin/connections/connection/{payer.pk}/do/disconnect/")
    assert "Opened" in text_of(asked)
    assert Connection.objects.connected().count() == 2


def test_connecting_one_more_member_costs_the_same_however_many_there_are(cast: Cast) -> None:
    payer = payer_without_aws(cast)
    ids = [f"{number:012d}" for number in range(1, 33)]
    note_billed_accounts(cast.acme, [(one, PAYER, "") for one in ids])

    def queries(account_id: str) -> int:
        with CaptureQueriesContext(database) as asked:
            run = member_connecting.request_connecting(payer, [account_id])
        assert [one["state"] for one in run.results] == ["connected"]
        return len(asked)

    queries(ids[0])
    second = queries(ids[1])
    member_connecting.request_connecting(payer, ids[2:-1])
    assert queries(ids[-1]) == second


def test_a_payer_that_comes_or_goes_is_felt_by_its_linked_accounts(cast: Cast) -> None:
    payer = payer_without_aws(cast)
    member_connecting.request_connecting(payer, [MEMBER])
    linked = Connection.objects.get(account_id=MEMBER)
    assert linked.status == "healthy"
    services.disconnect(payer)
    linked.refresh_from_db()
    assert linked.status == "waiting"
