"""Answers that moto gives wrong and a thin layer can give right.

Done here: ListBuckets with its pages, Prefix and BucketRegion; DescribeRegions with opt-in states;
pages of EC2's lists; DescribeSnapshots of one's own; SimulatePrincipalPolicy.
Not done: EC2 DescribeReservedInstances and any other operation that moto does not know answer 500;
IAM lists ignore MaxItems; AMIs are the two of images.json; S3 serves any region's bucket from any
region without a redirect; presigned and anonymous requests are refused.
"""

import base64
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from moto.s3.models import s3_backends

from demo.aws.calls import Call, Environ, replace_body
from demo.aws.errors import AwsError
from demo.aws.identity import documents, find_identity
from demo.aws.policies import decision
from demo.aws.regions import DEFAULT_REGIONS, NOT_OPTED_IN, OPTED_IN, opt_in_status

EC2_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
# moto pages DescribeInstances itself and forgets MaxResults for these.
EC2_LISTS = {
    "DescribeVolumes": "volumeSet",
    "DescribeSnapshots": "snapshotSet",
    "DescribeImages": "imagesSet",
    "DescribeNetworkInterfaces": "networkInterfaceSet",
    "DescribeNatGateways": "natGatewaySet",
    "DescribeVpcs": "vpcSet",
    "DescribeSubnets": "subnetSet",
    "DescribeSecurityGroups": "securityGroupInfo",
}


def list_buckets(call: Call) -> bytes:
    """ListBuckets: BucketRegion is told only to a request that has one of the newer parameters."""
    newer = {"max-buckets", "continuation-token", "prefix", "bucket-region"} & set(call.params)
    region, prefix = call.params.get("bucket-region"), call.params.get("prefix", "")
    found = [
        bucket
        for name, bucket in sorted(s3_backends[call.account_id]["aws"].buckets.items())
        if name.startswith(prefix) and region in (None, bucket.region_name)
    ]
    start = base64.urlsafe_b64decode(call.params.get("continuation-token", "")).decode()
    found = [bucket for bucket in found if bucket.name > start]
    size = int(call.params.get("max-buckets") or 10_000)
    page, rest = found[:size], found[size:]
    items = "".join(_bucket(bucket, told=bool(newer)) for bucket in page)
    more = ""
    if rest:
        token = base64.urlsafe_b64encode(page[-1].name.encode()).decode()
        more = f"<ContinuationToken>{token}</ContinuationToken>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Owner><ID>{call.account_id}</ID></Owner><Buckets>{items}</Buckets>{more}"
        f"<Prefix>{escape(prefix)}</Prefix></ListAllMyBucketsResult>"
    ).encode()


def _bucket(bucket: Any, *, told: bool) -> str:
    region = f"<BucketRegion>{bucket.region_name}</BucketRegion>" if told else ""
    created = bucket.creation_date.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        f"<Bucket><Name>{escape(bucket.name)}</Name>"
        f"<CreationDate>{created}</CreationDate>{region}</Bucket>"
    )


def _indexed(params: dict[str, Any], prefix: str) -> list[str]:
    """Values of "Prefix.1", "Prefix.2" ... in order."""
    found, number = [], 1
    while f"{prefix}.{number}" in params:
        found.append(str(params[f"{prefix}.{number}"]))
        number += 1
    return found


def describe_regions(call: Call) -> bytes:
    every = (*DEFAULT_REGIONS, *OPTED_IN, *NOT_OPTED_IN)
    named = _indexed(call.params, "RegionName")
    unknown = [name for name in named if name not in every]
    if unknown:
        raise AwsError("InvalidParameterValue", f"Invalid region provided: {unknown[0]}")
    wants_all = str(call.params.get("AllRegions", "false")).lower() == "true"
    shown = [name for name in every if wants_all or opt_in_status(name) != "not-opted-in"]
    for number in range(1, 10):
        values = _indexed(call.params, f"Filter.{number}.Value")
        name = call.params.get(f"Filter.{number}.Name")
        if name == "opt-in-status":
            shown = [region for region in shown if opt_in_status(region) in values]
        elif name == "region-name":
            shown = [region for region in shown if region in values]
    items = "".join(
        f"<item><regionName>{name}</regionName>"
        f"<regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
        f"<optInStatus>{opt_in_status(name)}</optInStatus></item>"
        for name in shown
        if not named or name in named
    )
    return (
        f'<DescribeRegionsResponse xmlns="{EC2_NAMESPACE}"><requestId>pretend</requestId>'
        f"<regionInfo>{items}</regionInfo></DescribeRegionsResponse>"
    ).encode()


