"""The ways to sign in to an AWS account."""

from dataclasses import dataclass

from organizations.crypto import Secret


@dataclass(frozen=True)
class AccessKey:
    """A user's access key and secret."""

    access_key_id: str
    secret_access_key: Secret


@dataclass(frozen=True)
class AssumedRole:
    """A role that trusts whoever assumes it when the external id is given.

    source  whose credentials assume it; None: the portal's own identity
    """

    role_arn: str
    external_id: str
    source: "Credentials | None" = None


@dataclass(frozen=True)
class Ambient:
    """The identity of the machine that the portal runs on."""


Credentials = AccessKey | AssumedRole | Ambient
