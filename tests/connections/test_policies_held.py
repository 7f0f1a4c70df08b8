"""The policies held against the calls that the portal really makes.

The pretend AWS evaluates policies as AWS does. A user who has exactly the generated policy does all
work of a mode; without any one action something fails with a sentence that names it; and every
action of the policy is used. A new kind of work joins by a line in WORK.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.core.management import CommandError, call_command

from billing.models import ImportRun
from connections import member_connecting, members
from connections.aws.portal import portal_arn
from connections.aws.session import external_id_of
from connections.models import Connection, MemberListing
from connections.policies.bucket import merged
from connections.policies.modes import documents, identity_statements
from connections.policies.statements import Document, Kind
from connections.policies.values import GrantTo, Mode, Values
from demo.aws.calls import IAM_PREFIX, S3_OPERATIONS
from demo.aws.gate import DEPENDENT
from demo.bills.delivery import DataExport, deliver, put
from demo.bills.line_items import Bill, LineItem
from discovery.collectors import COLLECTORS
from discovery.models import DiscoveryRun
from discovery.permissions import needed_permissions
from discovery.services import run_discovery
from organizations.access import Role
from organizations.runs import RunState, Trigger
from tests.cast import Cast
from tests.connections.company import ROLE, Company, company
from tests.connections.exports import define_export, open_bucket
from tests.connections.pretend import BUCKET, MEMBER, PAYER, REGION, PretendAccount, _call, body

__all__ = ["company"]
pytestmark = pytest.mark.django_db(transaction=True)

PERMISSION_OF = dict(S3_OPERATIONS.values())
NEW_BUCKET = "acme-new-bills"
URL = "/api/v1/connections/"
CREATE = {
    "mode": "create",
    "region": REGION,
    "granularity": "daily",
    "file_format": "parquet",
}


@dataclass
class World:
    """A payer account, the portal's user in it, and the cast."""

    cast: Cast
    payer: PretendAccount
    auth: dict[str, str]

    def grant(self, policy: dict[str, Any], user: str = "portal") -> None:
        """Let the portal's user do exactly what the policy says."""
        self.payer.client("iam").put_user_policy(
            UserName=user, PolicyName="portal", PolicyDocument=json.dumps(policy)
        )

    def requests(self) -> list[dict[str, Any]]:
        """Return what was asked since the last call of this method."""
        told = _call(f"{self.payer.endpoint}/pretend/requests", "GET")["requests"]
        _call(f"{self.payer.endpoint}/pretend/requests", "DELETE")
        return list(told)


@pytest.fixture
def world(cast: Cast, payer: PretendAccount) -> World:
    """The payer with one of each thing that discovery looks at closer."""
    auth = payer.user("sts:GetCallerIdentity")
    made = World(cast, payer, auth)
    _resources(payer)
    open_bucket(payer)
    define_export(payer, "another")
    made.requests()
    return made


def _resources(payer: PretendAccount) -> None:
    ec2 = payer.client("ec2", REGION)
    subnets = ec2.describe_subnets()["Subnets"][:2]
    balancers = payer.client("elbv2", REGION)
    balancers.create_load_balancer(Name="web", Subnets=[one["SubnetId"] for one in subnets])
    balancers.create_target_group(
        Name="web", Protocol="HTTP", Port=80, VpcId=subnets[0]["VpcId"], TargetType="instance"
    )
    payer.client("elb", REGION).create_load_balancer(
        LoadBalancerName="old",
        Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}],
        AvailabilityZones=[f"{REGION}a"],
    )


# --- the work of each mode --------------------------------------------------------------------
def connect_and_import(world: World, without: str = "", bucket: str = BUCKET) -> str:
    """Connect the payer and import its bill; return all that anybody was told about bills."""
    response = world.cast.api(Role.OPERATOR).post(
        URL, body(world.auth, export={"bucket": bucket}), format="json"
    )
    if response.status_code != 201:
        return str(response.json()["errors"])
    return "\n".join([_checks(response), _command("import_billing"), *_told(ImportRun)])


