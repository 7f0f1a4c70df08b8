"""AWS Organizations: who pays, which accounts are members, and in which unit each lies."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from connections.aws.errors import AwsFailure
from connections.aws.session import AwsClient, AwsSession
from organizations.runs import ErrorClass

_NOT_IN_USE = "AWSOrganizationsNotInUseException"
# Deeper nesting does not exist in AWS: five levels below the root.
_LEVELS = 6


@dataclass(frozen=True)
class Member:
    """An account of the organization. AWS also tells its e-mail address, which is not kept.

    unit    path of the organizational unit: "Workloads / Production", '' directly under the root
    status  as AWS says it: ACTIVE, SUSPENDED, PENDING_CLOSURE …
    """

    account_id: str
    name: str
    status: str
    unit: str = ""


@dataclass(frozen=True)
class AwsOrganization:
    """An organization as its payer (management) account sees it.

    `id` is '' for an account that stands alone; it has no members then. `warnings` are sentences
    about what could not be found out.
    """

    id: str
    payer_account_id: str
    members: list[Member] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_organization(session: AwsSession) -> AwsOrganization:
    """Return the organization of an account. Raises AwsFailure where the account may not ask.

    Two calls and one a hundred members, then two for each unit; without the permission to read
    units the members come without them.
    """
    client = session.client("organizations")
    try:
        told = client.call("describe_organization")["Organization"]
    except AwsFailure as failure:
        if failure.code == _NOT_IN_USE:
            return AwsOrganization("", "")
        raise
    listed = list(client.pages("list_accounts", "Accounts"))
    units, warnings = _units_or_warnings(client)
    members = [
        Member(
            one["Id"],
            one.get("Name", ""),
            str(one.get("State") or one.get("Status", "")),
            units.get(one["Id"], ""),
        )
        for one in listed
    ]
    return AwsOrganization(
        told["Id"],
        told.get("MasterAccountId", ""),
        sorted(members, key=lambda one: (one.unit, one.name, one.account_id)),
        warnings,
    )


def _units_or_warnings(client: AwsClient) -> tuple[dict[str, str], list[str]]:
    try:
        roots = client.pages("list_roots", "Roots")
        return {key: path for root in roots for key, path in _below(client, root["Id"], "")}, []
    except AwsFailure as failure:
        if failure.error_class != ErrorClass.PERMISSION:
            raise
        return {}, [f"The organizational units are not known. {failure.message} {failure.hint}"]


def _below(client: AwsClient, parent: str, path: str, level: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (account id, path of its unit) of everything below a root or unit."""
    if path:
        for account in client.pages(
            "list_accounts_for_parent", "Accounts", target=f"the unit {path}", ParentId=parent
        ):
            yield account["Id"], path
    if level >= _LEVELS:
        return
    for unit in client.pages(
        "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent
    ):
        inner = " / ".join(filter(None, (path, unit["Name"])))
        yield from _below(client, unit["Id"], inner, level + 1)
