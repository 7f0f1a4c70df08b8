"""The bucket of an export."""

from connections.aws.s3 import Bucket
from connections.aws.session import session_for
from connections.models import Export


def bucket_of(export: Export) -> Bucket:
    """Return the export's bucket, read with its connection's credentials."""
    return Bucket(session_for(export.connection), export.bucket, export.region)