def discover(world: World, without: str = "") -> str:
    """Discover the account's resources; return everything that anybody was told.

    Where an action is missing, only what needs it is discovered: the rest takes its time.
    """
    response = world.cast.api(Role.OPERATOR).post(
        URL,
        {"name": "Acme", "kind": "linked", "auth": world.auth},
        format="json",
    )
    assert response.status_code == 201, response.json()
    concerned = [one for one in COLLECTORS if without in {call.action for call in one.calls}]
    run_discovery(DiscoveryRun.objects.get(), collectors=concerned or COLLECTORS)
    said, checked = "\n".join(_told(DiscoveryRun)), _checks(response)
    assert without in said
    assert without in checked
    return said


def create_an_export(world: World, without: str = "") -> str:
    """Find what exists, let the portal make a bucket and an export, import the first delivery."""
    client = world.cast.api(Role.OPERATOR)
    found = client.post(f"{URL}detectable-exports/", {"auth": world.auth}, format="json")
    wanted = {**CREATE, "bucket": NEW_BUCKET}
    made = client.post(URL, body(world.auth, export=wanted), format="json")
    if made.status_code != 201:
        return str([found.json(), made.json()])
    # Of exports in other buckets it says that they cannot be read, as it should.
    looked = found.json() if without else found.json()["notes"]
    _deliver(world.payer, NEW_BUCKET)
    told = [_checks(made), _command("import_billing"), *_told(ImportRun)]
    return "\n".join([json.dumps(looked, ensure_ascii=False), *told])


def _deliver(owner: PretendAccount, bucket: str) -> None:
    start = dt.datetime(2026, 10, 3, tzinfo=dt.UTC)
    bill = Bill(start.date().replace(day=1), [LineItem(PAYER, start, Decimal("12.5"))], PAYER)
    made = deliver(DataExport(bucket, "daily", PAYER, prefix="cur"), bill)
    put(made, owner.client("s3", REGION))


def _export(bucket: str) -> dict[str, Any]:
    return {
        "Name": "daily",
        "DataQuery": {
            "QueryStatement": "SELECT line_item_unblended_cost FROM COST_AND_USAGE_REPORT",
            "TableConfigurations": {
                "COST_AND_USAGE_REPORT": {
                    "TIME_GRANULARITY": "DAILY",
                    "INCLUDE_RESOURCES": "TRUE",
                    "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "FALSE",
                    "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
                }
            },
        },
        "DestinationConfigurations": {
            "S3Destination": {
                "S3Bucket": bucket,
                "S3Prefix": "cur",
                "S3Region": REGION,
                "S3OutputConfigurations": {
                    "OutputType": "CUSTOM",
                    "Format": "PARQUET",
                    "Compression": "PARQUET",
                    "Overwrite": "OVERWRITE_REPORT",
                },
            }
        },
        "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
    }


@dataclass(frozen=True)
class Work:
    """What is done in a mode, and the runs that it makes."""

    do: Callable[[World, str], str]
    runs: Any


WORK = {
    Mode.READ_ONLY: Work(connect_and_import, ImportRun),
    Mode.DISCOVER: Work(discover, DiscoveryRun),
    Mode.AUTOMATIC: Work(create_an_export, ImportRun),
}


# --- what is checked --------------------------------------------------------------------------
def _values(mode: Mode, **changes: Any) -> Values:
    known = {"account_id": PAYER, "bucket": BUCKET, "prefix": "cur", "export_name": "daily"}
    return Values(mode=mode, **{**known, **changes})


def _document(mode: Mode, **changes: Any) -> Document:
    bucket = NEW_BUCKET if mode == Mode.AUTOMATIC else BUCKET
    made = documents(_values(mode, **{"bucket": bucket, **changes}))
    return next(one for one in made if one.kind == Kind.IDENTITY)


def actions_of(policy: dict[str, Any]) -> set[str]:
    """Return the actions that a policy allows."""
    found: set[str] = set()
    for one in policy["Statement"]:
        action = one["Action"]
        found |= {action} if isinstance(action, str) else set(action)
    return found


def without(policy: dict[str, Any], action: str) -> dict[str, Any]:
    """Return the policy less one action."""
    kept = []
    for one in policy["Statement"]:
        left = sorted(actions_of({"Statement": [one]}) - {action})
        kept += [{**one, "Action": left}] if left else []
    return {**policy, "Statement": kept}


