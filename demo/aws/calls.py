"""What a request to AWS asks for: which service, region and operation, on which resource.

AWS speaks four dialects over HTTP (S3's REST, EC2's and the older services' query strings, JSON).
Everything behind this module sees one shape, the `Call`.
"""

import io
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

Environ = dict[str, Any]

CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")

# S3 has no action in its requests: (method, what the path names, sub-resource) decides.
# Value: API operation, IAM action.
S3_OPERATIONS: dict[tuple[str, str, str], tuple[str, str]] = {
    ("GET", "service", ""): ("ListBuckets", "ListAllMyBuckets"),
    ("GET", "bucket", ""): ("ListObjects", "ListBucket"),
    ("GET", "bucket", "list-type"): ("ListObjectsV2", "ListBucket"),
    ("HEAD", "bucket", ""): ("HeadBucket", "ListBucket"),
    ("PUT", "bucket", ""): ("CreateBucket", "CreateBucket"),
    ("DELETE", "bucket", ""): ("DeleteBucket", "DeleteBucket"),
    ("POST", "bucket", "delete"): ("DeleteObjects", "DeleteObject"),
    ("GET", "bucket", "location"): ("GetBucketLocation", "GetBucketLocation"),
    ("GET", "bucket", "policy"): ("GetBucketPolicy", "GetBucketPolicy"),
    ("PUT", "bucket", "policy"): ("PutBucketPolicy", "PutBucketPolicy"),
    ("DELETE", "bucket", "policy"): ("DeleteBucketPolicy", "DeleteBucketPolicy"),
    ("GET", "bucket", "policyStatus"): ("GetBucketPolicyStatus", "GetBucketPolicyStatus"),
    ("GET", "bucket", "acl"): ("GetBucketAcl", "GetBucketAcl"),
    ("PUT", "bucket", "acl"): ("PutBucketAcl", "PutBucketAcl"),
    ("GET", "bucket", "tagging"): ("GetBucketTagging", "GetBucketTagging"),
    ("PUT", "bucket", "tagging"): ("PutBucketTagging", "PutBucketTagging"),
    ("GET", "bucket", "publicAccessBlock"): (
        "GetPublicAccessBlock",
        "GetBucketPublicAccessBlock",
    ),
    ("PUT", "bucket", "publicAccessBlock"): (
        "PutPublicAccessBlock",
        "PutBucketPublicAccessBlock",
    ),
    ("GET", "bucket", "versioning"): ("GetBucketVersioning", "GetBucketVersioning"),
    ("PUT", "bucket", "versioning"): ("PutBucketVersioning", "PutBucketVersioning"),
    ("GET", "bucket", "encryption"): ("GetBucketEncryption", "GetEncryptionConfiguration"),
    ("PUT", "bucket", "encryption"): ("PutBucketEncryption", "PutEncryptionConfiguration"),
    ("GET", "bucket", "ownershipControls"): (
        "GetBucketOwnershipControls",
        "GetBucketOwnershipControls",
    ),
    ("PUT", "bucket", "ownershipControls"): (
        "PutBucketOwnershipControls",
        "PutBucketOwnershipControls",
    ),
    ("GET", "bucket", "lifecycle"): (
        "GetBucketLifecycleConfiguration",
        "GetLifecycleConfiguration",
    ),
    ("GET", "bucket", "versions"): ("ListObjectVersions", "ListBucketVersions"),
    ("GET", "object", ""): ("GetObject", "GetObject"),
    ("HEAD", "object", ""): ("HeadObject", "GetObject"),
    ("PUT", "object", ""): ("PutObject", "PutObject"),
    ("DELETE", "object", ""): ("DeleteObject", "DeleteObject"),
    ("GET", "object", "tagging"): ("GetObjectTagging", "GetObjectTagging"),
    ("PUT", "object", "tagging"): ("PutObjectTagging", "PutObjectTagging"),
    ("POST", "object", "uploads"): ("CreateMultipartUpload", "PutObject"),
    ("PUT", "object", "uploadId"): ("UploadPart", "PutObject"),
    ("POST", "object", "uploadId"): ("CompleteMultipartUpload", "PutObject"),
    ("DELETE", "object", "uploadId"): ("AbortMultipartUpload", "AbortMultipartUpload"),
}
S3_SUBRESOURCES = {key[2] for key in S3_OPERATIONS if key[2]}

