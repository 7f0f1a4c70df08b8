"""Sessions and clients: the one door to AWS.

`AwsClient.call` and `.pages` are how the whole portal calls AWS: errors leave as AwsFailure,
retries and time-outs are the same everywhere, and the IAM action of each call is known.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from botocore import __version__ as BOTOCORE  # noqa: N812 - a constant
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError
from botocore.hooks import HierarchicalEmitter
from botocore.session import Session as BotocoreSession
from botocore.utils import parse_timestamp

from connections.aws.credentials import AccessKey, Ambient, AssumedRole, Credentials
from connections.aws.errors import CALL_ERRORS, Attempt, failure_from
from connections.aws.knowledge import OPERATIONS, Events, Knowledge
from connections.aws.parsing import ParserFactory
from connections.models import AuthMethod, Connection, ExternalId
from organizations.crypto import FieldDecryptionError, Secret
from organizations.models import Organization
from organizations.runs import ErrorClass, RunFailure

HOME_REGION = "us-east-1"
_BASE = {
    # botocore would put its own together anew for each call.
    "user_agent": f"Botocore/{BOTOCORE} countinghouse",
    "max_pool_connections": 32,
    "s3": {"addressing_style": "auto"},
}
# Work in the background may wait; somebody who connects an account is told within 15 seconds.
PATIENT = Config(
    **_BASE,
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "adaptive", "max_attempts": 6},
)
# A survey asks hundreds of places at once and may not wait minutes for one that hangs. What it
# asks with are AWS's own answers: to check thousands of them costs more than to ask.
SURVEYING = Config(
    **_BASE,
    parameter_validation=False,
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "adaptive", "total_max_attempts": 4},
)
PROMPT = Config(
    **_BASE,
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "max_attempts": 2},
)
# What botocore knows of services is read once for all sessions: it takes longer than many a call.
_KNOWLEDGE = Knowledge()
_ADDRESS = re.compile(r"\d+(\.\d+){3}(:\d+)?")
# API names whose IAM action reads otherwise.
_IAM_ACTIONS = {
    ("s3", "list_objects_v2"): "s3:ListBucket",
    ("s3", "head_bucket"): "s3:ListBucket",
    ("s3", "head_object"): "s3:GetObject",
    ("s3", "list_buckets"): "s3:ListAllMyBuckets",
    ("s3", "get_public_access_block"): "s3:GetBucketPublicAccessBlock",
    ("s3control", "get_public_access_block"): "s3:GetAccountPublicAccessBlock",
    ("s3", "put_public_access_block"): "s3:PutBucketPublicAccessBlock",
    ("s3", "put_bucket_encryption"): "s3:PutEncryptionConfiguration",
}
_IAM_SERVICES = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing"}


class AwsSession:
    """Signed-in access to one account. `account` names it in sentences.

    Raises AwsFailure where a role is to be assumed by a machine without an identity.
    """

    def __init__(self, credentials: Credentials, *, account: str, config: Config = PATIENT) -> None:
        self.account = account
        self._config = config
        self._session = _signed_in(credentials, config)

    def client(self, service: str, region: str = HOME_REGION) -> "AwsClient":
        """Return a client of one service in one region. Safe to share between threads."""
        client = self._session.create_client(service, region_name=region, config=self._config)
        if service == "s3control":
            client.meta.events.register("before-sign.s3-control", _to_bare_address)
        return AwsClient(client, service=service, region=region, account=self.account)


class AwsClient:
    """A service's client whose errors are AwsFailure."""

    def __init__(self, client: Any, *, service: str, region: str, account: str) -> None:
        self._client = client
        self.service = service
        self.region = region
        self.account = account

    def call(self, operation: str, *, target: str = "", **parameters: Any) -> dict[str, Any]:
        """Make one call (`describe_regions`) and return its answer. Raises AwsFailure.

        `target` names what the call is about in an error's sentence.
        """
        self._must_know(operation)
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except CALL_ERRORS as error:
            raise failure_from(error, self.attempt(operation, target)) from None
        return answer

    def pages(
        self, operation: str, key: str, *, target: str = "", **parameters: Any
    ) -> Iterator[Any]:
        """Yield the items under `key` of every page of a paginated call. Raises AwsFailure."""
        self._must_know(operation)
        try:
            for page in self._client.get_paginator(operation).paginate(**parameters):
                yield from page.get(key) or ()
        except CALL_ERRORS as error:
            raise failure_from(error, self.attempt(operation, target)) from None

    def _must_know(self, operation: str) -> None:
        known = OPERATIONS.get(self.service)
        if known is not None and operation not in known:
            raise LookupError(
                f"Name {operation} in connections.aws.knowledge.OPERATIONS: the clients of"
                f" {self.service} have no other operations."
            )

    def attempt(self, operation: str, target: str = "") -> Attempt:
        """Return what a failed call of this client was trying to do."""
        return Attempt(
            account=self.account,
            service=self.service,
            operation=operation,
            action=iam_action(self.service, operation),
            target=target
            or (self.region if self.service not in ("s3", "s3control", "sts", "iam") else ""),
        )


