"""S3 buckets that everybody can read or write."""

from collections.abc import Iterator

from discovery.findings.base import Hit, Kind, Rule, Stock, Undecided, Verdict, is_unknown
from discovery.models import Resource, ResourceType


def _find(stock: Stock) -> Iterator[Verdict]:
    for bucket in stock.of(ResourceType.S3_BUCKET):
        ways = list(_ways_in(bucket))
        if ways and is_unknown(bucket, "public_access_block"):
            yield Undecided(bucket)
        elif ways:
            yield Hit(bucket, f"{' '.join(ways)} The bucket's own settings do not block it.")
        elif is_unknown(bucket, "policy_is_public", "public_grants"):
            yield Undecided(bucket)


def _ways_in(bucket: Resource) -> Iterator[str]:
    block = bucket.attributes.get("public_access_block", {})
    if bucket.attributes.get("policy_is_public") and not block.get("RestrictPublicBuckets"):
        yield "The bucket policy lets everybody in."
    grants = bucket.attributes.get("public_grants")
    if grants and not block.get("IgnorePublicAcls"):
        yield f"The access control list grants everybody {', '.join(grants)}."


PUBLIC_BUCKETS = Rule(
    name="public_buckets",
    label="Public bucket",
    advice="Block public access to the bucket, unless it serves a public website on purpose.",
    kind=Kind.SECURITY,
    find=_find,
)
