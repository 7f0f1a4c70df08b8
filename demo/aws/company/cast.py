"""Larkspur Holdings: its accounts, who uses them, and what runs there."""

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SEED = 20  # of the ids and of nothing else; another one is another company
PAYER = "111122223333"
PRODUCTION = "222233334444"
STAGING = "333344445555"
DATA = "444455556666"
SANDBOX = "555566667777"  # never connected in the demo: what it costs shows as left out

ACCOUNT_NAMES = {
    PAYER: "Larkspur Holdings",
    PRODUCTION: "larkspur-production",
    STAGING: "larkspur-staging",
    DATA: "larkspur-data",
    SANDBOX: "larkspur-sandbox",
}
MEMBERS = (PRODUCTION, STAGING, DATA, SANDBOX)
UNITS = {"Workloads": (PRODUCTION, STAGING), "Data": (DATA,), "Sandbox": (SANDBOX,)}
# The value of the cost category "business_unit" for each account; the sandbox has none.
BUSINESS_UNITS = {PAYER: "Shared", PRODUCTION: "Commerce", STAGING: "Commerce", DATA: "Insights"}

BILLS_BUCKET = "larkspur-billing-exports"
BILLS_REGION = "us-east-1"
BILLS_PREFIX = "cur2"
EXPORT_NAME = "larkspur-daily"

DUBLIN, VIRGINIA, FRANKFURT = "eu-west-1", "us-east-1", "eu-central-1"


def tags_of(team: str, project: str, environment: str) -> dict[str, str]:
    centers = {"storefront": "CC-1001", "platform": "CC-2001", "data": "CC-3001"}
    tags = {"Team": team, "Project": project, "Environment": environment}
    return tags | ({"CostCenter": centers[team]} if team in centers else {})


@dataclass(frozen=True)
class Servers:
    """A group of like EC2 instances, each with `disk_gb` of gp3. `hours` a day that they run."""

    account: str
    region: str
    name: str
    count: int
    type: str
    tags: dict[str, str] = field(default_factory=dict)
    disk_gb: int = 50
    hours: int = 24
    pays: str = "OnDemand"  # or SavingsPlan, Reserved
    state: str = "running"


@dataclass(frozen=True)
class Bucket:
    account: str
    region: str
    name: str
    gb: int
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Balancer:
    account: str
    region: str
    name: str
    kind: str  # application, network, classic
    tags: dict[str, str] = field(default_factory=dict)


SHOP = tags_of("storefront", "shop", "production")
SEARCH = tags_of("storefront", "search", "production")
SHOP_STAGING = tags_of("storefront", "shop", "staging")
CORE = tags_of("platform", "core", "production")
CI = tags_of("platform", "ci", "tooling")
LAKE = tags_of("data", "lakehouse", "production")
# Someone spelled it otherwise: both values exist, as they do everywhere.
LAKE_MISSPELT = {**LAKE, "CostCenter": "cc-3001"}

SERVERS = (
    Servers(PAYER, FRANKFURT, "bastion", 1, "t3.medium", CORE, 30),
    Servers(PAYER, FRANKFURT, "ci-runner", 6, "m6i.xlarge", CI, 200, hours=14),
    Servers(PAYER, DUBLIN, "vpn", 2, "t3.medium", CORE, 20),
    Servers(PAYER, DUBLIN, "directory", 2, "m6i.large", {}, 80),
    Servers(PAYER, VIRGINIA, "legacy-wiki", 1, "m5.large", {}, 120, state="stopped", hours=0),
    Servers(PRODUCTION, DUBLIN, "shop-web", 8, "m6i.xlarge", SHOP, 60, pays="SavingsPlan"),
    Servers(PRODUCTION, DUBLIN, "shop-api", 6, "c6i.2xlarge", SHOP, 60, pays="SavingsPlan"),
    Servers(PRODUCTION, DUBLIN, "search", 4, "r6i.2xlarge", SEARCH, 400, pays="Reserved"),
    Servers(PRODUCTION, VIRGINIA, "shop-web-us", 4, "m6i.xlarge", SHOP, 60),
    Servers(PRODUCTION, VIRGINIA, "shop-api-us", 2, "c6i.2xlarge", SHOP, 60),
    Servers(STAGING, DUBLIN, "shop-web-staging", 2, "m6i.large", SHOP_STAGING, 40, hours=12),
    Servers(STAGING, DUBLIN, "shop-api-staging", 2, "c6i.xlarge", SHOP_STAGING, 40, hours=12),
    Servers(DATA, VIRGINIA, "lake-core", 4, "r6i.4xlarge", LAKE, 500),
    Servers(DATA, VIRGINIA, "lake-worker", 6, "r6i.4xlarge", LAKE_MISSPELT, 300, hours=9),
    Servers(SANDBOX, FRANKFURT, "trial", 3, "m6i.large", {}, 100),
)

