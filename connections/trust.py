"""The trust policy of a role: who may assume it, and only with the organization's external id."""

from typing import Any

from connections.models import Connection


def trust_policy(external_id: str, principal: str) -> dict[str, Any]:
    """Return the policy. `principal` is the ARN of whoever assumes the role."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyThePortalWithTheExternalId",
                "Effect": "Allow",
                "Principal": {"AWS": principal},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
            }
        ],
    }


def payer_principal(payer: Connection) -> str:
    """Return the payer account as a principal: its own IAM policies say who of it may assume."""
    return f"arn:{payer.partition}:iam::{payer.account_id}:root"
