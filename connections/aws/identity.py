"""Who the credentials belong to."""

import secrets
from dataclasses import dataclass

from connections.aws.credentials import Ambient, AssumedRole
from connections.aws.errors import AwsFailure
from connections.aws.session import PROMPT, AwsClient, AwsSession
from organizations.runs import ErrorClass


@dataclass(frozen=True)
class Identity:
    """What STS says of the credentials: the account, the user or role, the partition."""

    account_id: str
    arn: str

    @property
    def partition(self) -> str:
        """Return "aws", "aws-cn" or "aws-us-gov"."""
        return self.arn.split(":")[1]


def identify(session: AwsSession) -> Identity:
    """Ask STS whose credentials these are. Needs no permission. Raises AwsFailure."""
    answer = session.client("sts").call("get_caller_identity")
    return Identity(answer["Account"], answer["Arn"])


def role_is_open(role: AssumedRole) -> bool:
    """Say whether the role can be assumed without the external id, or with another one.

    Such a role could be used through any other organization of this portal that learns its ARN.
    Asked with the credentials that assume it. Raises AwsFailure when it cannot be found out.
    """
    sts = AwsSession(role.source or Ambient(), account="the portal", config=PROMPT).client("sts")
    return any(_opens(sts, role, **other) for other in ({}, {"ExternalId": secrets.token_hex()}))


def _opens(sts: AwsClient, role: AssumedRole, **parameters: str) -> bool:
    try:
        sts.call(
            "assume_role",
            target=role.role_arn,
            RoleArn=role.role_arn,
            RoleSessionName="countinghouse-proof",
            **parameters,
        )
    except AwsFailure as failure:
        if failure.error_class == ErrorClass.PERMISSION:
            return False
        raise
    return True
