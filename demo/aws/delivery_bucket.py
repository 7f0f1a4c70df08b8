"""What AWS does with the bucket when a report or an export is made.

The bucket must exist and its policy must let the service write anywhere in it; then AWS writes a
test object at the bucket's root.
"""

import json

from moto.s3.models import s3_backends

from demo.aws.errors import AwsError
from demo.aws.policies import principals_allowed

TEST_OBJECT = "aws-programmatic-access-test-object"


def claim(bucket: str, owner: str, service: str, source_arn: str, refused: AwsError) -> None:
    """Write the test object as `service` (a service principal); raises `refused` if it may not.

    `source_arn` is what the grant's aws:SourceArn condition is held against.
    """
    s3 = s3_backends[owner]["aws"]
    found = s3.buckets.get(bucket)
    policy = json.loads(found.policy) if found is not None and found.policy else {}
    context = {"aws:SourceArn": source_arn, "aws:SourceAccount": source_arn.split(":")[4]}
    resource = f"arn:aws:s3:::{bucket}/{TEST_OBJECT}"
    allowed = principals_allowed(policy, "s3:PutObject", resource, context)
    if not any(service in entry.get("Service", []) for entry in allowed):
        raise refused
    s3.put_object(bucket, TEST_OBJECT, b"")
