"""An AWS of 20 regions and 20,000 resources that answers each call after 20 ms, from memory.

    python -m bench.regions_aws PORT

It answers only what discovery asks for and checks nothing: the pretend AWS does that, but would
take longer to make its answers than the measured code takes to read them.
"""

import asyncio
import json
import re
import sys
from functools import cache
from urllib.parse import parse_qs, urlsplit

LATENCY_SECONDS = 0.02
ACCOUNT = "111122223333"
REGIONS = [f"eu-west-{number}" for number in range(1, 20)] + ["us-east-1"]
# How many there are in each region; the rest of the 20,000 belongs to no region.
COUNTS = {
    "DescribeInstances": 200,
    "DescribeVolumes": 300,
    "DescribeSnapshots": 250,
    "DescribeNetworkInterfaces": 125,
    "DescribeSecurityGroups": 50,
    "DescribeImages": 20,
    "DescribeAddresses": 10,
    "DescribeNatGateways": 5,
    "LoadBalancers": 10,
    "TargetGroups": 10,
}
BUCKETS = 200
USERS = 100  # each with one access key

_TAGS = (
    "<item><key>Name</key><value>thing {n}</value></item>"
    "<item><key>Team</key><value>t{n}</value></item>"
)
_SET = f"<tagSet>{_TAGS}</tagSet>"
_SHARED = f"<vpcId>vpc-1</vpcId><subnetId>subnet-1</subnetId><ownerId>{ACCOUNT}</ownerId>"
EC2_ITEMS = {
    "DescribeInstances": (
        "reservationSet",
        f"<ownerId>{ACCOUNT}</ownerId><instancesSet><item><instanceId>i-{{r}}{{n:08x}}</instanceId>"
        "<imageId>ami-1</imageId><instanceState><code>16</code><name>running</name></instanceState>"
        "<instanceType>t3.micro</instanceType><launchTime>2026-10-01T00:00:00.000Z</launchTime>"
        "<placement><availabilityZone>z</availabilityZone></placement><privateIpAddress>10.0.0.1"
        "</privateIpAddress><groupSet><item><groupId>sg-1</groupId></item></groupSet>"
        f"<blockDeviceMapping><item><deviceName>a</deviceName><ebs><volumeId>vol-1</volumeId></ebs>"
        f"</item></blockDeviceMapping>{_SET}</item></instancesSet>",
    ),
    "DescribeVolumes": (
        "volumeSet",
        "<volumeId>vol-{r}{n:08x}</volumeId><size>8</size><status>in-use</status><volumeType>gp3"
        "</volumeType><iops>3000</iops><createTime>2026-10-01T00:00:00.000Z</createTime>"
        f"<attachmentSet><item><instanceId>i-1</instanceId></item></attachmentSet>{_SET}",
    ),
    "DescribeSnapshots": (
        "snapshotSet",
        "<snapshotId>snap-{r}{n:08x}</snapshotId><volumeId>vol-1</volumeId><status>completed"
        "</status><startTime>2026-10-01T00:00:00.000Z</startTime><volumeSize>8</volumeSize>"
        f"<ownerId>{ACCOUNT}</ownerId>{_SET}",
    ),
    "DescribeNetworkInterfaces": (
        "networkInterfaceSet",
        "<networkInterfaceId>eni-{r}{n:08x}</networkInterfaceId><status>in-use</status>"
        f"<privateIpAddress>10.0.0.1</privateIpAddress>{_SHARED}{_SET}",
    ),
    "DescribeSecurityGroups": (
        "securityGroupInfo",
        "<groupId>sg-{r}{n:08x}</groupId><groupName>group {n}</groupName><ipPermissions><item>"
        "<ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort><ipRanges><item>"
        f"<cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item></ipPermissions>{_SHARED}{_SET}",
    ),
    "DescribeImages": (
        "imagesSet",
        "<imageId>ami-{r}{n:08x}</imageId><imageState>available</imageState><name>image {n}</name>"
        + _SET,
    ),
    "DescribeAddresses": (
        "addressesSet",
        f"<allocationId>eipalloc-{{r}}{{n:08x}}</allocationId><publicIp>192.0.2.1</publicIp>{_SET}",
    ),
    "DescribeNatGateways": (
        "natGatewaySet",
        f"<natGatewayId>nat-{{r}}{{n:08x}}</natGatewayId><state>available</state>{_SET}",
    ),
}
_ELB = "<{0}Response xmlns='http://elasticloadbalancing.amazonaws.com/doc/{1}/'><{0}Result>{2}</{0}Result></{0}Response>"
_IAM = "<{0}Response xmlns='https://iam.amazonaws.com/doc/2010-05-08/'><{0}Result>{1}</{0}Result></{0}Response>"
_S3 = "<{0} xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>{1}</{0}>"
Answer = tuple[int, str]


@cache
def ec2(action: str, region: str, start: int, size: int) -> Answer:
    if action == "DescribeRegions":
        items = "".join(
            f"<item><regionName>{one}</regionName><optInStatus>opt-in-not-required</optInStatus>"
            "</item>"
            for one in REGIONS
        )
        return 200, f"<{action}Response><regionInfo>{items}</regionInfo></{action}Response>"
    wrapper, item = EC2_ITEMS[action]
    stop = min(start + size, COUNTS[action])
    code = f"{REGIONS.index(region):04x}"
    items = "".join(f"<item>{item.format(r=code, n=n)}</item>" for n in range(start, stop))
    more = f"<nextToken>{stop}</nextToken>" if stop < COUNTS[action] else ""
    body = f"<{wrapper}>{items}</{wrapper}>{more}"
    return 200, f"<{action}Response>{body}</{action}Response>"


