"""A bill that tests write line by line; it answers what billing would."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connections.resource_costs import BilledResource, ResourceKey
from discovery import cost_services
from organizations.models import Organization

ACCOUNT = "111122223333"


def this_month() -> date:
    """Return the first day of this month."""
    return timezone.now().date().replace(day=1)


def last_month() -> date:
    """Return the first day of the last month."""
    return (this_month() - timedelta(days=1)).replace(day=1)


@dataclass
class WrittenBill:
    """Months of lines."""

    months: dict[date, list[BilledResource]] = field(default_factory=dict)
    asked: list[tuple[str, date, date]] = field(default_factory=list)

    def write(
        self,
        resource_id: str,
        amount: str,
        *,
        month: date | None = None,
        account: str = ACCOUNT,
        region: str = "eu-west-1",
        service: str = "AmazonEC2",
        currency: str = "USD",
    ) -> None:
        """Add a line, to this month's bill unless told otherwise."""
        key = ResourceKey(account, resource_id)
        line = BilledResource(key, service, f"{service} by name", region, Decimal(amount), currency)
        self.months.setdefault(month or this_month(), []).append(line)

    def __call__(
        self, organization: Organization, *, start: date, end: date
    ) -> Iterator[BilledResource]:
        self.asked.append((organization.slug, start, end))
        return iter(self.months.get(start, []))


def written_bill(monkeypatch: pytest.MonkeyPatch) -> WrittenBill:
    """Return an empty bill that answers for billing during a test."""
    bill = WrittenBill()
    monkeypatch.setattr("billing.resource_costs.billed_resources", bill)
    return bill


def refresh(organization: Organization) -> None:
    """Bring what is kept up to the bill."""
    cost_services.refresh(organization)
