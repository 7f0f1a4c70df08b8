"""A small company for the pages' tests: two months of a payer with three accounts."""

from datetime import date, timedelta
from decimal import Decimal

from django.utils import timezone

from billing.models import ServiceName
from connections.models import Account, Connection, ConnectionKind
from organizations.models import Organization
from tests.billing.cost_facts import Item, connect, deliver

PAYER, MEMBER, LEFT_OUT = "111122223333", "444455556666", "777788889999"
# The member's name, a tag and a service try to be markup.
NAMES = {PAYER: "Head office", MEMBER: "<b>Lab</b> & friends", LEFT_OUT: "Skunkworks"}
# Account, service and what it costs a day.
LINES = (
    (PAYER, "AmazonEC2", Decimal("10.50")),
    (PAYER, "AmazonS3", Decimal("0.001")),
    (MEMBER, "AmazonEC2", Decimal("4.25")),
    (MEMBER, "<script>alert(1)</script>", Decimal("-0.5")),
    (LEFT_OUT, "AmazonRDS", Decimal("99")),
)


def load_bill(organization: Organization, *, today: date) -> None:
    """Load last month whole and this month up to yesterday (today on the first)."""
    payer = connect(organization, PAYER, ConnectionKind.ROOT)
    connect(organization, MEMBER)
    for account_id, name in NAMES.items():
        Account.objects.create(organization=organization, account_id=account_id, name=name)
        mine = Connection.objects.filter(organization=organization, account_id=account_id)
        mine.update(name=name, status="healthy")
    ServiceName.objects.create(
        organization=organization, code="AmazonEC2", name="Amazon Elastic Compute Cloud"
    )
    month = today.replace(day=1)
    end = max(month, today - timedelta(days=1)) + timedelta(days=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    for start, stop in ((last_month, month), (month, end)):
        deliver(
            payer,
            start,
            items(start, stop),
            is_final=stop == month,
            loaded_at=timezone.now(),
        )


def items(start: date, stop: date) -> list[Item]:
    """Return the line items of the days start <= day < stop."""
    days = [start + timedelta(days=n) for n in range((stop - start).days)]
    return [
        Item(account, day, cost, service=service, tags={"team": "<i>web</i>"})
        for account, service, cost in LINES
        for day in days
    ]
