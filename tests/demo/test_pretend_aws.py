"""The pretend AWS answers like AWS: with boto3 over HTTP, nothing patched."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ResponseStreamingError

from demo.aws.credentials import root_credentials
from demo.bills.columns import cur2_columns
from demo.bills.delivery import CONFIGURATION

ACCOUNT, OTHER = "111122223333", "222233334444"
NEVER_ISSUED = {"aws_access_key_id": "AKIANEVERISSUED00000", "aws_secret_access_key": "x" * 40}
# Shared, because it keeps the services' models, which take longer to read than any call takes.
SESSION = boto3.Session()
# One cheap call to each kind of service.
CALLS: dict[str, Callable[[Any], Any]] = {
    "sts": lambda c: c.get_caller_identity(),
    "ec2": lambda c: c.describe_instances(),
    "s3": lambda c: c.list_buckets(),
    "iam": lambda c: c.list_users(),
    "elbv2": lambda c: c.describe_load_balancers(),
    "elb": lambda c: c.describe_load_balancers(),
    "cloudwatch": lambda c: c.list_metrics(),
    "organizations": lambda c: c.describe_organization(),
    "cur": lambda c: c.describe_report_definitions(),
    "bcm-data-exports": lambda c: c.list_exports(),
}


def client(service: str, credentials: dict[str, str] | None = None, **given: Any) -> Any:
    given = {"region_name": "us-east-1", **(credentials or root_credentials(ACCOUNT)), **given}
    config = Config(retries={"total_max_attempts": 1})
    return SESSION.client(service, config=config, **given)


def control(aws: str, method: str, what: str, data: Any = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(f"{aws}/pretend/{what}", data=body, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        return json.load(answer)


def new_user(policy: dict[str, Any] | None = None, account: str = ACCOUNT) -> dict[str, str]:
    """The keys of a new IAM user with this policy."""
    iam = client("iam", root_credentials(account))
    iam.create_user(UserName="reader")
    if policy is not None:
        document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
        iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


def new_bucket(name: str = "bills-of-larkspur", account: str = ACCOUNT) -> str:
    client("s3", root_credentials(account)).create_bucket(Bucket=name)
    return name


UNKNOWN_KEY = {
    **dict.fromkeys(("sts", "iam", "elbv2", "elb", "cloudwatch"), "InvalidClientTokenId"),
    **dict.fromkeys(("organizations", "cur", "bcm-data-exports"), "UnrecognizedClientException"),
    "ec2": "AuthFailure",
    "s3": "InvalidAccessKeyId",
}
WRONG_SECRET = {
    **dict.fromkeys(("sts", "iam", "elbv2", "elb", "cloudwatch", "s3"), "SignatureDoesNotMatch"),
    **dict.fromkeys(("organizations", "cur", "bcm-data-exports"), "InvalidSignatureException"),
    "ec2": "AuthFailure",
}
NO_PERMISSION = {
    **dict.fromkeys(("iam", "elbv2", "elb", "cloudwatch", "s3"), "AccessDenied"),
    **dict.fromkeys(("organizations", "cur", "bcm-data-exports"), "AccessDeniedException"),
    "ec2": "UnauthorizedOperation",
}


def test_an_unknown_access_key_is_refused_in_each_services_own_words(aws: str) -> None:
    codes = {name: code(lambda n=name: CALLS[n](client(n, NEVER_ISSUED))) for name in UNKNOWN_KEY}
    assert codes == UNKNOWN_KEY


def test_a_wrong_secret_is_refused_in_each_services_own_words(aws: str) -> None:
    keys = new_user(allow("*")) | {"aws_secret_access_key": "not the secret"}
    codes = {name: code(lambda n=name: CALLS[n](client(n, keys))) for name in WRONG_SECRET}
    assert codes == WRONG_SECRET


def test_a_missing_permission_is_refused_in_each_services_own_words(aws: str) -> None:
    keys = new_user()
    codes = {name: code(lambda n=name: CALLS[n](client(n, keys))) for name in NO_PERMISSION}
    assert codes == NO_PERMISSION


def test_who_i_am_needs_no_permission(aws: str) -> None:
    identity = client("sts", new_user()).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (
        ACCOUNT,
        f"arn:aws:iam::{ACCOUNT}:user/reader",
    )


def test_a_root_user_of_any_account_may_do_anything_in_it(aws: str) -> None:
    sts = client("sts", root_credentials(OTHER))
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{OTHER}:root"
    new_bucket("theirs-alone", OTHER)
    assert client("s3").list_buckets()["Buckets"] == []


def test_a_deleted_access_key_stops_working(aws: str) -> None:
    keys = new_user(allow("s3:*"))
    CALLS["s3"](client("s3", keys))
    client("iam").delete_access_key(UserName="reader", AccessKeyId=keys["aws_access_key_id"])
    assert code(lambda: CALLS["s3"](client("s3", keys))) == "InvalidAccessKeyId"


def test_a_policy_opens_only_the_keys_below_its_prefix(aws: str) -> None:
    bucket = new_bucket()
    for key in ("cur/a b=1/ü+.csv", "private/a.csv"):
        client("s3").put_object(Bucket=bucket, Key=key, Body=b"rows")
    s3 = client("s3", new_user(allow("s3:GetObject", resource=f"arn:aws:s3:::{bucket}/cur/*")))
    assert s3.get_object(Bucket=bucket, Key="cur/a b=1/ü+.csv")["Body"].read() == b"rows"
    assert code(lambda: s3.get_object(Bucket=bucket, Key="private/a.csv")) == "AccessDenied"


def test_a_missing_key_is_told_only_to_those_who_may_list(aws: str) -> None:
    bucket = new_bucket()
    objects = f"arn:aws:s3:::{bucket}*"
    reader = client("s3", new_user(allow("s3:GetObject", resource=objects)))
    assert code(lambda: reader.get_object(Bucket=bucket, Key="none")) == "AccessDenied"
    assert code(lambda: client("s3").get_object(Bucket=bucket, Key="none")) == "NoSuchKey"


def test_another_accounts_bucket_opens_only_by_its_own_policy(aws: str) -> None:
    bucket = new_bucket()
    stranger = client("s3", new_user(allow("s3:*"), OTHER))
    assert code(lambda: stranger.list_objects_v2(Bucket=bucket)) == "AccessDenied"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{bucket}",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    assert stranger.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_listing_can_be_allowed_for_one_prefix(aws: str) -> None:
    bucket = new_bucket()
    policy = allow("s3:ListBucket") | {"Condition": {"StringLike": {"s3:prefix": "cur/*"}}}
    s3 = client("s3", new_user(policy))
    assert s3.list_objects_v2(Bucket=bucket, Prefix="cur/x")["KeyCount"] == 0
    assert code(lambda: s3.list_objects_v2(Bucket=bucket)) == "AccessDenied"


def test_an_explicit_deny_wins(aws: str) -> None:
    keys = new_user(allow("*"))
    deny = {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": deny})
    client("iam").put_user_policy(UserName="reader", PolicyName="no", PolicyDocument=document)
    assert code(lambda: CALLS["ec2"](client("ec2", keys))) == "UnauthorizedOperation"
    CALLS["iam"](client("iam", keys))


def new_role(external_id: str | None) -> str:
    trust: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }
    if external_id:
        trust["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    iam = client("iam", root_credentials(OTHER))
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="read", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:ListAllMyBuckets")]})
    iam.put_role_policy(RoleName="read", PolicyName="p", PolicyDocument=policy)
    return str(arn)


def assume(keys: dict[str, str], arn: str, **given: str) -> dict[str, str]:
    made = client("sts", keys).assume_role(RoleArn=arn, RoleSessionName="tests", **given)
    return {
        "aws_access_key_id": made["Credentials"]["AccessKeyId"],
        "aws_secret_access_key": made["Credentials"]["SecretAccessKey"],
        "aws_session_token": made["Credentials"]["SessionToken"],
    }


def test_a_role_that_demands_an_external_id_refuses_none_and_a_wrong_one(aws: str) -> None:
    keys, arn = new_user(allow("sts:AssumeRole")), new_role("right")
    assert code(lambda: assume(keys, arn)) == "AccessDenied"
    assert code(lambda: assume(keys, arn, ExternalId="wrong")) == "AccessDenied"
    session = assume(keys, arn, ExternalId="right")
    identity = client("sts", session).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{OTHER}:assumed-role/read/tests"


def test_a_session_has_the_roles_permissions_and_no_more(aws: str) -> None:
    session = assume(new_user(allow("sts:AssumeRole")), new_role(None))
    new_bucket("theirs-alone", OTHER)
    assert [b["Name"] for b in client("s3", session).list_buckets()["Buckets"]] == ["theirs-alone"]
    assert code(lambda: CALLS["ec2"](client("ec2", session))) == "UnauthorizedOperation"


@pytest.mark.parametrize("role", ["absent", "read"])
def test_a_missing_role_and_one_that_trusts_others_are_refused_alike(aws: str, role: str) -> None:
    new_role(None)
    stranger = new_user(allow("sts:AssumeRole"), "999988887777")
    arn = f"arn:aws:iam::{OTHER}:role/{role}"
    assert code(lambda: assume(stranger, arn)) == "AccessDenied"


def test_an_expired_session_is_refused_in_each_services_own_words(aws: str) -> None:
    session = assume(new_user(allow("sts:AssumeRole")), new_role(None))
    assert control(aws, "POST", "expire-sessions") == {"expired": 1}
    codes = {name: code(lambda n=name: CALLS[n](client(n, session))) for name in ("sts", "s3")}
    assert codes == {"sts": "ExpiredToken", "s3": "ExpiredToken"}
    assert code(lambda: CALLS["cur"](client("cur", session))) == "ExpiredTokenException"


def test_a_token_that_is_not_the_sessions_is_refused(aws: str) -> None:
    session = assume(new_user(allow("sts:AssumeRole")), new_role(None))
    assert code(lambda: CALLS["sts"](client("sts", session | {"aws_session_token": "x"}))) == (
        "InvalidClientTokenId"
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


# Faults and counts


def test_a_throttle_strikes_as_often_as_told(aws: str) -> None:
    rule = {"service": "ec2", "action": "Describe*", "region": "eu-west-1", "times": 2}
    control(aws, "POST", "faults", rule | {"code": "RequestLimitExceeded", "status": 503})
    ec2 = client("ec2", region_name="eu-west-1")
    CALLS["ec2"](client("ec2", region_name="eu-west-2"))
    assert [code(ec2.describe_instances) for _ in range(2)] == ["RequestLimitExceeded"] * 2
    ec2.describe_instances()
    assert control(aws, "GET", "faults")[0]["struck"] == 2


def test_a_fault_can_let_the_first_calls_pass(aws: str) -> None:
    rule = {"service": "s3", "code": "SlowDown", "status": 503, "skip": 1, "times": 1}
    control(aws, "POST", "faults", rule)
    s3 = client("s3")
    s3.list_buckets()
    assert code(s3.list_buckets) == "SlowDown"
    s3.list_buckets()


def test_a_cut_connection_breaks_the_read_of_one_key(aws: str) -> None:
    bucket = new_bucket()
    for key in ("broken", "whole"):
        client("s3").put_object(Bucket=bucket, Key=key, Body=b"x" * 100_000)
    rule = {"service": "s3", "action": "GetObject", "path": f"{bucket}/broken", "cut_after": 500}
    control(aws, "POST", "faults", rule)
    body = client("s3").get_object(Bucket=bucket, Key="broken")["Body"]
    with pytest.raises(ResponseStreamingError):
        body.read()
    assert len(client("s3").get_object(Bucket=bucket, Key="whole")["Body"].read()) == 100_000


def test_a_short_answer_can_claim_to_be_whole(aws: str) -> None:
    bucket = new_bucket()
    client("s3").put_object(Bucket=bucket, Key="short", Body=b"x" * 1000)
    control(aws, "POST", "faults", {"action": "GetObject", "truncate_to": 10})
    answer = client("s3").get_object(Bucket=bucket, Key="short")
    assert (answer["ContentLength"], answer["Body"].read()) == (10, b"x" * 10)


def test_a_rule_that_is_none_is_refused(aws: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        control(aws, "POST", "faults", {"colour": "red"})


def test_every_call_is_counted_with_its_path_until_the_next_reset(aws: str) -> None:
    bucket = new_bucket()
    control(aws, "DELETE", "requests")
    client("s3").put_object(Bucket=bucket, Key="a/b", Body=b"")
    for _ in range(2):
        client("s3").head_object(Bucket=bucket, Key="a/b")
    code(lambda: CALLS["sts"](client("sts", NEVER_ISSUED)))
    seen = control(aws, "GET", "requests")
    assert seen["by_action"] == {
        "s3:HeadObject": 2,
        "s3:PutObject": 1,
        "sts:GetCallerIdentity": 1,
    }
    head = next(entry for entry in seen["requests"] if entry["action"] == "HeadObject")
    assert (head["path"], head["count"], head["account"]) == (f"{bucket}/a/b", 2, ACCOUNT)
    refused = next(entry for entry in seen["requests"] if entry["service"] == "sts")
    assert refused["status"] == 403


# Data Exports


def grant(bucket: str, service: str = "bcm-data-exports.amazonaws.com", below: str = "*") -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/{below}",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)


def export(bucket: str, name: str = "daily", **given: Any) -> dict[str, Any]:
    table = given.get("table", "COST_AND_USAGE_REPORT")
    selected = given.get("columns") or ", ".join(cur2_columns(CONFIGURATION))
    query: dict[str, Any] = {"QueryStatement": f"SELECT {selected} FROM {table}"}  # noqa: S608
    if table == "COST_AND_USAGE_REPORT":
        query["TableConfigurations"] = {table: given.get("configuration", CONFIGURATION)}
    output = {"Format": "PARQUET", "Compression": "PARQUET"} | given.get("output", {})
    return {
        "Name": name,
        "DataQuery": query,
        "DestinationConfigurations": {
            "S3Destination": {
                "S3Bucket": bucket,
                "S3Prefix": "cur",
                "S3Region": "us-east-1",
                "S3OutputConfigurations": {
                    "OutputType": "CUSTOM",
                    "Overwrite": "OVERWRITE_REPORT",
                    **output,
                },
            }
        },
        "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
    }


def test_an_export_needs_a_bucket_that_lets_the_service_write_at_its_root(aws: str) -> None:
    bucket, exports = new_bucket(), client("bcm-data-exports")
    with pytest.raises(ClientError, match="S3 bucket permission validation failed"):
        exports.create_export(Export=export(bucket))
    grant(bucket, service="billingreports.amazonaws.com")
    assert code(lambda: exports.create_export(Export=export(bucket))) == "ValidationException"
    grant(bucket, below="cur/*")
    assert code(lambda: exports.create_export(Export=export(bucket))) == "ValidationException"
    grant(bucket)
    exports.create_export(Export=export(bucket))
    keys = [o["Key"] for o in client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["aws-programmatic-access-test-object"]


def test_aws_adds_the_billing_view_and_the_buckets_owner(aws: str) -> None:
    bucket, exports = new_bucket(), client("bcm-data-exports")
    grant(bucket)
    arn = exports.create_export(Export=export(bucket))["ExportArn"]
    assert arn.startswith(f"arn:aws:bcm-data-exports:us-east-1:{ACCOUNT}:export/daily-")
    found = exports.get_export(ExportArn=arn)
    table = found["Export"]["DataQuery"]["TableConfigurations"]["COST_AND_USAGE_REPORT"]
    assert table["BILLING_VIEW_ARN"] == f"arn:aws:billing::{ACCOUNT}:billingview/primary"
    destination = found["Export"]["DestinationConfigurations"]["S3Destination"]
    assert destination["S3BucketOwner"] == ACCOUNT
    assert found["ExportStatus"]["StatusCode"] == "HEALTHY"


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": "*"},
        {"columns": "line_item_unblended_costs"},
        {"columns": "line_item_resource_id", "configuration": {"INCLUDE_RESOURCES": "FALSE"}},
        {"configuration": {"INCLUDE_CALLER_IDENTITY": "TRUE"}},
        {"output": {"Format": "PARQUET", "Compression": "GZIP"}},
    ],
)
def test_an_export_that_aws_would_refuse_is_refused(aws: str, wrong: dict[str, Any]) -> None:
    bucket = new_bucket()
    grant(bucket)
    call = client("bcm-data-exports").create_export
    with pytest.raises(ClientError) as raised:
        call(Export=export(bucket, **wrong))
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert raised.value.response["Reason"] == "fieldValidationFailed"


def test_exports_have_a_quota_for_each_table(aws: str) -> None:
    bucket, exports = new_bucket(), client("bcm-data-exports")
    grant(bucket)
    for number in range(2):
        given = export(bucket, f"f{number}", table="FOCUS_1_2_AWS", columns="BilledCost, Tags")
        exports.create_export(Export=given)
    third = export(bucket, "f2", table="FOCUS_1_2_AWS", columns="BilledCost")
    with pytest.raises(ClientError, match="limit of 2 on FOCUS_1_2_AWS") as raised:
        exports.create_export(Export=third)
    assert raised.value.response["Error"]["Code"] == "ServiceQuotaExceededException"


def test_exports_page_update_and_end(aws: str) -> None:
    bucket, exports = new_bucket(), client("bcm-data-exports")
    grant(bucket)
    arns = [
        exports.create_export(Export=export(bucket, f"export-{n}"))["ExportArn"] for n in range(5)
    ]
    pages = exports.get_paginator("list_exports").paginate(PaginationConfig={"PageSize": 2})
    assert [item["ExportArn"] for page in pages for item in page["Exports"]] == arns
    changed = export(bucket, "export-0", columns="line_item_unblended_cost")
    exports.update_export(ExportArn=arns[0], Export=changed)
    query = exports.get_export(ExportArn=arns[0])["Export"]["DataQuery"]["QueryStatement"]
    assert query == "SELECT line_item_unblended_cost FROM COST_AND_USAGE_REPORT"
    exports.delete_export(ExportArn=arns[0])
    gone = code(lambda: exports.get_export(ExportArn=arns[0]))
    assert gone == "ResourceNotFoundException"
    assert client("bcm-data-exports", root_credentials(OTHER)).list_exports()["Exports"] == []


def test_creating_an_export_needs_the_report_permission_too(aws: str) -> None:
    bucket = new_bucket()
    grant(bucket)
    keys = new_user(allow("bcm-data-exports:*"))
    exports = client("bcm-data-exports", keys)
    assert code(lambda: exports.create_export(Export=export(bucket))) == "AccessDeniedException"


def test_a_tables_schema_depends_on_its_configuration(aws: str) -> None:
    exports = client("bcm-data-exports")
    names = {table["TableName"] for table in exports.list_tables()["Tables"]}
    assert names == {"COST_AND_USAGE_REPORT", "FOCUS_1_0_AWS", "FOCUS_1_2_AWS"}
    wide = exports.get_table(TableName="COST_AND_USAGE_REPORT", TableProperties=CONFIGURATION)
    narrow = exports.get_table(TableName="COST_AND_USAGE_REPORT")
    extra = {column["Name"] for column in wide["Schema"]} - {
        column["Name"] for column in narrow["Schema"]
    }
    assert extra == {"line_item_resource_id"}


# Legacy reports


def report(bucket: str, name: str = "legacy", **given: Any) -> dict[str, Any]:
    return {
        "ReportName": name,
        "TimeUnit": "DAILY",
        "Format": "textORcsv",
        "Compression": "GZIP",
        "AdditionalSchemaElements": ["RESOURCES"],
        "S3Bucket": bucket,
        "S3Prefix": "cur",
        "S3Region": "us-east-1",
        "ReportVersioning": "OVERWRITE_REPORT",
        **given,
    }


def test_reports_page_by_five_and_stop_at_ten(aws: str) -> None:
    bucket, cur = new_bucket(), client("cur")
    grant(bucket, service="billingreports.amazonaws.com")
    for number in range(10):
        cur.put_report_definition(ReportDefinition=report(bucket, f"report-{number}"))
    pages = list(cur.get_paginator("describe_report_definitions").paginate())
    assert [len(page["ReportDefinitions"]) for page in pages] == [5, 5]
    call = cur.put_report_definition
    assert code(lambda: call(ReportDefinition=report(bucket, "report-0"))) == (
        "DuplicateReportNameException"
    )
    assert code(lambda: call(ReportDefinition=report(bucket, "another"))) == (
        "ReportLimitReachedException"
    )
    cur.delete_report_definition(ReportName="report-0")
    assert cur.describe_report_definitions()["ReportDefinitions"][0]["ReportName"] == "report-1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"Format": "Parquet"},
        {"AdditionalArtifacts": ["ATHENA"]},
        {"Format": "Parquet", "Compression": "Parquet", "AdditionalArtifacts": ["REDSHIFT"]},
        {"TimeUnit": "WEEKLY"},
    ],
)
def test_combinations_that_aws_refuses_get_an_empty_error(aws: str, wrong: dict[str, Any]) -> None:
    bucket = new_bucket()
    grant(bucket, service="billingreports.amazonaws.com")
    with pytest.raises(ClientError) as raised:
        client("cur").put_report_definition(ReportDefinition=report(bucket, **wrong))
    assert raised.value.response["Error"] == {"Code": "ValidationException", "Message": ""}


def test_a_report_needs_a_bucket_that_lets_the_service_write(aws: str) -> None:
    bucket = new_bucket()
    grant(bucket)  # the principal of the newer service
    with pytest.raises(ClientError, match="Failed to verify customer bucket permission"):
        client("cur").put_report_definition(ReportDefinition=report(bucket))
