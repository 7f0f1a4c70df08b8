"""IAM users and their access keys, with when each was used last."""

from collections.abc import Iterator
from typing import Any

from connections.aws.errors import AwsFailure
from connections.aws.session import AwsClient
from discovery.collectors.base import GLOBAL, Call, Collector, Found, Place, facts, pages
from discovery.models import ResourceType

_MISSING = "NoSuchEntity"


def _collect(place: Place) -> Iterator[Found]:
    users = pages(place, "iam", "list_users", "Users")
    for _, found in place.each(lambda user: _user_and_keys(place, user), users):
        yield from found


def _user_and_keys(place: Place, user: dict[str, Any]) -> list[Found]:
    name = user["UserName"]
    try:
        keys = list(pages(place, "iam", "list_access_keys", "AccessKeyMetadata", UserName=name))
    except AwsFailure as failure:
        if failure.code == _MISSING:
            return []  # deleted since the list was made
        raise
    return [_user(place, user), *(_key(place, key) for key in keys)]


def _user(place: Place, user: dict[str, Any]) -> Found:
    name, client = user["UserName"], place.client("iam")

    def ask() -> bool:
        return bool(client.call("get_login_profile", target=name, UserName=name))

    has_password = place.detail("login profile", name, ask, {_MISSING: False})
    return Found(
        type=ResourceType.IAM_USER,
        resource_id=name,
        region=GLOBAL,
        arn=user["Arn"],
        name=name,
        attributes=facts(
            user_id=user.get("UserId"),
            path=user.get("Path"),
            created_at=user.get("CreateDate"),
            has_password=has_password,
            password_last_used_at=user.get("PasswordLastUsed"),
        ),
        unknown=("has_password",) if has_password is None else (),
    )


def _key(place: Place, key: dict[str, Any]) -> Found:
    key_id, client = key["AccessKeyId"], place.client("iam")

    def ask() -> dict[str, Any]:
        answer = client.call("get_access_key_last_used", target=key_id, AccessKeyId=key_id)
        # A key that was never used has no date, and "N/A" for the rest.
        used: dict[str, Any] = answer.get("AccessKeyLastUsed", {})
        return used if used.get("LastUsedDate") else {}

    absent: dict[str, dict[str, Any]] = {_MISSING: {}}
    used = place.detail("last use", key_id, ask, absent)
    return Found(
        type=ResourceType.IAM_ACCESS_KEY,
        resource_id=key_id,
        region=GLOBAL,
        name=key["UserName"],
        state=key["Status"],
        attributes=facts(
            user=key["UserName"],
            created_at=key.get("CreateDate"),
            last_used_at=(used or {}).get("LastUsedDate"),
            last_used_service=(used or {}).get("ServiceName"),
            last_used_region=(used or {}).get("Region"),
        ),
        unknown=("last_used_at",) if used is None else (),
    )


def _some_user(client: AwsClient) -> dict[str, str] | None:
    some = client.call("list_users", MaxItems=1)["Users"]
    return {"UserName": some[0]["UserName"]} if some else None


def _some_key(client: AwsClient) -> dict[str, str] | None:
    user = _some_user(client)
    keys = client.call("list_access_keys", **user)["AccessKeyMetadata"] if user else []
    return {"AccessKeyId": keys[0]["AccessKeyId"]} if keys else None


IAM_USERS = Collector(
    family="iam_users",
    label="IAM users and access keys",
    types=(ResourceType.IAM_USER, ResourceType.IAM_ACCESS_KEY),
    calls=(
        Call("iam", "list_users", "Find IAM users", probe={"MaxItems": 1}),
        Call("iam", "list_access_keys", "Find access keys of IAM users", probe=_some_user),
        Call(
            "iam",
            "get_login_profile",
            "See which IAM users have a password",
            probe=_some_user,
            absent=(_MISSING,),
        ),
        Call(
            "iam",
            "get_access_key_last_used",
            "See when access keys were used last",
            probe=_some_key,
        ),
    ),
    collect=_collect,
    is_regional=False,
    asks_each=True,
)