def iam_action(service: str, operation: str) -> str:
    """Return the IAM action of a call: ("ec2", "describe_regions") -> "ec2:DescribeRegions"."""
    known = _IAM_ACTIONS.get((service, operation))
    if known:
        return known
    camel = "".join(word.capitalize() for word in operation.removesuffix("_v2").split("_"))
    return f"{_IAM_SERVICES.get(service, service)}:{camel}"


def session_for(connection: Connection, *, config: Config = PATIENT) -> AwsSession:
    """Return a session of a connection's account."""
    return AwsSession(credentials_of(connection), account=str(connection), config=config)


def credentials_of(connection: Connection) -> Credentials:
    """Return a connection's stored credentials. Raises RunFailure where there are none."""
    if connection.disconnected_at is not None:
        raise RunFailure(
            ErrorClass.CONFIG, f"{connection} is disconnected.", "Connect the account again first."
        )
    if connection.auth_method == AuthMethod.COSTS_ONLY:
        raise RunFailure(
            ErrorClass.CONFIG,
            f"{connection} is connected for costs only: the portal cannot sign in to it.",
            "Give it a role or an access key to discover its resources.",
        )
    if connection.auth_method == AuthMethod.ACCESS_KEY:
        return AccessKey(connection.access_key_id, _stored_secret(connection))
    if connection.auth_method == AuthMethod.ASSUME_ROLE:
        return AssumedRole(
            connection.role_arn,
            external_id_of(connection.organization),
            source_of(connection.through),
        )
    return Ambient()


def _stored_secret(connection: Connection) -> Secret:
    try:
        return Secret(connection.secret_access_key)
    except FieldDecryptionError:
        raise RunFailure(
            ErrorClass.CONFIG,
            f"The stored secret access key of {connection} cannot be opened: the key that encrypted"
            " it is not in FIELD_KEYS.",
            "Put that key back, or enter the secret access key again.",
        ) from None


def source_of(through: Connection | None) -> Credentials | None:
    """Return the credentials that assume a role; None stands for the portal's own identity.

    Raises RunFailure when the connection that opens the role is gone.
    """
    if through is None:
        return None
    if through.disconnected_at is not None:
        raise RunFailure(
            ErrorClass.CONFIG,
            f"The role is assumed with the credentials of {through}, which is disconnected.",
            f"Connect the account {through.account_id} again, or let the portal's own identity"
            " assume the role.",
        )
    return credentials_of(through)


def external_id_of(organization: Organization) -> str:
    """Return the organization's external id; it is made at first use and never changes."""
    return ExternalId.objects.get_or_create(organization=organization)[0].value


def _signed_in(credentials: Credentials, config: Config) -> BotocoreSession:
    session = _botocore_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    if isinstance(credentials, AccessKey):
        session.set_credentials(credentials.access_key_id, str(credentials.secret_access_key))
    elif isinstance(credentials, AssumedRole):
        session._credentials = _role_credentials(credentials, config)
    return session


def _botocore_session() -> BotocoreSession:
    hooks = HierarchicalEmitter()
    session = BotocoreSession(event_hooks=hooks)
    session.register_component("event_emitter", Events(hooks))
    session.register_component("data_loader", _KNOWLEDGE)
    session.register_component("response_parser_factory", ParserFactory())
    return session


def _to_bare_address(request: Any, **_: Any) -> None:
    """Take the account's name from before an endpoint that is an IP address, which has none.

    S3 Control puts the account before whatever endpoint it is given, and into a header too.
    """
    parts = urlsplit(request.url)
    account, _, address = parts.netloc.partition(".")
    if account.isdigit() and _ADDRESS.fullmatch(address):
        request.url = urlunsplit(parts._replace(netloc=address))


def _time(value: Any) -> datetime:
    """Return a time in an answer. botocore's own parser takes a third of reading a long list."""
    if isinstance(value, str) and value[10:11] == "T":
        with suppress(ValueError):
            parsed = datetime.fromisoformat(value)
            if parsed.tzinfo is not None:
                return parsed
    told: datetime = parse_timestamp(value)
    return told


def _role_credentials(role: AssumedRole, config: Config) -> DeferredRefreshableCredentials:
    """Return credentials that assume the role at first use and again before they expire."""
    own = _botocore_session() if role.source is None else _signed_in(role.source, config)
    source = own.get_credentials()
    if source is None:
        attempt = Attempt("the portal", "sts", "assume_role", "sts:AssumeRole", role.role_arn)
        raise failure_from(NoCredentialsError(), attempt)

    def create_client(service: str, **kwargs: Any) -> Any:
        kwargs.pop("config", None)
        return own.create_client(
            service, **{"region_name": HOME_REGION, **kwargs, "config": config}
        )

    fetcher = AssumeRoleCredentialFetcher(
        client_creator=create_client,
        source_credentials=source,
        role_arn=role.role_arn,
        extra_args={"ExternalId": role.external_id, "RoleSessionName": "countinghouse"},
    )
    return DeferredRefreshableCredentials(
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )


@lru_cache(maxsize=1)
def bucket_regions() -> tuple[str, ...]:
    """Return the commercial regions in which a bucket may be made, as botocore knows them."""
    return tuple(sorted(_botocore_session().get_available_regions("s3")))