S3_CONTROL = "/v20180820/"
S3_CONTROL_OPERATIONS = {
    ("GET", "configuration/publicAccessBlock"): (
        "GetPublicAccessBlock",
        "GetAccountPublicAccessBlock",
    ),
    ("PUT", "configuration/publicAccessBlock"): (
        "PutPublicAccessBlock",
        "PutAccountPublicAccessBlock",
    ),
}

# The prefix of the service's IAM actions, where it is not the name that signs the request.
IAM_PREFIX = {"monitoring": "cloudwatch"}


@dataclass
class Call:
    """One signed request. `path` is "bucket" or "bucket/key" for S3, else empty."""

    service: str
    region: str
    action: str
    permission: str
    access_key_id: str
    path: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""
    account_id: str = ""
    dialect: str = "query"  # s3 | ec2 | query | json | cbor: how an answer must be written

    @property
    def bucket(self) -> str:
        return self.path.partition("/")[0]

    @property
    def key(self) -> str:
        return self.path.partition("/")[2]

    @property
    def name(self) -> str:
        return f"{self.service}:{self.action}"


def read_call(environ: Environ) -> Call | None:
    """The call in a request, None when it carries no AWS signature. Leaves the body readable."""
    found = CREDENTIAL.match(environ.get("HTTP_AUTHORIZATION", ""))
    if found is None:
        return None
    access_key_id, _, region, service = found.groups()
    if service == "s3" and environ["PATH_INFO"].startswith(S3_CONTROL):
        return _s3_control_call(environ, access_key_id, region)
    if service == "s3":
        return _s3_call(environ, access_key_id, region)
    body = _take_body(environ)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    dialect = "json" if target else "ec2" if service == "ec2" else "query"
    params: dict[str, Any]
    if target:
        action = target.rpartition(".")[2]
        params = json.loads(body or b"{}")
    elif environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        action, params, dialect = environ["PATH_INFO"].rpartition("/")[2], {}, "cbor"
    else:
        raw = body.decode() or environ.get("QUERY_STRING", "")
        params = {k: v[0] for k, v in parse_qs(raw, keep_blank_values=True).items()}
        action = params.get("Action", "")
    prefix = IAM_PREFIX.get(service, service)
    return Call(
        service=service,
        region=region,
        action=action,
        permission=f"{prefix}:{action}",
        access_key_id=access_key_id,
        params=params,
        body=body,
        dialect=dialect,
    )


def replace_body(environ: Environ, body: bytes) -> None:
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _take_body(environ: Environ) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _s3_control_call(environ: Environ, access_key_id: str, region: str) -> Call:
    """What is asked of an account's S3 as a whole: signed as S3, told by its path."""
    what = environ["PATH_INFO"].removeprefix(S3_CONTROL)
    action, permission = S3_CONTROL_OPERATIONS.get((environ["REQUEST_METHOD"], what), (what, what))
    return Call(
        service="s3control",
        region=region,
        action=action,
        permission=f"s3:{permission}",
        access_key_id=access_key_id,
        params={"AccountId": environ.get("HTTP_X_AMZ_ACCOUNT_ID", "")},
        dialect="s3",
    )


def _s3_call(environ: Environ, access_key_id: str, region: str) -> Call:
    # RAW_URI, not PATH_INFO: a "//" or an escaped "/" in a key must survive.
    path = unquote(environ["RAW_URI"].partition("?")[0]).removeprefix("/")
    bucket, _, key = path.partition("/")
    level = "object" if key else "bucket" if bucket else "service"
    params = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    method = environ["REQUEST_METHOD"]
    sub = next((name for name in sorted(S3_SUBRESOURCES) if name in params), "")
    action, permission = S3_OPERATIONS.get(
        (method, level, sub), (f"{method} {level} {sub}".strip(), f"{method}{level}{sub}")
    )
    return Call(
        service="s3",
        region=region,
        action=action,
        permission=f"s3:{permission}",
        access_key_id=access_key_id,
        path=path if key else bucket,
        params=params,
        dialect="s3",
    )
