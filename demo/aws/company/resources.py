"""The company's accounts and resources, made through AWS's own APIs by each account's root user."""

import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from moto.ec2.models import ec2_backends
from moto.moto_api._internal import mock_random
from moto.organizations.models import organizations_backends
from moto.s3.models import s3_backends

from demo.aws.company import access, cast
from demo.aws.credentials import (
    PORTAL_ACCESS_KEY_ID,
    PORTAL_ROLE,
    PORTAL_SECRET_ACCESS_KEY,
    PORTAL_USER,
    root_credentials,
)
from demo.aws.identity import plant_access_key

# The newest image for each processor, see images.json.
IMAGE = "ami-0a1b2c3d4e5f60718"


@dataclass(frozen=True)
class Made:
    """A resource that exists and costs. `line_item_id` is how a bill names it."""

    kind: str
    account: str
    region: str
    line_item_id: str
    size: str = ""  # instance type; GB of volumes, snapshots and buckets
    zone: str = ""
    name: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    hours: int = 24
    pays: str = "OnDemand"
    is_used: bool = True


class Builder:
    """`name_accounts` takes the ids that the next accounts of the organization shall have."""

    def __init__(self, endpoint: str, name_accounts: Callable[[list[str]], None]) -> None:
        self._name_accounts = name_accounts
        self._session = boto3.Session()
        self._endpoint = endpoint
        self.client = cache(self._client)
        self.made: list[Made] = []

    def _client(self, service: str, account: str, region: str = "us-east-1") -> Any:
        return self._session.client(
            service,
            region_name=region,
            endpoint_url=self._endpoint,
            config=Config(retries={"total_max_attempts": 1}),
            **root_credentials(account),
        )

    def build(self) -> list[Made]:
        self._organization()
        self._access()
        self._seed_ids()
        for servers in cast.SERVERS:
            self._servers(servers)
        for account, region, gb in cast.LOOSE_VOLUMES:
            self._volume(account, region, gb)
        for account, region, count in cast.SNAPSHOTS:
            self._snapshots(account, region, count)
        for account, region, count in cast.ADDRESSES:
            self._addresses(account, region, count)
        for account, region in cast.NAT_GATEWAYS:
            self._nat_gateway(account, region)
        for balancer in cast.BALANCERS:
            self._balancer(balancer)
        for bucket in cast.BUCKETS:
            self._bucket(bucket)
        return self.made

    def _organization(self) -> None:
        organizations = self.client("organizations", cast.PAYER)
        organizations.create_organization(FeatureSet="ALL")
        # moto calls every management account "master", and no call renames it.
        backend = organizations_backends[cast.PAYER]["aws"]
        backend.get_account_by_id(cast.PAYER).name = cast.ACCOUNT_NAMES[cast.PAYER]
        root = organizations.list_roots()["Roots"][0]["Id"]
        self._name_accounts([account for accounts in cast.UNITS.values() for account in accounts])
        for unit, accounts in cast.UNITS.items():
            made = organizations.create_organizational_unit(ParentId=root, Name=unit)
            for account in accounts:
                name = cast.ACCOUNT_NAMES[account]
                organizations.create_account(AccountName=name, Email=f"aws+{name}@larkspur.example")
                organizations.move_account(
                    AccountId=account,
                    SourceParentId=root,
                    DestinationParentId=made["OrganizationalUnit"]["Id"],
                )

    def _access(self) -> None:
        iam = self.client("iam", cast.PAYER)
        iam.create_user(UserName=PORTAL_USER)
        policy = json.dumps(access.payer_policy())
        iam.put_user_policy(UserName=PORTAL_USER, PolicyName=PORTAL_USER, PolicyDocument=policy)
        plant_access_key(cast.PAYER, PORTAL_USER, PORTAL_ACCESS_KEY_ID, PORTAL_SECRET_ACCESS_KEY)
        for member in cast.MEMBERS:
            if member == cast.SANDBOX:
                continue
            iam = self.client("iam", member)
            trust = json.dumps(access.trust_policy())
            iam.create_role(RoleName=PORTAL_ROLE, AssumeRolePolicyDocument=trust)
            policy = json.dumps(access.resources_policy())
            iam.put_role_policy(RoleName=PORTAL_ROLE, PolicyName="read", PolicyDocument=policy)

    def _seed_ids(self) -> None:
        """Let moto draw the same ids for resources whether this process is new or was reset.

        It draws some when it first meets a service and a region, once in a process: so visit all.
        """
        for servers in cast.SERVERS:
            self.client("ec2", servers.account, servers.region).describe_vpcs()
        for service in ("elb", "elbv2"):
            self.client(service, cast.PAYER).describe_load_balancers()
        mock_random.seed(cast.SEED)

    def _servers(self, servers: cast.Servers) -> None:
        ec2 = self.client("ec2", servers.account, servers.region)
        for number in range(1, servers.count + 1):
            tags = {"Name": f"{servers.name}-{number}", **servers.tags}
            zone = f"{servers.region}{'abc'[number % 3]}"
            run = ec2.run_instances(
                ImageId=IMAGE,
                InstanceType=servers.type,
                MinCount=1,
                MaxCount=1,
                Placement={"AvailabilityZone": zone},
                BlockDeviceMappings=[_disk(servers.disk_gb)],
                TagSpecifications=[_tagged("instance", tags), _tagged("volume", tags)],
            )
            instance = run["Instances"][0]
            if servers.state == "stopped":
                ec2.stop_instances(InstanceIds=[instance["InstanceId"]])
            where = (servers.account, servers.region)
            self.made.append(
                Made(
                    *("instance", *where, instance["InstanceId"], servers.type, zone, servers.name),
                    *(servers.tags, servers.hours, servers.pays),
                )
            )
            volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
            size = str(servers.disk_gb)
            self.made.append(Made("volume", *where, volume, size, zone, tags=servers.tags))

    def _volume(self, account: str, region: str, gb: int) -> None:
        zone = f"{region}a"
        ec2 = self.client("ec2", account, region)
        volume = ec2.create_volume(AvailabilityZone=zone, Size=gb, VolumeType="gp3")
        volume_id = volume["VolumeId"]
        self.made.append(Made("volume", account, region, volume_id, str(gb), zone, is_used=False))

    def _snapshots(self, account: str, region: str, count: int) -> None:
        ec2 = self.client("ec2", account, region)
        volumes = list(self._of("volume", account, region))[:count]
        for volume in volumes:
            made = ec2.create_snapshot(
                VolumeId=volume.line_item_id, Description="Before the last upgrade"
            )
            arn = f"arn:aws:ec2:{region}:{account}:snapshot/{made['SnapshotId']}"
            self.made.append(Made("snapshot", account, region, arn, volume.size, tags=volume.tags))

    def _addresses(self, account: str, region: str, count: int) -> None:
        ec2 = self.client("ec2", account, region)
        instance = next(self._of("instance", account, region))
        for number in range(count):
            made = ec2.allocate_address(Domain="vpc")
            if number == 0:
                ec2.associate_address(
                    AllocationId=made["AllocationId"], InstanceId=instance.line_item_id
                )
                continue
            arn = f"arn:aws:ec2:{region}:{account}:elastic-ip/{made['AllocationId']}"
            self.made.append(Made("address", account, region, arn))

    def _nat_gateway(self, account: str, region: str) -> None:
        ec2 = self.client("ec2", account, region)
        made = ec2.create_nat_gateway(
            SubnetId=self._subnets(account, region)[0],
            AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"],
        )
        gateway = made["NatGateway"]["NatGatewayId"]
        arn = f"arn:aws:ec2:{region}:{account}:natgateway/{gateway}"
        self.made.append(Made("nat", account, region, arn))

    def _subnets(self, account: str, region: str) -> list[str]:
        ec2 = self.client("ec2", account, region)
        return [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]

    def _balancer(self, balancer: cast.Balancer) -> None:
        where = (balancer.account, balancer.region)
        if balancer.kind == "classic":
            elb = self.client("elb", *where)
            elb.create_load_balancer(
                LoadBalancerName=balancer.name,
                Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 8080}],
                AvailabilityZones=[f"{balancer.region}a"],
            )
            arn = (
                f"arn:aws:elasticloadbalancing:{balancer.region}:{balancer.account}"
                f":loadbalancer/{balancer.name}"
            )
        else:
            elbv2 = self.client("elbv2", *where)
            made = elbv2.create_load_balancer(
                Name=balancer.name,
                Type=balancer.kind,
                Subnets=self._subnets(*where)[:2],
                Tags=_tag_list(balancer.tags),
            )
            arn = made["LoadBalancers"][0]["LoadBalancerArn"]
        self.made.append(Made("balancer", *where, arn, balancer.kind, tags=balancer.tags))

    def _bucket(self, bucket: cast.Bucket) -> None:
        self.create_bucket(bucket.account, bucket.region, bucket.name)
        if bucket.tags:
            self.client("s3", bucket.account, bucket.region).put_bucket_tagging(
                Bucket=bucket.name, Tagging={"TagSet": _tag_list(bucket.tags)}
            )
        where = (bucket.account, bucket.region)
        self.made.append(Made("bucket", *where, bucket.name, str(bucket.gb), tags=bucket.tags))

    def create_bucket(self, account: str, region: str, name: str) -> None:
        given: dict[str, Any] = {"Bucket": name}
        if region != "us-east-1":
            given["CreateBucketConfiguration"] = {"LocationConstraint": region}
        self.client("s3", account, region).create_bucket(**given)

    def _of(self, kind: str, account: str, region: str) -> Iterator[Made]:
        return (
            made
            for made in self.made
            if (made.kind, made.account, made.region) == (kind, account, region)
        )


def _disk(gb: int) -> dict[str, Any]:
    return {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": gb, "VolumeType": "gp3"}}


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _tagged(kind: str, tags: dict[str, str]) -> dict[str, Any]:
    return {"ResourceType": kind, "Tags": _tag_list(tags)}


def backdate(made: list[Made], first_month: dt.date) -> None:
    """Let what the bills name for months be that old: moto says that all was made just now."""
    for resource in made:
        age = random.Random(resource.line_item_id).randint(20, 700)
        born = dt.datetime.combine(first_month, dt.time(9, 30), dt.UTC) - dt.timedelta(days=age)
        ec2 = ec2_backends[resource.account][resource.region]
        if resource.kind == "instance":
            ec2.get_instance(resource.line_item_id).launch_time = born
        elif resource.kind == "volume":
            ec2.volumes[resource.line_item_id].create_time = born
        elif resource.kind == "bucket":
            bucket = s3_backends[resource.account]["aws"].buckets[resource.line_item_id]
            bucket.creation_date = born