def balancer_arn(kind: str, region: str, number: int) -> str:
    name = f"{kind}/web-{number}/{number:016x}"
    return f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:{name}"


def elastic_load_balancing(action: str, region: str, asked: dict[str, str]) -> Answer:
    version = asked["Version"]
    return 200, _ELB.format(action, version, _balancing(action, region, version, asked))


def _balancing(action: str, region: str, version: str, asked: dict[str, str]) -> str:
    if action == "DescribeTags":
        arns = [value for name, value in asked.items() if name.startswith("ResourceArns.")]
        tags = "<Tags><member><Key>Team</Key><Value>t</Value></member></Tags>"
        told = (f"<member><ResourceArn>{one}</ResourceArn>{tags}</member>" for one in arns)
        return f"<TagDescriptions>{''.join(told)}</TagDescriptions>"
    if action == "DescribeTargetHealth":
        state = "<TargetHealth><State>healthy</State></TargetHealth>"
        member = f"<member>{state}</member>"
        return f"<TargetHealthDescriptions>{member}</TargetHealthDescriptions>"
    if action == "DescribeTargetGroups":
        return _members("TargetGroup", "targetgroup", region)
    if version == "2012-06-01":
        return "<LoadBalancerDescriptions></LoadBalancerDescriptions>"
    return _members("LoadBalancer", "loadbalancer/app", region)


def _members(what: str, kind: str, region: str) -> str:
    told = (
        f"<member><{what}Arn>{balancer_arn(kind, region, n)}</{what}Arn>"
        f"<{what}Name>web-{n}</{what}Name></member>"
        for n in range(COUNTS[f"{what}s"])
    )
    return f"<{what}s>{''.join(told)}</{what}s>"


def iam(action: str, asked: dict[str, str]) -> Answer:
    created = "<CreateDate>2026-10-01T00:00:00Z</CreateDate>"
    name = asked.get("UserName", "")
    if action == "GetLoginProfile":
        error = "<Error><Code>NoSuchEntity</Code><Message>None.</Message></Error>"
        return 404, f"<ErrorResponse>{error}</ErrorResponse>"
    bodies = {
        "ListUsers": "<Users>"
        + "".join(
            f"<member><UserName>user-{n}</UserName><UserId>U{n}</UserId><Path>/</Path>"
            f"<Arn>arn:aws:iam::{ACCOUNT}:user/user-{n}</Arn>{created}</member>"
            for n in range(USERS)
        )
        + "</Users><IsTruncated>false</IsTruncated>",
        "ListAccessKeys": "<AccessKeyMetadata><member>"
        f"<UserName>{name}</UserName><AccessKeyId>AKIA{name.upper():>16}</AccessKeyId>"
        f"<Status>Active</Status>{created}</member></AccessKeyMetadata>",
        "GetAccessKeyLastUsed": "<AccessKeyLastUsed><ServiceName>s3</ServiceName><Region>eu-west-1"
        "</Region><LastUsedDate>2026-10-02T00:00:00Z</LastUsedDate></AccessKeyLastUsed>",
    }
    return 200, _IAM.format(action, bodies[action])


def s3(target: str) -> Answer:
    parts = urlsplit(target)
    if parts.path == "/":
        buckets = "".join(
            f"<Bucket><Name>bucket-{n}</Name><CreationDate>2026-10-01T00:00:00.000Z</CreationDate>"
            f"<BucketRegion>{REGIONS[n % len(REGIONS)]}</BucketRegion></Bucket>"
            for n in range(BUCKETS)
        )
        return 200, _S3.format("ListAllMyBucketsResult", f"<Buckets>{buckets}</Buckets>")
    missing = {
        "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
        "policyStatus": "NoSuchBucketPolicy",
    }
    for question, code in missing.items():
        if question in target:  # of a bucket, or of the whole account
            return 404, f"<Error><Code>{code}</Code><Message>None.</Message></Error>"
    if "tagging" in parts.query:
        tag = "<Tag><Key>Team</Key><Value>t</Value></Tag>"
        return 200, _S3.format("Tagging", f"<TagSet>{tag}</TagSet>")
    return 200, _S3.format("AccessControlPolicy", "<AccessControlList></AccessControlList>")


_SCOPE = re.compile(rb"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


def answer(head: bytes, body: bytes) -> Answer:
    scope = _SCOPE.search(head)
    assert scope is not None
    region, service = scope[1].decode(), scope[2].decode()
    if service == "s3":
        return s3(head.split(b" ", 2)[1].decode())
    if service == "monitoring":
        return 200, json.dumps({"MetricDataResults": [], "Messages": []})
    asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    action = asked["Action"]
    if service == "ec2":
        start = int(asked.get("NextToken", 0))
        return ec2(action, region, start, int(asked.get("MaxResults", 1000)))
    if service == "iam":
        return iam(action, asked)
    return elastic_load_balancing(action, region, asked)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            status, text = answer(head, body)
            await asyncio.sleep(LATENCY_SECONDS)
            data = text.encode()
            writer.write(
                f"HTTP/1.1 {status} OK\r\nContent-Type: text/xml\r\n"
                f"Content-Length: {len(data)}\r\n\r\n".encode()
                + data
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