_SIGNED_AS_S3 = {"s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock"}


def used(requests: list[dict[str, Any]]) -> set[str]:
    """Return the IAM actions of the calls that AWS allowed."""
    found = set()
    for one in requests:
        service = IAM_PREFIX.get(one["service"], one["service"])
        name = PERMISSION_OF.get(one["action"], one["action"])
        if one["status"] != 403 and one["account"] == PAYER:
            action = f"{service}:{name if service == 's3' else one['action']}"
            found.add(_SIGNED_AS_S3.get(action, action))
    found |= {DEPENDENT[action] for action in found if action in DEPENDENT}
    # The one needs no permission; the other is AWS, delivering.
    return found - {"sts:GetCallerIdentity", "s3:PutObject"}


def each_action() -> Iterator[Any]:
    """Yield (mode, action) for every action of the policy of every mode."""
    for mode in WORK:
        for action in sorted(actions_of(_document(mode).policy)):
            yield pytest.param(mode, action, id=f"{mode} without {action}")


@pytest.mark.parametrize("mode", WORK)
def test_the_policy_is_enough_and_all_of_it_is_used(world: World, mode: Mode) -> None:
    policy = _document(mode).policy
    world.grant(policy)
    world.requests()
    told = WORK[mode].do(world, "")
    requests = world.requests()
    assert "may not" not in told
    states = set(WORK[mode].runs.objects.values_list("state", flat=True))
    assert states <= {RunState.SUCCEEDED, RunState.UNCHANGED}
    assert states
    assert used(requests) == actions_of(policy)


@pytest.mark.parametrize(("mode", "action"), list(each_action()))
def test_without_one_action_something_fails_and_names_it(
    world: World, mode: Mode, action: str
) -> None:
    world.grant(without(_document(mode).policy, action))
    told = WORK[mode].do(world, action)
    # AWS refuses the call that needs the other permission, too.
    refused = {action, *(call for call, needed in DEPENDENT.items() if needed == action)}
    assert [one for one in refused if one in told], told


# --- whole organizations ----------------------------------------------------------------------
def _organization_policy() -> dict[str, Any]:
    """Return what the payer's user needs for the organization, and nothing else."""
    chosen = _values(Mode.DISCOVER, with_organization=True, member_role=ROLE)
    wanted = ("organizations:", "sts:")
    kept = [
        one.as_dict()
        for one in identity_statements(chosen)
        if all(action.startswith(wanted) for action in one.actions)
    ]
    return {"Version": "2012-10-17", "Statement": kept}


def _list_and_connect(company: Company) -> str:
    """List the members and connect one through its role; return all that was told."""
    MemberListing.objects.all().delete()
    listing = members.run_listing(members.request_listing(company.payer, Trigger.MANUAL))
    if listing.state == RunState.FAILED:
        return listing.error_message
    run = member_connecting.request_connecting(company.payer, [MEMBER], role_name=ROLE)
    member_connecting.run_connecting(run)
    return f"{listing.error_message} {listing.warnings} {run.results}"


def _grant(company: Company, policy: dict[str, Any]) -> None:
    company.aws.client("iam").put_user_policy(
        UserName="portal", PolicyName="portal", PolicyDocument=json.dumps(policy)
    )
    company.aws.requests()


def test_the_organization_policy_is_enough_and_all_of_it_is_used(
    cast: Cast, company: Company
) -> None:
    company.role(MEMBER, external_id=external_id_of(cast.acme))
    policy = _organization_policy()
    _grant(company, policy)
    assert "may not" not in _list_and_connect(company)
    assert set(company.aws.requests()) >= actions_of(policy)
    assert Connection.objects.filter(account_id=MEMBER).exists()


@pytest.mark.parametrize("action", sorted(actions_of(_organization_policy())))
def test_without_one_action_on_the_organization_something_names_it(
    cast: Cast, company: Company, action: str
) -> None:
    company.role(MEMBER, external_id=external_id_of(cast.acme))
    _grant(company, without(_organization_policy(), action))
    assert action in _list_and_connect(company)


