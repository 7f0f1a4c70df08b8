"""AWS's errors in words: a class, a sentence that names the account and action, and a hint."""

from dataclasses import dataclass

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from organizations.runs import ErrorClass, RunFailure


@dataclass(frozen=True)
class Attempt:
    """What was tried: for whom, by which call, on what."""

    account: str
    service: str
    operation: str
    action: str
    target: str = ""

    def __str__(self) -> str:
        on = f" on {self.target}" if self.target else ""
        return f"{self.action}{on}"


class AwsFailure(RunFailure):
    """A call to AWS failed. `code` is AWS's error code, '' when AWS was not reached."""

    def __init__(
        self, error_class: ErrorClass, message: str, hint: str, *, code: str, attempt: Attempt
    ) -> None:
        super().__init__(error_class, message, hint)
        self.code = code
        self.attempt = attempt


@dataclass(frozen=True)
class _Wording:
    error_class: ErrorClass
    message: str
    hint: str


_BAD_KEY = _Wording(
    ErrorClass.CONFIG,
    "AWS does not know the access key of {account} ({attempt}).",
    "Check the access key id for typing errors, or create a new key for this user in IAM.",
)
_BAD_SECRET = _Wording(
    ErrorClass.CONFIG,
    "The secret access key of {account} does not belong to its access key id ({attempt}).",
    "Enter the secret again exactly as AWS showed it, or create a new access key.",
)
# EC2 does not say which of them is wrong.
_REFUSED = _Wording(
    ErrorClass.CONFIG,
    "AWS does not accept the access key of {account} ({attempt}): its id or its secret is wrong,"
    " or the region is not enabled.",
    "Test the connection; if the key is refused there too, enter it again or create a new one.",
)
_EXPIRED = _Wording(
    ErrorClass.CONFIG,
    "The credentials of {account} have expired ({attempt}).",
    "Temporary credentials cannot be used for a connection: enter the key of an IAM user, or a"
    " role with external id.",
)
_DENIED = _Wording(
    ErrorClass.PERMISSION,
    "The credentials of {account} may not do {attempt}.",
    "Allow {action} in the IAM policy of this user or role.",
)
_THROTTLED = _Wording(
    ErrorClass.THROTTLED,
    "AWS asked {account} to slow down ({attempt}).",
    "Nothing to do: the portal tries again by itself.",
)
_CLOCK = _Wording(
    ErrorClass.CONFIG,
    "AWS refused {attempt} of {account} because this machine's clock is wrong.",
    "Set the portal machine's clock (NTP); it must be within 5 minutes of the true time.",
)
_NO_BUCKET = _Wording(
    ErrorClass.CONFIG,
    "There is no bucket {target} ({action} as {account}).",
    "Check the bucket's name, or create it, then update the export's parameters.",
)
_NO_KEY = _Wording(
    ErrorClass.DATA,
    "There is no object {target}.",
    "If it was there before, somebody or a lifecycle rule deleted it.",
)
_REGION_OFF = _Wording(
    ErrorClass.CONFIG,
    "The region is not enabled for {account} ({attempt}).",
    "Enable the region in the account's settings, or leave it: nothing can run there.",
)
_KMS = _Wording(
    ErrorClass.PERMISSION,
    "The credentials of {account} may not decrypt {target} ({action}, which needs kms:Decrypt).",
    "Allow kms:Decrypt on the key that encrypts the bucket, in the key's policy and in the IAM"
    " policy.",
)
_SERVER = _Wording(
    ErrorClass.TRANSIENT,
    "AWS answered {attempt} of {account} with an internal error ({code}).",
    "Nothing to do: the portal tries again by itself.",
)
_OTHER = _Wording(
    ErrorClass.CONFIG,
    "AWS refused {attempt} of {account}: {said} ({code}).",
    "Correct what AWS names, then try again.",
)

