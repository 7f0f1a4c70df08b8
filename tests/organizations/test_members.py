"""Owners invite people, and hand out the link with which a new person chooses a password."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from organizations.access import Role
from organizations.models import ApiToken, Membership, User
from organizations.services import LastOwnerError, add_member
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db
ADD = "/admin/organizations/membership/add/"
LINK = re.compile(r"http://testserver(/welcome/[^\s<]+)")


def invite(cast: Cast, email: str, by: str = "olivia") -> Any:
    company = cast.bolt if by == "boris" else cast.acme
    entered = {"organization": company.pk, "email": email, "role": "viewer"}
    response = cast.browser(by).post(ADD, entered, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def button_of(membership: Membership) -> str:
    return f"/admin/organizations/membership/{membership.pk}/do/link/"


def choose_password(link: str) -> None:
    stranger = Client()
    page = stranger.get(link, follow=True)
    chosen = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert stranger.post(page.redirect_chain[-1][0], chosen).status_code == 302


def test_somebody_new_chooses_a_password_by_the_link_and_signs_in(cast: Cast) -> None:
    (link,) = LINK.findall(invite(cast, "New.Person@Example.com"))
    choose_password(link)
    entered = {"username": "new.person@example.com", "password": PASSWORD}
    response = Client().post("/sign-in/", entered, follow=True)
    assert response.redirect_chain[-1][0] == "/o/acme/"
    membership = Membership.objects.get(user__username="new.person@example.com")
    assert button_of(membership).encode() not in (
        cast.browser("olivia").get(button_of(membership).replace("do/link", "change")).content
    )


@pytest.mark.parametrize("email", ["boris@example.com", "BORIS@example.com", "boris@ｅxample.com"])
def test_somebody_known_gets_a_role_and_nobody_a_link(cast: Cast, email: str) -> None:
    people = User.objects.count()
    text = invite(cast, email)
    assert not LINK.search(text)
    assert "was known here before" in text
    assert User.objects.count() == people
    assert cast.boris.role_in(cast.acme.pk) == Role.VIEWER


def test_an_address_that_is_no_user_name_is_refused(cast: Cast) -> None:
    people = User.objects.count()
    assert "at most 150 characters" in invite(cast, f"{'a' * 60}@{'b' * 60}.{'c' * 60}.com")
    assert User.objects.count() == people


def test_a_lost_link_is_handed_out_anew_until_there_is_a_password(cast: Cast) -> None:
    (first,) = LINK.findall(invite(cast, "new@example.com"))
    membership = Membership.objects.get(user__username="new@example.com")
    olivia = cast.browser("olivia")

    (again,) = LINK.findall(olivia.post(button_of(membership), follow=True).content.decode())
    choose_password(again)

    assert olivia.post(button_of(membership)).status_code == 403
    assert Client().get(first, follow=True).context["validlink"] is False


@pytest.mark.parametrize(("who", "status"), [("oscar", 403), ("fiona", 403), ("boris", 404)])
def test_only_owners_hand_out_links(cast: Cast, who: str, status: int) -> None:
    invite(cast, "new@example.com")
    membership = Membership.objects.get(user__username="new@example.com")
    assert cast.browser(who).post(button_of(membership)).status_code in (status, 404)


def test_nobody_gets_a_link_for_somebody_of_another_organization(cast: Cast) -> None:
    invite(cast, "new@example.com", by="boris")
    person = User.objects.get(username="new@example.com")
    here = add_member(organization=cast.acme, user=person, role=Role.VIEWER)

    text = cast.browser("olivia").post(button_of(here), follow=True).content.decode()

    assert "cannot be given a link here" in text
    assert not LINK.search(text)


@pytest.mark.parametrize("at_once", [True, False])
def test_who_leaves_is_said_to_leave_tokens_behind(cast: Cast, *, at_once: bool) -> None:
    for company, name in ((cast.acme, "shop"), (cast.acme, "old"), (cast.bolt, "elsewhere")):
        ApiToken.issue(organization=company, role=Role.OWNER, name=name, created_by=cast.oscar)
    ApiToken.objects.filter(name="old").update(revoked_at=timezone.now())
    leaving = Membership.objects.get(user=cast.oscar)
    olivia, here = cast.browser("olivia"), "/admin/organizations/membership/"

    if at_once:
        sent = {"action": "delete_selected", "_selected_action": leaving.pk, "post": "yes"}
        response = olivia.post(here, sent, follow=True)
    else:
        response = olivia.post(f"{here}{leaving.pk}/delete/", {"post": "yes"}, follow=True)

    text = response.content.decode()
    assert "API tokens that oscar made go on working: “shop”." in text
    assert not Membership.objects.filter(pk=leaving.pk).exists()
    assert ApiToken.objects.get(name="shop").revoked_at is None


OWNERS = "/admin/organizations/membership/"


def last_owner(cast: Cast) -> Membership:
    return Membership.objects.get(organization=cast.acme, role=Role.OWNER)


@pytest.mark.parametrize("how", ["change", "delete", "at once"])
def test_an_organization_keeps_its_last_owner(cast: Cast, how: str) -> None:
    owner = last_owner(cast)
    browser = cast.browser(owner.user.username)
    path, data = {
        "change": (f"{OWNERS}{owner.pk}/change/", {"role": Role.VIEWER}),
        "delete": (f"{OWNERS}{owner.pk}/delete/", {"post": "yes"}),
        "at once": (
            OWNERS,
            {
                "action": "delete_selected",
                "_selected_action": [
                    one.pk for one in Membership.objects.filter(organization=cast.acme)
                ],
                "post": "yes",
            },
        ),
    }[how]
    members = set(Membership.objects.values_list("pk", "role"))

    text = browser.post(path, data, follow=True).content.decode()

    assert "is the only owner of" in text and "make somebody else an owner first" in text
    assert "successfully" not in text
    assert set(Membership.objects.values_list("pk", "role")) == members


def test_an_owner_may_go_when_another_stays(cast: Cast) -> None:
    owner = last_owner(cast)
    add_member(organization=cast.acme, user=cast.oscar, role=Role.OWNER)
    browser = cast.browser(owner.user.username)
    browser.post(f"{OWNERS}{owner.pk}/change/", {"role": Role.VIEWER}, follow=True)
    assert last_owner(cast).user == cast.oscar


def test_an_owner_who_may_not_sign_in_is_no_owner_who_stays(cast: Cast) -> None:
    owner = last_owner(cast)
    add_member(organization=cast.acme, user=cast.oscar, role=Role.OWNER)
    User.objects.filter(pk=cast.oscar.pk).update(is_active=False)
    with pytest.raises(LastOwnerError):
        add_member(organization=cast.acme, user=owner.user, role=Role.VIEWER)
