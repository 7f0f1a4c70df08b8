"""What accounts are called: as AWS Organizations says, else as the bill says."""

import pytest

from connections.account_names import note_billed_accounts
from connections.models import Account
from organizations.models import Organization
from tests.cast import Cast
from tests.connections.pretend import MEMBER, PAYER

pytestmark = pytest.mark.django_db
OTHER = "333344445555"


def names_in(organization: Organization) -> dict[str, str]:
    return dict(Account.objects.of(organization).values_list("account_id", "name"))


def test_a_bill_names_accounts_and_renames_them(cast: Cast) -> None:
    note_billed_accounts(cast.acme, [(MEMBER, PAYER, "shop"), (OTHER, PAYER, "")])
    assert names_in(cast.acme) == {MEMBER: "shop", OTHER: ""}
    note_billed_accounts(cast.acme, [(MEMBER, PAYER, "store"), (OTHER, PAYER, "lake")])
    assert names_in(cast.acme) == {MEMBER: "store", OTHER: "lake"}


def test_a_bill_without_names_leaves_them_and_notes_the_payer(cast: Cast) -> None:
    note_billed_accounts(cast.acme, [(MEMBER, "", "shop")])
    note_billed_accounts(cast.acme, [(MEMBER, PAYER, "")])
    row = Account.objects.get(account_id=MEMBER)
    assert (row.name, row.payer_account_id) == ("shop", PAYER)


def test_the_name_in_aws_organizations_is_preferred(cast: Cast) -> None:
    Account.objects.create(
        organization=cast.acme, account_id=MEMBER, name="Shop (prod)", status="ACTIVE"
    )
    note_billed_accounts(cast.acme, [(MEMBER, PAYER, "shop")])
    row = Account.objects.get(account_id=MEMBER)
    assert (row.name, row.payer_account_id, row.status) == ("Shop (prod)", PAYER, "ACTIVE")


def test_names_are_those_of_one_organization(cast: Cast) -> None:
    note_billed_accounts(cast.acme, [(MEMBER, PAYER, "shop")])
    assert names_in(cast.bolt) == {}