_BY_CODE = {
    **dict.fromkeys(
        (
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "UnrecognizedClientException",
        ),
        _BAD_KEY,
    ),
    "AuthFailure": _REFUSED,
    **dict.fromkeys(("SignatureDoesNotMatch", "InvalidSignatureException"), _BAD_SECRET),
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
        _EXPIRED,
    ),
    **dict.fromkeys(
        (
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
            "AllAccessDisabled",
            "403",
            "Forbidden",
        ),
        _DENIED,
    ),
    **dict.fromkeys(
        (
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
            "SlowDown",
            "RequestThrottled",
        ),
        _THROTTLED,
    ),
    "RequestTimeTooSkewed": _CLOCK,
    **dict.fromkeys(("NoSuchBucket",), _NO_BUCKET),
    **dict.fromkeys(("NoSuchKey", "404"), _NO_KEY),
    **dict.fromkeys(("OptInRequired", "RegionDisabledException"), _REGION_OFF),
    **dict.fromkeys(
        (
            "InternalError",
            "InternalServerException",
            "InternalErrorException",
            "InternalFailure",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "500",
            "502",
            "503",
        ),
        _SERVER,
    ),
}


# What a call raises when it does not go well; an answer that is none is no error of botocore's own.
CALL_ERRORS = (boto.ClientError, boto.BotoCoreError, ResponseParserError)


def failure_from(error: Exception, attempt: Attempt) -> AwsFailure:
    """Return what people need to know of a botocore error; it never holds a secret."""
    if isinstance(error, boto.ClientError):
        return _from_answer(error, attempt)
    return _from_transport(error, attempt)


def _from_answer(error: boto.ClientError, attempt: Attempt) -> AwsFailure:
    answer = error.response.get("Error", {})
    code, said = str(answer.get("Code", "")), str(answer.get("Message", ""))
    wording = _BY_CODE.get(code, _OTHER)
    if code == "SignatureDoesNotMatch" and "expired" in said.lower():
        wording = _CLOCK
    elif wording is _DENIED and ("kms" in said.lower() or "ciphertext" in said.lower()):
        wording = _KMS
    elif (
        wording is _OTHER
        and error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
    ):
        wording = _SERVER
    return _said(wording, attempt, code=code, said=said)


_TRANSPORT: tuple[tuple[type[Exception], _Wording], ...] = (
    (
        boto.NoCredentialsError,
        _Wording(
            ErrorClass.CONFIG,
            "The portal's machine has no AWS identity of its own.",
            "Give the machine an instance profile or task role, or choose another way to sign in.",
        ),
    ),
    (
        boto.ParamValidationError,
        _Wording(
            ErrorClass.CONFIG,
            "A value does not have the form that AWS asks for in {attempt}.",
            "Check the names that were entered.",
        ),
    ),
    (
        ResponseParserError,
        _Wording(
            ErrorClass.TRANSIENT,
            "What came as AWS's answer to {attempt} of {account} cannot be read.",
            "If it stays so, look for a proxy between the portal's machine and AWS that answers"
            " itself or cuts answers off.",
        ),
    ),
    (
        boto.BotoCoreError,
        _Wording(
            ErrorClass.TRANSIENT,
            "AWS could not be reached for {attempt} of {account} ({said}).",
            "Check that the portal's machine may reach AWS's addresses; it tries again by itself.",
        ),
    ),
)


def _from_transport(error: Exception, attempt: Attempt) -> AwsFailure:
    for kind, wording in _TRANSPORT:
        if isinstance(error, kind):
            return _said(wording, attempt, code="", said=type(error).__name__)
    raise error


def _said(wording: _Wording, attempt: Attempt, *, code: str, said: str) -> AwsFailure:
    values = {
        "account": attempt.account,
        "attempt": str(attempt),
        "action": attempt.action,
        "target": attempt.target or "of this name",
        "code": code,
        "said": said.rstrip(".") or "without a reason",
    }
    return AwsFailure(
        wording.error_class,
        wording.message.format_map(values),
        wording.hint.format_map(values),
        code=code,
        attempt=attempt,
    )
