"""Two months of a payer with members, for the reports of a month: every kind of charge."""

import datetime as dt
import random
from decimal import Decimal

from tests.billing.cost_facts import Item

PAYER, WEB, DATA, STRANGER = "111122223333", "222233334444", "333344445555", "999900001111"
MARCH, APRIL, MAY = dt.date(2026, 3, 1), dt.date(2026, 4, 1), dt.date(2026, 5, 1)
CHARGE_TYPES = (
    "Usage",
    "Usage",
    "DiscountedUsage",
    "SavingsPlanCoveredUsage",
    "SavingsPlanNegation",
    "SavingsPlanRecurringFee",
    "RIFee",
    "Fee",
    "EdpDiscount",
    "Credit",
    "Refund",
    "Tax",
    "SomethingNew",
)


def bill(
    month: dt.date, seed: int, *, days: int = 28, invoice: str = "", count: int = 300
) -> list[Item]:
    """Costs of the first days of a month, all over accounts, services, charge types and tags."""
    chance = random.Random(seed)
    pick = chance.choice
    return [
        Item(
            account=pick((PAYER, WEB, STRANGER)),
            day=month + dt.timedelta(days=chance.randrange(days)),
            cost=Decimal(chance.randrange(-(10**12), 10**15)).scaleb(-14),
            service=pick(("AmazonEC2", "AmazonS3", "AWSLambda")),
            charge_type=pick(CHARGE_TYPES),
            usage_type=pick(("EU-BoxUsage:m5.large", "Requests", "EU-SpotUsage:m5.large")),
            billing_entity=pick(("AWS", "AWS Marketplace")),
            invoice=invoice and f"{invoice}-{chance.randrange(2)}",
            resource=pick(("", "i-1", "i-2", "i-3", "bucket", "vol-1", "vol-2")),
            tags=pick(({}, {"team": "web"}, {"team": ""}, {"team": "x", "Kosten/Stelle=": "7"})),
        )
        for _ in range(count)
    ]


def mine(items: list[Item]) -> list[Item]:
    """Those of the accounts that are connected."""
    return [item for item in items if item.account != STRANGER]
