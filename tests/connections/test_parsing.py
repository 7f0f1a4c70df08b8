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


def test_other_protocols_are_botocores_own() -> None:
    assert type(ParserFactory().create_parser("json")) is parsers.JSONParser