def caller_is_root(call: Call) -> bytes:
    """GetCallerIdentity of a root user, whom moto does not know."""
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult><Arn>arn:aws:iam::{call.account_id}:root</Arn>"
        f"<UserId>{call.account_id}</UserId><Account>{call.account_id}</Account>"
        "</GetCallerIdentityResult><ResponseMetadata><RequestId>pretend</RequestId>"
        "</ResponseMetadata></GetCallerIdentityResponse>"
    ).encode()


def replaced(call: Call, *, is_root: bool) -> bytes | None:
    """The whole answer to a call that moto gets wrong, None for all others."""
    if call.name == "sts:GetCallerIdentity" and not is_root:
        return None
    answers: dict[str, Callable[[Call], bytes]] = {
        "s3:ListBuckets": list_buckets,
        "ec2:DescribeRegions": describe_regions,
        "sts:GetCallerIdentity": caller_is_root,
        "iam:SimulatePrincipalPolicy": simulate_principal_policy,
    }
    return answers[call.name](call) if call.name in answers else None


def own_snapshots_only(environ: Environ, call: Call) -> None:
    """moto does not know OwnerIds of DescribeSnapshots; its owner-id filter does the same."""
    owners = _indexed(call.params, "OwnerId") or _indexed(call.params, "Owner")
    if call.name != "ec2:DescribeSnapshots" or not owners:
        return
    number = 1
    while f"Filter.{number}.Name" in call.params:
        number += 1
    added = f"&Filter.{number}.Name=owner-id"
    for index, owner in enumerate(owners, 1):
        account = call.account_id if owner == "self" else owner
        added += f"&Filter.{number}.Value.{index}={account}"
    replace_body(environ, call.body + added.encode())


def is_unpaged_list(call: Call) -> bool:
    return call.service == "ec2" and call.action in EC2_LISTS and "MaxResults" in call.params


def page_of_list(call: Call, body: bytes) -> bytes:
    """One page of an EC2 list that moto gave whole. The token is the number of items before it."""
    ElementTree.register_namespace("", EC2_NAMESPACE)
    root = ElementTree.fromstring(body)  # noqa: S314 - moto's own answer
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    items = root.find(f"{space}{EC2_LISTS[call.action]}")
    if items is None:
        return body
    start, count = int(call.params.get("NextToken") or 0), len(items)
    stop = start + int(call.params["MaxResults"])
    for item in [*items[:start], *items[stop:]]:
        items.remove(item)
    if stop < count:
        ElementTree.SubElement(root, f"{space}nextToken").text = str(stop)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def simulate_principal_policy(call: Call) -> bytes:
    """iam:SimulatePrincipalPolicy over the identity policies of a user or role."""
    source = str(call.params.get("PolicySourceArn", ""))
    identity = find_identity(source)
    if identity is None:
        raise AwsError("NoSuchEntity", f"The entity {source} cannot be found.", 404)
    policies = documents(identity)
    resources = _indexed(call.params, "ResourceArns.member") or ["*"]
    results = "".join(
        f"<member><EvalActionName>{escape(action)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{decision(policies, action, resource, {})}</EvalDecision></member>"
        for action in _indexed(call.params, "ActionNames.member")
        for resource in resources
    )
    return (
        '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        f"<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>"
        f"<EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult>"
        "<ResponseMetadata><RequestId>pretend</RequestId></ResponseMetadata>"
        "</SimulatePrincipalPolicyResponse>"
    ).encode()
