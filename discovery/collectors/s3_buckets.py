"""S3 buckets of the whole account, with what makes them public."""

from collections.abc import Iterator
from typing import Any

from connections.aws.session import AwsClient
from discovery.collectors.base import Call, Collector, Found, Place, facts, tags_of
from discovery.models import ResourceType

_EVERYBODY = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
)
_NO_BLOCK = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False
)
# A bucket deleted between two calls has no details; the next run calls it gone.
_DELETED = "NoSuchBucket"


def _collect(place: Place) -> Iterator[Found]:
    # The region is told only to a request with MaxBuckets, which the page size sets.
    listed = place.client("s3").pages(
        "list_buckets", "Buckets", PaginationConfig={"PageSize": 1000}
    )
    account_block = _account_block(place)
    for _, found in place.each(lambda bucket: _found(place, bucket, account_block), listed):
        yield found


def _account_block(place: Place) -> dict[str, bool] | None:
    """Return what the account blocks for all of its buckets, None where that is not told."""

    def ask() -> dict[str, bool]:
        client = place.client("s3control")
        answer = client.call("get_public_access_block", AccountId=place.account_id)
        return {**_NO_BLOCK, **answer["PublicAccessBlockConfiguration"]}

    absent = {"NoSuchPublicAccessBlockConfiguration": _NO_BLOCK}
    return place.detail("account's public access block", place.account_id, ask, absent)


def _found(place: Place, bucket: dict[str, Any], account_block: dict[str, bool] | None) -> Found:
    name, region = bucket["Name"], bucket["BucketRegion"]
    client = place.client("s3", region)
    tags = _tags(place, client, name)
    details = {
        "account_public_access_block": account_block,
        "public_access_block": _public_access_block(place, client, name),
        "policy_is_public": _policy_is_public(place, client, name),
        "public_grants": _public_grants(place, client, name),
    }
    unknown = [what for what, value in details.items() if value is None]
    return Found(
        type=ResourceType.S3_BUCKET,
        resource_id=name,
        region=region,
        arn=f"arn:{place.partition}:s3:::{name}",
        name=name,
        tags=tags or {},
        attributes=facts(created_at=bucket.get("CreationDate"))
        | {what: value for what, value in details.items() if value is not None},
        unknown=unknown if tags is not None else ["tags", *unknown],
    )


def _tags(place: Place, client: AwsClient, name: str) -> dict[str, str] | None:
    def ask() -> dict[str, str]:
        return tags_of(client.call("get_bucket_tagging", target=name, Bucket=name), "TagSet")

    absent: dict[str, dict[str, str]] = {"NoSuchTagSet": {}, _DELETED: {}}
    return place.detail("tags", name, ask, absent)


def _public_access_block(place: Place, client: AwsClient, name: str) -> dict[str, bool] | None:
    def ask() -> dict[str, bool]:
        answer = client.call("get_public_access_block", target=name, Bucket=name)
        return {**_NO_BLOCK, **answer["PublicAccessBlockConfiguration"]}

    absent = {"NoSuchPublicAccessBlockConfiguration": _NO_BLOCK, _DELETED: _NO_BLOCK}
    return place.detail("public access block", name, ask, absent)


def _policy_is_public(place: Place, client: AwsClient, name: str) -> bool | None:
    def ask() -> bool:
        answer = client.call("get_bucket_policy_status", target=name, Bucket=name)
        return bool(answer.get("PolicyStatus", {}).get("IsPublic", False))

    absent = {"NoSuchBucketPolicy": False, _DELETED: False}
    return place.detail("policy status", name, ask, absent)


def _public_grants(place: Place, client: AwsClient, name: str) -> list[str] | None:
    def ask() -> list[str]:
        grants = client.call("get_bucket_acl", target=name, Bucket=name).get("Grants", [])
        return sorted(
            {one["Permission"] for one in grants if one["Grantee"].get("URI") in _EVERYBODY}
        )

    absent: dict[str, list[str]] = {_DELETED: []}
    return place.detail("access control list", name, ask, absent)


def _some_bucket(client: AwsClient) -> dict[str, str] | None:
    some = client.call("list_buckets", MaxBuckets=1)["Buckets"]
    return {"Bucket": some[0]["Name"]} if some else None


S3_BUCKETS = Collector(
    family="s3_buckets",
    label="S3 buckets",
    types=(ResourceType.S3_BUCKET,),
    calls=(
        Call("s3", "list_buckets", "Find S3 buckets", probe={"MaxBuckets": 1}),
        Call(
            "s3",
            "get_bucket_tagging",
            "Read the tags of S3 buckets",
            probe=_some_bucket,
            absent=("NoSuchTagSet",),
        ),
        Call(
            "s3",
            "get_public_access_block",
            "See whether S3 buckets block public access",
            probe=_some_bucket,
            absent=("NoSuchPublicAccessBlockConfiguration",),
        ),
        Call(
            "s3control",
            "get_public_access_block",
            "See whether the account blocks public access to S3",
            probe=lambda _: {},
            absent=("NoSuchPublicAccessBlockConfiguration",),
            of_account=True,
        ),
        Call(
            "s3",
            "get_bucket_policy_status",
            "See whether S3 bucket policies are public",
            probe=_some_bucket,
            absent=("NoSuchBucketPolicy",),
        ),
        Call("s3", "get_bucket_acl", "See whether S3 bucket ACLs are public", probe=_some_bucket),
    ),
    collect=_collect,
    is_regional=False,
    asks_each=True,
)
