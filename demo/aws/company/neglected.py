"""What the company forgot: made through AWS's own APIs, and made old where it has to be."""

import datetime as dt

from moto.ec2.models import ec2_backends
from moto.elb.models import elb_backends
from moto.elbv2.models import elbv2_backends
from moto.iam.models import iam_backends

from demo.aws.company import cast
from demo.aws.company.resources import Builder, Made

_AGE = dt.timedelta(days=400)


def neglect(builder: Builder) -> list[Made]:
    """Make what discovery finds fault with; return what of it a bill names."""
    _open_a_port(builder)
    _publish(builder)
    _forget_a_user(builder)
    return [
        _orphaned_snapshot(builder, account, region, gb)
        for account, region, gb in cast.ORPHANED_SNAPSHOTS
    ]


def _orphaned_snapshot(builder: Builder, account: str, region: str, gb: int) -> Made:
    ec2 = builder.client("ec2", account, region)
    volume = ec2.create_volume(AvailabilityZone=f"{region}a", Size=gb, VolumeType="gp3")
    volume_id = volume["VolumeId"]
    made = ec2.create_snapshot(VolumeId=volume_id, Description="Before the move")
    ec2.delete_volume(VolumeId=volume_id)
    snapshot_id = made["SnapshotId"]
    ec2_backends[account][region].snapshots[snapshot_id].start_time = _long_ago()
    arn = f"arn:aws:ec2:{region}:{account}:snapshot/{snapshot_id}"
    return Made("snapshot", account, region, arn, str(gb))


def _open_a_port(builder: Builder) -> None:
    account, region, name, port = cast.OPEN_GROUP
    ec2 = builder.client("ec2", account, region)
    group = ec2.create_security_group(GroupName=name, Description="Sign in from anywhere")
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            }
        ],
    )


def _publish(builder: Builder) -> None:
    account, region, bucket = cast.PUBLIC_BUCKET
    builder.client("s3", account, region).put_bucket_acl(Bucket=bucket, ACL="public-read")


def _forget_a_user(builder: Builder) -> None:
    account, name = cast.FORMER_COLLEAGUE
    iam = builder.client("iam", account)
    iam.create_user(UserName=name)
    iam.create_access_key(UserName=name)
    user = iam_backends[account]["aws"].users[name]
    user.create_date = user.access_keys[0].create_date = _long_ago()


def _long_ago() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None) - _AGE


def let_age(made: list[Made]) -> None:
    """Let load balancers have been made, and servers been stopped, long ago."""
    born = _long_ago()
    for resource in made:
        where = (resource.account, resource.region)
        if resource.kind == "balancer" and resource.size == "classic":
            name = resource.line_item_id.rpartition("/")[2]
            elb_backends[where[0]][where[1]].load_balancers[name].created_time = born
        elif resource.kind == "balancer":
            balancer = elbv2_backends[where[0]][where[1]].load_balancers[resource.line_item_id]
            balancer.created_time = f"{born:%Y-%m-%dT%H:%M:%S.000Z}"
        elif resource.kind == "instance" and not resource.hours:
            instance = ec2_backends[where[0]][where[1]].get_instance(resource.line_item_id)
            instance._reason = f"User initiated ({born:%Y-%m-%d %H:%M:%S} UTC)"