# --- roles, and buckets of other accounts -----------------------------------------------------
def test_a_role_made_from_the_documents_connects(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = PretendAccount(account_id=MEMBER, endpoint=world.payer.endpoint)
    key = portal.user("sts:GetCallerIdentity", name="portal-itself")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["secret_access_key"])
    assert portal_arn() == f"arn:aws:iam::{MEMBER}:user/portal-itself"
    values = _values(
        Mode.READ_ONLY,
        grant_to=GrantTo.ROLE,
        portal_arn=portal_arn(),
        external_id=external_id_of(world.cast.acme),
    )
    made = {one.name: one.text for one in documents(values)}
    iam = world.payer.client("iam")
    iam.create_role(RoleName=values.role_name, AssumeRolePolicyDocument=made["trust-policy"])
    iam.put_role_policy(
        RoleName=values.role_name, PolicyName="read", PolicyDocument=made["read-only"]
    )
    world.auth = {"method": "assume_role", "role_arn": values.role_arn}
    assert "does not let the portal assume" in connect_and_import(world)
    portal.client("iam").put_user_policy(
        UserName="portal-itself", PolicyName="portal", PolicyDocument=made["portal-policy"]
    )
    connect_and_import(world)
    assert set(ImportRun.objects.values_list("state", flat=True)) == {RunState.SUCCEEDED}


def test_a_bucket_of_another_account_is_read_with_both_sides(world: World) -> None:
    owner = PretendAccount(account_id=MEMBER, endpoint=world.payer.endpoint)
    owner.bucket("member-bills")
    _deliver(owner, "member-bills")
    bucket_side, identity_side = _both_sides()
    world.grant(identity_side.policy)
    assert "s3:GetBucketLocation" in connect_and_import(world, bucket="member-bills")
    s3 = owner.client("s3", REGION)
    s3.put_bucket_policy(Bucket="member-bills", Policy=bucket_side.text)
    told = connect_and_import(world, bucket="member-bills")
    assert "may not" not in told
    assert set(ImportRun.objects.values_list("state", flat=True)) == {RunState.SUCCEEDED}


def _both_sides() -> tuple[Document, Document]:
    values = _values(Mode.CROSS_ACCOUNT, bucket="member-bills", bucket_account_id=MEMBER)
    made = {one.kind: one for one in documents(values)}
    return made[Kind.BUCKET], made[Kind.IDENTITY]


@pytest.mark.parametrize("schema", ["legacy_cur", "cur2"])
def test_the_bucket_policy_lets_aws_deliver_and_keeps_what_was_there(
    world: World, schema: str
) -> None:
    s3 = world.payer.client("s3", REGION)
    theirs = {
        "Sid": "Theirs",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    before = {"Version": "2012-10-17", "Statement": [theirs]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(before))
    with pytest.raises(ClientError, match="ValidationException"):
        _create(world.payer, schema)
    wanted = documents(_values(Mode.BUCKET_POLICY, schema=schema))[0].statements
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(merged(before, wanted)))
    _create(world.payer, schema)
    after = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert after["Statement"][0] == theirs


def _create(payer: PretendAccount, schema: str) -> None:
    if schema == "cur2":
        payer.client("bcm-data-exports").create_export(Export=_export(BUCKET))
        return
    payer.client("cur").put_report_definition(
        ReportDefinition={
            "ReportName": "daily",
            "TimeUnit": "DAILY",
            "Format": "Parquet",
            "Compression": "Parquet",
            "AdditionalSchemaElements": ["RESOURCES"],
            "S3Bucket": BUCKET,
            "S3Prefix": "cur",
            "S3Region": REGION,
            "ReportVersioning": "OVERWRITE_REPORT",
        }
    )


def _command(name: str) -> str:
    out = StringIO()
    try:
        call_command(name, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}\n{error}"
    return out.getvalue()


def _told(model: Any) -> list[str]:
    return [f"{run.error_message} {run.error_hint} {run.warnings}" for run in model.objects.all()]


def _checks(response: Any) -> str:
    """Return what the permission check says of what failed; discovery is another mode's work."""
    answer = response.json()
    elsewhere = {one.action for one in needed_permissions()} if answer["kind"] == "root" else set()
    rows = [row for row in answer["checks"] if row["permission"] not in elsewhere]
    return json.dumps([row for row in rows if row["state"] != "pass"])
