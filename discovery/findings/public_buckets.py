"""S3 buckets that everybody can read or write."""

from collections.abc import Iterator

from discovery.findings.base import Hit, Kind, Rule, Stock, Stocked, Undecided, Verdict, is_unknown
from discovery.models import ResourceType

_BLOCKS = ("public_access_block", "account_public_access_block")


def _find(stock: Stock) -> Iterator[Verdict]:
    for bucket in stock.of(ResourceType.S3_BUCKET):
        ways = list(_ways_in(bucket))
        if ways and is_unknown(bucket, "public_access_block"):
            yield Undecided(bucket)
        elif ways:
            yield Hit(bucket, f"{' '.join(ways)} {_unblocked(bucket)}")
        elif is_unknown(bucket, "policy_is_public", "public_grants"):
            yield Undecided(bucket)


def _ways_in(bucket: Stocked) -> Iterator[str]:
    if bucket.attributes.get("policy_is_public") and not _blocks(bucket, "RestrictPublicBuckets"):
        yield "The bucket policy lets everybody in."
    grants = bucket.attributes.get("public_grants")
    if grants and not _blocks(bucket, "IgnorePublicAcls"):
        yield f"The access control list grants everybody {', '.join(grants)}."


def _blocks(bucket: Stocked, what: str) -> bool:
    """Say whether the bucket or its account blocks a way in: AWS applies the stricter of them."""
    blocks = (bucket.attributes.get(name, {}) for name in _BLOCKS)
    return any(block.get(what) for block in blocks)


def _unblocked(bucket: Stocked) -> str:
    if is_unknown(bucket, "account_public_access_block"):
        return "The bucket's own settings do not block it; AWS did not tell the account's."
    return "Neither the bucket's settings nor the account's block it."


PUBLIC_BUCKETS = Rule(
    name="public_buckets",
    label="Public bucket",
    advice="Block public access to the bucket, unless it serves a public website on purpose.",
    kind=Kind.SECURITY,
    find=_find,
)
