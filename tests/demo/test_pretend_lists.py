"""The pretend AWS lists like AWS: regions, buckets, pages, the policy simulator."""

from tests.demo.calling import (
    ACCOUNT,
    CALLS,
    allow,
    client,
    code,
    new_bucket,
    new_user,
)


def test_a_region_that_is_not_opted_in_refuses(aws: str) -> None:
    regions = client("ec2").describe_regions(AllRegions=True)["Regions"]
    off = [r["RegionName"] for r in regions if r["OptInStatus"] == "not-opted-in"]
    assert "me-south-1" in off
    shown = {region["RegionName"] for region in client("ec2").describe_regions()["Regions"]}
    assert shown.isdisjoint(off)
    assert {"us-east-1", "eu-south-1"} <= shown
    assert code(lambda: CALLS["ec2"](client("ec2", region_name="me-south-1"))) == "AuthFailure"


def test_describe_regions_filters_by_opt_in_status(aws: str) -> None:
    wanted = [{"Name": "opt-in-status", "Values": ["opted-in"]}]
    found = client("ec2").describe_regions(AllRegions=True, Filters=wanted)["Regions"]
    assert [region["RegionName"] for region in found] == ["eu-south-1"]


def test_list_buckets_pages_and_tells_the_region(aws: str) -> None:
    for number in range(5):
        new_bucket(f"bucket-number-{number}")
    pages = client("s3").get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2})
    found = [bucket for page in pages for bucket in page["Buckets"]]
    assert [b["Name"] for b in found] == [f"bucket-number-{n}" for n in range(5)]
    assert {b["BucketRegion"] for b in found} == {"us-east-1"}
    assert "BucketRegion" not in client("s3").list_buckets()["Buckets"][0]


def test_ec2_lists_page_by_max_results(aws: str) -> None:
    ec2 = client("ec2")
    made = {ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"] for _ in range(12)}
    pages = list(ec2.get_paginator("describe_volumes").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Volumes"]) for page in pages] == [5, 5, 2]
    assert {volume["VolumeId"] for page in pages for volume in page["Volumes"]} == made


def test_own_snapshots_are_told_from_amazons(aws: str) -> None:
    ec2 = client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    mine = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    found = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert [snapshot["SnapshotId"] for snapshot in found] == [mine]


def test_the_policy_simulator_follows_the_users_policies(aws: str) -> None:
    new_user(allow("ec2:Describe*"))
    answer = client("iam").simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/reader",
        ActionNames=["ec2:DescribeVolumes", "s3:GetObject"],
    )
    decisions = [result["EvalDecision"] for result in answer["EvaluationResults"]]
    assert decisions == ["allowed", "implicitDeny"]
