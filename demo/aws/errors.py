"""AWS's errors, in the words and on the wire as each service says them."""

import json
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from demo.aws.calls import Call

# What happened -> service family -> (code, HTTP status). Families: sts is every older query
# service (STS, IAM, load balancers, CloudWatch), json the newer ones.
CODES: dict[str, dict[str, tuple[str, int]]] = {
    "unknown_key": {
        "sts": ("InvalidClientTokenId", 403),
        "ec2": ("AuthFailure", 401),
        "s3": ("InvalidAccessKeyId", 403),
        "json": ("UnrecognizedClientException", 400),
    },
    "bad_signature": {
        "sts": ("SignatureDoesNotMatch", 403),
        "ec2": ("AuthFailure", 401),
        "s3": ("SignatureDoesNotMatch", 403),
        "json": ("InvalidSignatureException", 400),
    },
    "expired": {
        "sts": ("ExpiredToken", 403),
        "ec2": ("RequestExpired", 400),
        "s3": ("ExpiredToken", 400),
        "json": ("ExpiredTokenException", 400),
    },
    "denied": {
        "sts": ("AccessDenied", 403),
        "ec2": ("UnauthorizedOperation", 403),
        "s3": ("AccessDenied", 403),
        "json": ("AccessDeniedException", 400),
    },
    "region_disabled": {
        "sts": ("InvalidClientTokenId", 403),
        "ec2": ("AuthFailure", 401),
        "s3": ("InvalidAccessKeyId", 403),
        "json": ("UnrecognizedClientException", 400),
    },
}
JSON_SERVICES = {"cur", "bcm-data-exports", "organizations"}


class AwsError(Exception):
    """An answer that says no. `extra` are further members of a JSON error."""

    def __init__(self, code: str, message: str, status: int = 400, **extra: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra


def refusal(call: Call, what: str, message: str) -> AwsError:
    """The error of this call's service for one of the cases in CODES."""
    family = call.service if call.service in ("s3", "ec2") else "sts"
    if call.service in JSON_SERVICES:
        family = "json"
    code, status = CODES[what][family]
    return AwsError(code, message, status)


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def written(status: int, content_type: str, body: bytes) -> Answer:
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    return Answer(status, headers, body)


def json_answer(status: int, data: Any) -> Answer:
    return written(status, "application/x-amz-json-1.1", json.dumps(data).encode())


def error_answer(error: AwsError, call: Call, *, head: bool = False) -> Answer:
    content_type, body = _written(error, call)
    # An answer to HEAD has no body, so a client sees the status alone.
    answer = written(error.status, content_type, b"" if head else body)
    if call.dialect == "cbor":
        answer.headers.append(("Smithy-Protocol", "rpc-v2-cbor"))
    return answer


def _written(error: AwsError, call: Call) -> tuple[str, bytes]:
    code, message = escape(error.code), escape(error.message)
    if call.dialect == "s3":
        return "application/xml", (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
            f"<Message>{message}</Message><BucketName>{escape(call.bucket)}</BucketName>"
            "<RequestId>PRETEND</RequestId><HostId>PRETEND</HostId></Error>"
        ).encode()
    if call.dialect == "ec2":
        return "text/xml", (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            "</Errors><RequestID>pretend</RequestID></Response>"
        ).encode()
    if call.dialect == "query":
        return "text/xml", (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{message}</Message></Error><RequestId>pretend</RequestId></ErrorResponse>"
        ).encode()
    if call.dialect == "cbor":
        return "application/cbor", _cbor_map({"__type": error.code, "message": error.message})
    data = {"__type": error.code, "message": error.message, "Message": error.message}
    return "application/x-amz-json-1.1", json.dumps(data | error.extra).encode()


def _cbor_map(data: dict[str, str]) -> bytes:
    """A CBOR map of text to text with up to 23 members, which is all that an error needs."""
    out = bytes([0xA0 + len(data)])
    for text in (part for pair in data.items() for part in pair):
        raw = text.encode()
        out += b"\x79" + len(raw).to_bytes(2, "big") + raw
    return out
