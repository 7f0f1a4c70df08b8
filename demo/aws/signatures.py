"""Signature Version 4, computed from the request as it came over the wire."""

import hashlib
import hmac
import re
from urllib.parse import quote

from demo.aws.calls import CREDENTIAL, Call, Environ

PARTS = re.compile(r"SignedHeaders=([^,]+),\s*Signature=([0-9a-f]+)")


def is_signed_with(environ: Environ, call: Call, secret: str) -> bool:
    """Whether the request was signed with this secret access key."""
    authorization = environ["HTTP_AUTHORIZATION"]
    credential, parts = CREDENTIAL.match(authorization), PARTS.search(authorization)
    if credential is None or parts is None:
        return False
    names, signature = parts.groups()
    _, day, region, service = credential.groups()
    scope = f"{day}/{region}/{service}/aws4_request"
    canonical = _canonical_request(environ, call, names.split(";"))
    to_sign = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            environ.get("HTTP_X_AMZ_DATE", ""),
            scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    expected = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return hmac.compare_digest(expected, signature)


def _canonical_request(environ: Environ, call: Call, names: list[str]) -> str:
    path, _, query = environ["RAW_URI"].partition("?")
    if call.service != "s3":  # all but S3 escape the path once more
        path = quote(path, safe="/~")
    pairs = sorted(
        (name, value)
        for name, _, value in (part.partition("=") for part in query.split("&"))
        if name
    )
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256") or hashlib.sha256(call.body).hexdigest()
    return "\n".join(
        [
            environ["REQUEST_METHOD"],
            path or "/",
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{_header(environ, name)}" for name in names),
            "",
            ";".join(names),
            payload,
        ]
    )


def _header(environ: Environ, name: str) -> str:
    variable = name.upper().replace("-", "_")
    if variable not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        variable = f"HTTP_{variable}"
    return " ".join(str(environ.get(variable, "")).split())