# Hourly on-demand prices, and the part of them that a commitment costs instead.
PRICES = {
    "t3.medium": "0.0456",
    "m5.large": "0.1070",
    "m6i.large": "0.1070",
    "m6i.xlarge": "0.2140",
    "c6i.xlarge": "0.1824",
    "c6i.2xlarge": "0.3648",
    "r6i.2xlarge": "0.5640",
    "r6i.4xlarge": "1.1280",
}

BUCKETS = (
    Bucket(PAYER, FRANKFURT, "larkspur-audit-logs", 5_200, CORE),
    Bucket(PAYER, VIRGINIA, "larkspur-installers", 340),
    Bucket(PRODUCTION, DUBLIN, "larkspur-shop-images", 18_500, SHOP),
    Bucket(PRODUCTION, DUBLIN, "larkspur-shop-backups", 26_000, SHOP),
    Bucket(PRODUCTION, VIRGINIA, "larkspur-shop-images-us", 9_800, SHOP),
    Bucket(STAGING, DUBLIN, "larkspur-shop-images-staging", 700, SHOP_STAGING),
    Bucket(DATA, VIRGINIA, "larkspur-lake-raw", 61_000, LAKE),
    Bucket(DATA, VIRGINIA, "larkspur-lake-curated", 24_000, LAKE_MISSPELT),
    Bucket(SANDBOX, FRANKFURT, "larkspur-sandbox-scratch", 2_100),
)

BALANCERS = (
    Balancer(PAYER, FRANKFURT, "ci-gateway", "application", CI),
    Balancer(PAYER, DUBLIN, "vpn-entry", "network", CORE),
    Balancer(PAYER, VIRGINIA, "legacy-wiki", "classic"),
    Balancer(PRODUCTION, DUBLIN, "shop-front", "application", SHOP),
    Balancer(PRODUCTION, DUBLIN, "shop-internal", "network", SHOP),
    Balancer(PRODUCTION, VIRGINIA, "shop-front-us", "application", SHOP),
    Balancer(STAGING, DUBLIN, "shop-front-staging", "application", SHOP_STAGING),
    Balancer(DATA, VIRGINIA, "lake-query", "network", LAKE),
)

# Volumes that nothing uses any more: account, region, GB.
LOOSE_VOLUMES = (
    (PAYER, FRANKFURT, 500),
    (PAYER, VIRGINIA, 250),
    (PRODUCTION, DUBLIN, 800),
    (DATA, VIRGINIA, 1_000),
)
# Elastic IPs of which only the first is in use: account, region, how many.
ADDRESSES = ((PAYER, DUBLIN, 2), (PRODUCTION, DUBLIN, 3), (STAGING, DUBLIN, 1))
NAT_GATEWAYS = ((PRODUCTION, DUBLIN), (PRODUCTION, VIRGINIA), (DATA, VIRGINIA))
SNAPSHOTS = ((PAYER, FRANKFURT, 3), (PRODUCTION, DUBLIN, 4))

# What nobody tidied up, or looked at: each gives a finding.
ORPHANED_SNAPSHOTS = ((PAYER, VIRGINIA, 400), (PRODUCTION, DUBLIN, 900))  # GB of a deleted volume
OPEN_GROUP = (PAYER, FRANKFURT, "bastion", 22)  # the port that is open to everybody
PUBLIC_BUCKET = (PAYER, VIRGINIA, "larkspur-installers")
FORMER_COLLEAGUE = (PAYER, "j.okafor")
IDLE_SERVERS = frozenset({"directory"})
IDLE_BALANCERS = frozenset({"vpn-entry", "legacy-wiki"})


@dataclass(frozen=True)
class Service:
    """Something that costs about `daily` dollars a day and is not discovered.

    `resource` is what AWS puts into line_item_resource_id, "" for services that give none.
    """

    account: str
    region: str
    code: str
    name: str
    usage_type: str
    operation: str
    daily: str
    tags: dict[str, str] = field(default_factory=dict)
    resource: str = ""
    family: str = ""


TAG_SETS = {
    "": {},
    "shop": SHOP,
    "search": SEARCH,
    "shop-staging": SHOP_STAGING,
    "core": CORE,
    "ci": CI,
    "lake": LAKE,
    "lake-misspelt": LAKE_MISSPELT,
}
NICKNAMES = {
    "payer": PAYER,
    "production": PRODUCTION,
    "staging": STAGING,
    "data": DATA,
    "sandbox": SANDBOX,
}


@cache
def services() -> list[Service]:
    """What services.csv lists."""
    with Path(__file__).with_name("services.csv").open(newline="") as lines:
        return [_service(row) for row in csv.DictReader(lines)]


def _service(row: dict[str, str]) -> Service:
    account = NICKNAMES[row.pop("account")]
    tags, resource = TAG_SETS[row.pop("tags")], row.pop("resource").format(account=account)
    return Service(account=account, tags=tags, resource=resource, **row)
