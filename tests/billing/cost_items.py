"""Costs all over two months, and the questions put to them."""

import datetime as dt
import random
from decimal import Decimal
from typing import Any

from billing.cost_query import CostQuery
from billing.reports import CostReport, cost_report
from organizations.models import Organization
from tests.billing.cost_facts import Item

PAYER, WEB, DATA, STRANGER = "111122223333", "222233334444", "333344445555", "999900001111"


MARCH, APRIL, MAY = dt.date(2026, 3, 1), dt.date(2026, 4, 1), dt.date(2026, 5, 1)


DIMENSIONS = (
    "account",
    "service",
    "region",
    "charge_type",
    "usage_type",
    "operation",
    "resource",
    "pricing_term",
    "billing_entity",
    "tag:team",
    "tag:Größe \"x'; --%s",
    "cost_category:Unit",
)


ARN = "arn:aws:ec2:eu-west-1:222233334444:instance/i-1"


def some_items(month: dt.date, seed: int, accounts: tuple[str, ...] = (PAYER, WEB)) -> list[Item]:
    """Costs all over a month, with a day before it and one after it."""
    chance = random.Random(seed)
    pick = chance.choice
    return [
        Item(
            account=pick(accounts),
            day=month + dt.timedelta(days=chance.randrange(-1, 32)),
            cost=Decimal(chance.randrange(-(10**15), 10**18)).scaleb(-17),
            service=pick(("AmazonEC2", "AmazonS3", "AWSSupport")),
            region=pick(("eu-west-1", "us-east-1", "")),
            charge_type=pick(("Usage", "Tax", "Credit")),
            usage_type=pick(("BoxUsage", "Requests", "%s")),
            operation=pick(("RunInstances", "")),
            pricing_term=pick(("OnDemand", "Reserved")),
            billing_entity=pick(("AWS", "AWS Marketplace")),
            resource=pick(("", "i-1", ARN, "arn:aws:s3:::bucket", "vol-2")),
            tags=pick(({}, {"team": "web"}, {"team": "Web", DIMENSIONS[10][4:]: "ja, 'so'"})),
            cost_categories=pick(({}, {"Unit": "Ünit 1"})),
        )
        for _ in range(120)
    ]


def counts(item: Item, start: dt.date, end: dt.date) -> bool:
    return item.account != STRANGER and start <= item.day < end


def ask(organization: Organization, **given: Any) -> CostReport:
    given.setdefault("start", dt.date(2026, 2, 1))
    given.setdefault("end", dt.date(2026, 6, 1))
    return cost_report(organization, CostQuery(**given))


def as_sums(report: CostReport) -> dict[tuple[str, tuple[str, ...]], Decimal]:
    found = {(row.period, row.group): row.amount for row in report.rows}
    assert len(found) == len(report.rows) == report.row_count
    return found
