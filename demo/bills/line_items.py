"""A bill as data: line items and the month they are billed in. Files are made from these, and so
are the sums that tests expect, by two modules that share nothing else."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

Value = Decimal | str | None


@dataclass(frozen=True, slots=True)
class LineItem:
    """One row of a bill. Times are UTC; money is in `currency`.

    `start` and `end` are the usage dates. The row's day is that of `interval`, which is the day of
    `start` unless it is given as "2026-04-01T00:00:00Z/2026-05-01T00:00:00Z". `tags` have the keys
    that people gave ("user:CostCenter", "aws:createdBy"). `net_unblended_cost` None: the row
    carries no net value. `columns` holds any further column of CUR 2.0 by its name.
    """

    account_id: str
    start: dt.datetime
    unblended_cost: Decimal
    type: str = "Usage"
    product_code: str = "AmazonEC2"
    usage_type: str = "BoxUsage:m5.large"
    operation: str = "RunInstances"
    resource_id: str = ""
    region: str = ""
    availability_zone: str = ""
    account_name: str = ""
    end: dt.datetime | None = None
    interval: str = ""
    net_unblended_cost: Decimal | None = None
    list_cost: Decimal | None = None
    usage_amount: Decimal = Decimal(1)
    currency: str = "USD"
    pricing_term: str = "OnDemand"
    pricing_unit: str = ""
    description: str = ""
    product_name: str = ""
    product_family: str = ""
    billing_entity: str = "AWS"
    bill_type: str = "Anniversary"
    legal_entity: str = "Amazon Web Services, Inc."
    invoice_id: str | None = None  # None: the bill's own
    tags: Mapping[str, str] = field(default_factory=dict)
    cost_categories: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Value] = field(default_factory=dict)

    @property
    def time_interval(self) -> str:
        if self.interval:
            return self.interval
        first = self.start.date()
        return f"{first}T00:00:00Z/{first + dt.timedelta(days=1)}T00:00:00Z"

    @property
    def day(self) -> dt.date:
        return dt.date.fromisoformat(self.time_interval[:10])

    def amount(self, column: str) -> Decimal | None:
        """The value of one of the further columns as money."""
        value = self.columns.get(column)
        return None if value is None or value == "" else Decimal(value)


@dataclass(frozen=True)
class Bill:
    """One billing period of a payer. `invoice_id` "" while the month is still estimated."""

    month: dt.date
    items: list[LineItem]
    payer_account_id: str
    payer_account_name: str = ""
    invoice_id: str = ""

    @property
    def next_month(self) -> dt.date:
        return (self.month.replace(day=1) + dt.timedelta(days=32)).replace(day=1)

    @property
    def period(self) -> str:
        return f"{self.month:%Y-%m}"


def utc(year: int, month: int, day: int, hour: int = 0) -> dt.datetime:
    return dt.datetime(year, month, day, hour, tzinfo=dt.UTC)
