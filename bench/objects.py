"""Looking at objects of the measured S3."""

from pathlib import PurePosixPath

import boto3

from demo.aws.credentials import root_credentials
from demo.bills.big import PAYER


def look(paths: list[str]) -> None:
    """Ask S3 for each object's ETag; a path is bucket/key."""
    s3 = boto3.client("s3", region_name="us-east-1", **root_credentials(PAYER))
    for path in paths:
        bucket, *key = PurePosixPath(path).parts
        s3.head_object(Bucket=bucket, Key="/".join(key))
