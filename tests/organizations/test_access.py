"""Roles, scoping and API tokens."""

import pytest
from django.utils import timezone

from organizations.access import Action, Role, is_allowed, permissions_in, roles_allowing
from organizations.models import ApiToken, Membership, TokenPrincipal
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("victor", {Action.VIEW_COSTS, Action.VIEW_RESOURCES}),
        (
            "fiona",
            set(Action) - {Action.MANAGE_CONNECTIONS, Action.MANAGE_MEMBERS},
        ),
        ("oscar", set(Action) - {Action.MANAGE_MEMBERS}),
        ("olivia", set(Action)),
        ("boris", set()),
        ("nora", set()),
        ("ada", set(Action)),
    ],
)
def test_each_role_may_do_exactly_its_actions(cast: Cast, name: str, actions: set[Action]) -> None:
    person = cast.people[name]
    assert {one for one in Action if is_allowed(person, one, cast.acme.pk)} == actions
    assert {key for key, may in permissions_in(person, cast.acme.pk).items() if may} == actions
    for action in Action:
        allowed = cast.acme in person.organizations_allowing(action)
        assert allowed == (action in actions)


def test_somebody_inactive_may_do_nothing(cast: Cast) -> None:
    cast.olivia.is_active = False
    assert not any(is_allowed(cast.olivia, action, cast.acme.pk) for action in Action)


def test_a_query_for_somebody_sees_only_their_organizations(cast: Cast) -> None:
    mine = Membership.objects.for_user(cast.olivia, Action.MANAGE_MEMBERS)
    assert {row.organization for row in mine} == {cast.acme}
    assert not Membership.objects.for_user(cast.oscar, Action.MANAGE_MEMBERS).exists()
    assert not Membership.objects.for_user(cast.nora, Action.VIEW_COSTS).exists()


def test_a_token_acts_with_its_role_in_its_organization_only(cast: Cast) -> None:
    row, text = ApiToken.issue(organization=cast.acme, role=Role.FINANCE, name="reports")
    holder = TokenPrincipal(row)
    assert is_allowed(holder, Action.MANAGE_REPORTS, cast.acme.pk)
    assert not is_allowed(holder, Action.MANAGE_CONNECTIONS, cast.acme.pk)
    assert not is_allowed(holder, Action.VIEW_COSTS, cast.bolt.pk)
    assert text not in {str(value) for value in ApiToken.objects.values_list("digest", flat=True)}


def test_roles_include_those_below_them() -> None:
    assert roles_allowing(Action.VIEW_COSTS) == list(Role)
    assert roles_allowing(Action.MANAGE_MEMBERS) == [Role.OWNER]


def test_saving_the_page_of_a_token_issues_no_other_one(cast: Cast) -> None:
    token, _ = ApiToken.issue(organization=cast.acme, role=Role.OWNER, name="shop")
    ApiToken.objects.update(revoked_at=timezone.now())
    olivia, page = cast.browser("olivia"), f"/admin/organizations/apitoken/{token.pk}/change/"

    assert b'name="_save"' not in olivia.get(page).content
    for button in ("_save", "_continue", "_addanother"):
        assert olivia.post(page, {button: "Save"}).status_code == 403

    assert list(ApiToken.objects.all()) == [token]


def test_a_token_is_revoked_by_its_button_alone(cast: Cast) -> None:
    token, _ = ApiToken.issue(organization=cast.acme, role=Role.OWNER, name="shop")
    page = f"/admin/organizations/apitoken/{token.pk}"
    button = f"{page}/do/revoke/"

    assert cast.browser("oscar").post(button, {"confirmed": "yes"}).status_code in (403, 404)
    assert cast.browser("boris").post(button, {"confirmed": "yes"}).status_code == 404
    assert button.encode() in cast.browser("olivia").get(f"{page}/change/").content
    assert cast.browser("olivia").post(button, {"confirmed": "yes"}).status_code == 302

    token.refresh_from_db()
    assert token.revoked_at is not None
