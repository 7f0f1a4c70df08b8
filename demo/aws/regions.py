"""The regions of the pretend AWS: which are on by default, and which an account would opt in to."""

DEFAULT_REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
OPTED_IN = ("eu-south-1",)
NOT_OPTED_IN = (
    "af-south-1",
    "ap-east-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ca-west-1",
    "eu-central-2",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
)


def opt_in_status(region: str) -> str:
    if region in OPTED_IN:
        return "opted-in"
    return "not-opted-in" if region in NOT_OPTED_IN else "opt-in-not-required"


def is_enabled(region: str) -> bool:
    return region not in NOT_OPTED_IN
