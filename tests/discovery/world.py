"""An AWS account in the pretend AWS, and a connection of Acme that may do just what it declares."""

import json
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3

from connections.aws.credentials import AccessKey
from connections.aws.session import AwsSession
from connections.models import AuthMethod, Connection, ConnectionKind
from demo.aws.credentials import root_credentials
from discovery import services
from discovery.collectors import COLLECTORS
from discovery.collectors.base import Collector
from discovery.models import DiscoveryRun, Resource
from discovery.permissions import needed_permissions
from organizations.crypto import Secret
from organizations.models import Organization
from organizations.runs import Trigger

ACCOUNT = "111122223333"
REGION = "eu-west-1"


@dataclass
class World:
    """One account, its connection, and what a test does to both."""

    endpoint: str
    connection: Connection
    account_id: str = ACCOUNT
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def root(self, service: str, region: str = REGION) -> Any:
        """Return a client of the account's root user, who builds things."""
        key = (service, region)
        if key not in self.clients:
            session = boto3.Session(**root_credentials(self.account_id))
            self.clients[key] = session.client(service, region)
        return self.clients[key]

    def block_public_access(self, **block: bool) -> None:
        """Let the account block public access to all of its buckets, as its root user."""
        keys = root_credentials(self.account_id)
        key = AccessKey(keys["aws_access_key_id"], Secret(keys["aws_secret_access_key"]))
        AwsSession(key, account="root").client("s3control").call(
            "put_public_access_block",
            AccountId=self.account_id,
            PublicAccessBlockConfiguration=block,
        )

    def allow(self, actions: Iterable[str]) -> None:
        """Let the portal's user do these actions and nothing else."""
        statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.root("iam").put_user_policy(
            UserName="portal", PolicyName="discovery", PolicyDocument=document
        )

    def instance(self, region: str = REGION, **tags: str) -> str:
        """Start an instance; return its id."""
        parameters: dict[str, Any] = {}
        if tags:
            listed = [{"Key": key, "Value": value} for key, value in tags.items()]
            parameters["TagSpecifications"] = [{"ResourceType": "instance", "Tags": listed}]
        started = self.root("ec2", region).run_instances(
            ImageId="ami-0b301ce3ce347599c", MinCount=1, MaxCount=1, **parameters
        )
        return str(started["Instances"][0]["InstanceId"])

    def volume(self, region: str = REGION, size: int = 8) -> str:
        """Create a volume; return its id."""
        made = self.root("ec2", region).create_volume(AvailabilityZone=f"{region}a", Size=size)
        return str(made["VolumeId"])

    def subnets(self, region: str = REGION) -> list[str]:
        """Return two subnets in two zones."""
        found = self.root("ec2", region).describe_subnets()["Subnets"]
        return [subnet["SubnetId"] for subnet in found[:2]]

    def fault(self, *rules: dict[str, Any]) -> None:
        """Make AWS fail as these rules say (see demo.aws.faults)."""
        self._control("faults", "POST", list(rules))

    def mend(self) -> None:
        """End all faults."""
        self._control("faults", "DELETE")

    def forget_requests(self) -> None:
        """Start counting requests anew."""
        self._control("requests", "DELETE")

    def requests(self) -> list[dict[str, Any]]:
        """Return what was asked since then."""
        return list(self._control("requests", "GET")["requests"])

    def _control(self, what: str, method: str, data: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.endpoint}/pretend/{what}",
            data=None if data is None else json.dumps(data).encode(),
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read())

    def discover(self, *collectors: Collector) -> DiscoveryRun:
        """Discover with these collectors (or all) here and now."""
        run = services.create_run(self.connection, Trigger.MANUAL)
        return services.run_discovery(run, collectors=collectors or COLLECTORS)

    def resource(self, resource_id: str) -> Resource:
        """Return the row of a resource."""
        found: Resource = Resource.objects.of(self.connection.organization).get(
            resource_id=resource_id
        )
        return found

    def fill(self) -> None:
        """Put something of every family into the account, so that no call is left out."""
        ec2 = self.root("ec2")
        instance_id = self.instance(Name="web")
        s3 = self.root("s3", "us-east-1")
        s3.create_bucket(Bucket="a-bucket")
        s3.put_bucket_policy(
            Bucket="a-bucket",
            Policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:PutObject",
                            "Resource": "arn:aws:s3:::a-bucket/*",
                        }
                    ],
                }
            ),
        )
        elb, subnets = self.root("elbv2"), self.subnets()
        elb.create_load_balancer(Name="new", Subnets=subnets)
        vpc_id = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        elb.create_target_group(Name="group", Protocol="HTTP", Port=80, VpcId=vpc_id)
        classic = self.root("elb")
        classic.create_load_balancer(
            LoadBalancerName="old",
            Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}],
            AvailabilityZones=[f"{REGION}a"],
        )
        address = ec2.allocate_address(Domain="vpc")
        ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address["AllocationId"])
        volume_id = self.volume()
        ec2.create_snapshot(VolumeId=volume_id)
        ec2.create_image(InstanceId=instance_id, Name="image")


def build_world(
    endpoint: str, organization: Organization, account_id: str = ACCOUNT, name: str = "Payer"
) -> World:
    """Return an account with a user for the portal, connected by the organization."""
    world = World(endpoint, Connection(), account_id)
    iam = world.root("iam")
    iam.create_user(UserName="portal")
    key = iam.create_access_key(UserName="portal")["AccessKey"]
    world.allow(declared_actions())
    world.connection = Connection.objects.create(
        organization=organization,
        name=name,
        kind=ConnectionKind.ROOT,
        account_id=account_id,
        auth_method=AuthMethod.ACCESS_KEY,
        access_key_id=key["AccessKeyId"],
        secret_access_key=key["SecretAccessKey"],
    )
    return world


def declared_actions(without: Sequence[str] = ()) -> set[str]:
    """Return the IAM actions that discovery says it needs."""
    return {one.action for one in needed_permissions()} - set(without)
