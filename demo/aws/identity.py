"""Whose key signed a call: an account's root user, an IAM user, or a session of a role.

Users, roles and their policies are moto's own state; this module only reads it.
"""

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

from moto.iam.models import AccessKey, IAMBackend, iam_backends
from moto.sts.models import AssumedRole, sts_backends

from demo.aws.credentials import ROOT_KEY, ROOT_SECRET
from demo.aws.policies import Policy

UTC = dt.UTC


@dataclass(frozen=True)
class Principal:
    account_id: str
    arn: str
    secret: str
    policies: list[Policy] = field(default_factory=list)
    is_root: bool = False
    session_token: str = ""
    expires: dt.datetime | None = None

    @property
    def expired(self) -> bool:
        return self.expires is not None and dt.datetime.now(UTC) >= self.expires


def find_principal(access_key_id: str) -> Principal | None:
    root = ROOT_KEY.fullmatch(access_key_id)
    if root:
        account_id = root[1]
        arn = f"arn:aws:iam::{account_id}:root"
        return Principal(account_id, arn, ROOT_SECRET, is_root=True)
    for account_id, partitions in list(iam_backends.items()):
        key = partitions["aws"].access_keys.get(access_key_id)
        if key is None:
            continue
        if key.user_name is None:
            return _session(account_id, access_key_id)
        return _user(account_id, partitions["aws"], key)
    return None


def _user(account_id: str, iam: IAMBackend, key: AccessKey) -> Principal | None:
    user = iam.users.get(str(key.user_name))
    if user is None or key.status != "Active" or key not in user.access_keys:
        return None
    policies = documents(user)
    for group in iam.get_groups_for_user(user.name):
        policies += documents(group)
    return Principal(account_id, user.arn, key.secret_access_key, policies)


def _session(account_id: str, access_key_id: str) -> Principal | None:
    session = _assumed_role(account_id, access_key_id)
    if session is None:
        return None
    role = find_role(session.role_arn)
    return Principal(
        account_id,
        session.arn,
        session.secret_access_key,
        documents(role) if role is not None else [],
        session_token=session.session_token,
        expires=session.expiration.replace(tzinfo=session.expiration.tzinfo or UTC),
    )


def _assumed_role(account_id: str, access_key_id: str) -> AssumedRole | None:
    sessions = sts_backends[account_id]["aws"].assumed_roles
    return next((s for s in sessions if s.access_key_id == access_key_id), None)


def find_role(arn: str) -> Any:
    """moto's role with this ARN, None when there is none."""
    account_id = arn.split(":")[4] if arn.count(":") >= 5 else ""
    if not account_id.isdigit():
        return None
    roles = iam_backends[account_id]["aws"].roles.values()
    return next((role for role in roles if role.arn == arn), None)


def find_identity(arn: str) -> Any:
    """moto's user or role with this ARN, None when there is none."""
    account_id = arn.split(":")[4] if arn.count(":") >= 5 else ""
    if not account_id.isdigit():
        return None
    users = iam_backends[account_id]["aws"].users.values()
    return next((user for user in users if user.arn == arn), None) or find_role(arn)


def documents(holder: Any) -> list[Policy]:
    """The policies, inline and attached, of a user, group or role of moto's."""
    found = [json.loads(text) for text in holder.policies.values()]
    for policy in holder.managed_policies.values():
        current = next(version for version in policy.versions if version.is_default)
        found.append(json.loads(current.document))
    return found


def end_sessions() -> int:
    """Let every session of every role expire now; how many there were."""
    ended = 0
    for partitions in list(sts_backends.values()):
        for session in partitions["aws"].assumed_roles:
            session.expiration = dt.datetime(2000, 1, 1, tzinfo=UTC)
            ended += 1
    return ended


def plant_access_key(account_id: str, user_name: str, key_id: str, secret: str) -> None:
    """Give an IAM user an access key of our choice, as AWS never would."""
    iam = iam_backends[account_id]["aws"]
    key = iam.create_access_key(user_name)
    del iam.access_keys[key.access_key_id]
    key.access_key_id, key.secret_access_key = key_id, secret
    iam.access_keys[key_id] = key
