"""The policies held against the calls that the portal really makes.

The pretend AWS evaluates policies as AWS does. A user who has exactly the generated policy does all
work of a mode; without any one action something fails with a sentence that names it; and every
action of the policy is used. A new kind of work joins by a line in WORK.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.models import ImportRun
from connections.aws.credentials import AccessKey
from connections.aws.session import AwsSession
from connections.policies.modes import documents
from connections.policies.statements import Document, Kind
from connections.policies.values import Mode, Values
from demo.aws.calls import IAM_PREFIX, S3_OPERATIONS
from discovery.collectors import COLLECTORS
from discovery.models import DiscoveryRun
from discovery.permissions import needed_permissions
from discovery.services import run_discovery
from organizations.access import Role
from organizations.crypto import Secret
from organizations.runs import RunFailure, RunState
from tests.cast import Cast
from tests.connections.pretend import BUCKET, PAYER, REGION, PretendAccount, _call, body

pytestmark = pytest.mark.django_db(transaction=True)

PERMISSION_OF = dict(S3_OPERATIONS.values())
NEW_BUCKET = "acme-new-bills"


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
    made.requests()
    return made


def _resources(payer: PretendAccount) -> None:
    ec2 = payer.client("ec2", REGION)
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"][:2]]
    payer.client("elbv2", REGION).create_load_balancer(Name="web", Subnets=subnets)
    payer.client("elb", REGION).create_load_balancer(
        LoadBalancerName="old",
        Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}],
        AvailabilityZones=[f"{REGION}a"],
    )


# --- the work of each mode --------------------------------------------------------------------
def connect_and_import(world: World, without: str = "") -> str:
    """Connect the payer and import its bill; return all that anybody was told about bills."""
    response = world.cast.api(Role.OPERATOR).post(
        "/api/v1/connections/", body(world.auth), format="json"
    )
    if response.status_code != 201:
        return str(response.json()["errors"])
    return "\n".join([_checks(response), _command("import_billing"), *_told(ImportRun)])


def discover(world: World, without: str = "") -> str:
    """Discover the account's resources; return everything that anybody was told.

    Where an action is missing, only what needs it is discovered: the rest takes its time.
    """
    response = world.cast.api(Role.OPERATOR).post(
        "/api/v1/connections/",
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
    """Find exports, make a bucket and an export in it, as an operator would; connect to it."""
    session = AwsSession(
        AccessKey(world.auth["access_key_id"], Secret(world.auth["secret_access_key"])),
        account="the payer",
    )
    try:
        _make_export(session)
    except RunFailure as failure:
        return f"{failure.message} {failure.hint}"
    world.payer.deliver()
    return connect_and_import(world)


def _make_export(session: AwsSession) -> None:
    exports = session.client("bcm-data-exports")
    list(session.client("cur").pages("describe_report_definitions", "ReportDefinitions"))
    list(exports.pages("list_exports", "Exports"))
    s3 = session.client("s3", REGION)
    s3.call(
        "create_bucket",
        Bucket=NEW_BUCKET,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    s3.call(
        "put_public_access_block",
        Bucket=NEW_BUCKET,
        PublicAccessBlockConfiguration={"BlockPublicAcls": True, "BlockPublicPolicy": True},
    )
    with suppress_code("NoSuchBucketPolicy"):
        s3.call("get_bucket_policy", Bucket=NEW_BUCKET)
    policy = documents(_values(Mode.BUCKET_POLICY, bucket=NEW_BUCKET))[0].policy
    s3.call("put_bucket_policy", Bucket=NEW_BUCKET, Policy=json.dumps(policy))
    made = exports.call("create_export", Export=_export(NEW_BUCKET))
    exports.call("get_export", ExportArn=made["ExportArn"])


class suppress_code(suppress):  # noqa: N801 - a context manager, named as contextlib's own
    """Let a failure with this code of AWS's pass."""

    def __init__(self, code: str) -> None:
        super().__init__(RunFailure)
        self.code = code

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return getattr(error, "code", "") == self.code


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
}


# --- what is checked --------------------------------------------------------------------------
def _values(mode: Mode, **changes: Any) -> Values:
    known = {"account_id": PAYER, "bucket": BUCKET, "prefix": "cur", "export_name": "daily"}
    return Values(mode=mode, **{**known, **changes})


def _document(mode: Mode, **changes: Any) -> Document:
    made = documents(_values(mode, **changes))
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


def used(requests: list[dict[str, Any]]) -> set[str]:
    """Return the IAM actions of the calls that AWS allowed."""
    found = set()
    for one in requests:
        service = IAM_PREFIX.get(one["service"], one["service"])
        name = PERMISSION_OF.get(one["action"], one["action"])
        if one["status"] != 403 and one["account"] == PAYER:
            found.add(f"{service}:{name if service == 's3' else one['action']}")
    return found - {"sts:GetCallerIdentity"}


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
    assert action in WORK[mode].do(world, action)


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
