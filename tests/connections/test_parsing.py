"""Our reading of AWS's XML tells the same as botocore's."""

from collections.abc import Iterator

import pytest
from botocore import parsers
from botocore.loaders import create_loader
from botocore.model import ServiceModel

from connections.aws.parsing import ParserFactory

EC2 = "http://ec2.amazonaws.com/doc/2016-11-15/"
ELB = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
INSTANCE = """<item><instanceId>i-1</instanceId><instanceState><code>16</code><name>running</name>
</instanceState><launchTime>2026-10-01T00:00:00.000Z</launchTime><ebsOptimized>true</ebsOptimized>
<groupSet><item><groupId>sg-1</groupId></item><item><groupId>sg-2</groupId></item></groupSet>
<tagSet><item><key>Name</key><value>a &lt;b&gt;</value></item><item><key>Empty</key><value/></item>
</tagSet><unheardOf><deep>x</deep></unheardOf></item>"""
ANSWERS = [
    (
        "ec2",
        "DescribeInstances",
        f"""<DescribeInstancesResponse xmlns="{EC2}"><requestId>r</requestId><reservationSet>
<item><ownerId>1</ownerId><instancesSet>{INSTANCE}{INSTANCE}</instancesSet></item><item>
<instancesSet/></item></reservationSet><nextToken>n</nextToken></DescribeInstancesResponse>""",
    ),
    ("ec2", "DescribeVolumes", f'<DescribeVolumesResponse xmlns="{EC2}"/>'),
    (
        "ec2",
        "DescribeVolumes",
        "<DescribeVolumesResponse><volumeSet><item><size>8</size><attachmentSet><item><instanceId>"
        "i-1</instanceId></item></attachmentSet></item></volumeSet></DescribeVolumesResponse>",
    ),
    (
        "ec2",
        "DescribeVolumes",
        "<DescribeVolumesResponse><volumeSet><item><size>8</size><volumeId/><iops>1</iops></item>"
        "</volumeSet><nextToken>a</nextToken><volumeSet><item><size>9</size></item></volumeSet>"
        "</DescribeVolumesResponse>",
    ),
    (
        "elbv2",
        "DescribeTags",
        f"""<DescribeTagsResponse xmlns="{ELB}"><DescribeTagsResult><TagDescriptions><member>
<ResourceArn>arn</ResourceArn><Tags><member><Key>k</Key><Value>v</Value></member><member><Key>l</Key>
</member></Tags></member></TagDescriptions></DescribeTagsResult><ResponseMetadata><RequestId>r
</RequestId></ResponseMetadata></DescribeTagsResponse>""",
    ),
    (
        "iam",
        "GetAccessKeyLastUsed",
        "<GetAccessKeyLastUsedResponse><GetAccessKeyLastUsedResult><AccessKeyLastUsed><Region>N/A"
        "</Region></AccessKeyLastUsed></GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>",
    ),
]
ERRORS = [
    (
        "ec2",
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>No.</Message></Error>"
        "</Errors><RequestID>r</RequestID></Response>",
    ),
    (
        "iam",
        "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>None.</Message>"
        "</Error><RequestId>r</RequestId></ErrorResponse>",
    ),
]


def model(service: str) -> ServiceModel:
    return ServiceModel(create_loader().load_service_model(service, "service-2"), service)


def both(protocol: str) -> Iterator[parsers.ResponseParser]:
    yield parsers.ResponseParserFactory().create_parser(protocol)
    yield ParserFactory().create_parser(protocol)


@pytest.mark.parametrize(("service", "operation", "body"), ANSWERS)
def test_answers_are_told_alike(service: str, operation: str, body: str) -> None:
    described = model(service)
    shape = described.operation_model(operation).output_shape
    answer = {"status_code": 200, "headers": {}, "body": body.encode(), "context": {}}
    theirs, ours = (one.parse(answer, shape) for one in both(described.protocol))
    assert ours == theirs
    assert theirs["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(("service", "body"), ERRORS)
def test_errors_are_told_alike(service: str, body: str) -> None:
    described = model(service)
    answer = {"status_code": 403, "headers": {}, "body": body.encode(), "context": {}}
    theirs, ours = (one.parse(answer, None) for one in both(described.protocol))
    assert ours == theirs
    assert theirs["Error"]["Code"]


def test_clients_of_all_regions_share_what_was_found_out() -> None:
    factory = ParserFactory()
    for service, operation, body in [*ANSWERS, *ANSWERS[::-1]]:
        described = model(service)
        shape = described.operation_model(operation).output_shape
        answer = {"status_code": 200, "headers": {}, "body": body.encode(), "context": {}}
        theirs = parsers.ResponseParserFactory().create_parser(described.protocol)
        ours = factory.create_parser(described.protocol)
        assert ours.parse(answer, shape) == theirs.parse(answer, shape)


def test_times_are_read_as_was_set_last() -> None:
    factory = ParserFactory()
    described = model("ec2")
    shape = described.operation_model("DescribeVolumes").output_shape
    body = (
        b"<R><volumeSet><item><createTime>2026-10-01T00:00:00.000Z</createTime></item>"
        b"</volumeSet></R>"
    )
    answer = {"status_code": 200, "headers": {}, "body": body, "context": {}}
    for parse_time in (str.lower, len):
        factory.set_parser_defaults(timestamp_parser=parse_time)
        told = factory.create_parser(described.protocol).parse(answer, shape)
        assert told["Volumes"] == [{"CreateTime": parse_time("2026-10-01T00:00:00.000Z")}]


def test_other_protocols_are_botocores_own() -> None:
    assert type(ParserFactory().create_parser("json")) is parsers.JSONParser
