"""An AWS organization of the pretend AWS: a payer, members in units, roles in some of them."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest

from connections import services
from connections.inputs import AuthInput, ConnectionInput, ExportInput
from connections.models import Account, AuthMethod, Connection, ConnectionKind
from organizations.crypto import Secret
from tests.cast import Cast
from tests.connections.pretend import BUCKET, MEMBER, PAYER, PretendAccount

SECOND = "333344445555"
THIRD = "444455556666"
ROLE = "countinghouse-read"
NAMES = {MEMBER: "shop", SECOND: "lake", THIRD: "old"}
UNITS = {MEMBER: "Workloads / Production", SECOND: "Workloads", THIRD: ""}
LISTING = (
    "organizations:DescribeOrganization",
    "organizations:ListAccounts",
    "organizations:ListRoots",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
)


def build_organization(payer: PretendAccount) -> None:
    """Make the payer's AWS organization: three members, two of them in units."""
    client = payer.client("organizations")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    outer = _unit(client, root, "Workloads")
    inner = _unit(client, outer, "Production")
    _next_ids(payer.endpoint, list(NAMES))
    for account_id, name in NAMES.items():
        client.create_account(AccountName=name, Email=f"{name}@hidden.example")
        place = {MEMBER: inner, SECOND: outer}.get(account_id)
        if place:
            client.move_account(
                AccountId=account_id, SourceParentId=root, DestinationParentId=place
            )


def _unit(client: Any, parent: str, name: str) -> str:
    made = client.create_organizational_unit(ParentId=parent, Name=name)
    found: str = made["OrganizationalUnit"]["Id"]
    return found


def _next_ids(endpoint: str, account_ids: list[str]) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{endpoint}/pretend/account-ids", json.dumps(account_ids).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - our own address
        pass


@dataclass
class Company:
    """The payer's account and its connection."""

    aws: PretendAccount
    payer: Connection

    def role(self, account_id: str, *, external_id: str | None, name: str = ROLE) -> str:
        """Make a role in a member that trusts the payer."""
        return PretendAccount(account_id).role(name, external_id=external_id, trusting=PAYER)


@pytest.fixture
def company(cast: Cast, payer: PretendAccount) -> Company:
    """A connected payer whose user may list the organization and assume the members' roles."""
    build_organization(payer)
    auth = payer.user("s3:*", "ec2:*", "elasticloadbalancing:*", "sts:AssumeRole", *LISTING)
    made = services.connect(
        cast.acme,
        ConnectionInput(
            name="Acme",
            kind=ConnectionKind.ROOT,
            auth=AuthInput(
                AuthMethod.ACCESS_KEY,
                auth["access_key_id"],
                Secret(auth["secret_access_key"]),
            ),
            export=ExportInput(bucket=BUCKET, name="daily", prefix="cur"),
        ),
    )
    return Company(payer, made)


def bill_names(cast: Cast, account_id: str, *, payer: str = PAYER, name: str = "") -> Account:
    """Let a bill have named an account."""
    made: Account = Account.objects.create(
        organization=cast.acme, account_id=account_id, name=name, payer_account_id=payer
    )
    return made
