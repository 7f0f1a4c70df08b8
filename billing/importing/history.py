"""What stays of a delivery whose facts are dropped: enough to compare it with any other."""

from django.db import connection

from billing.facts import MONTH_COST
from billing.measures import Measure
from billing.models import DeliveryCost

_KEYS = "account_id, service, charge_type, currency"


def keep(delivery_id: int) -> None:
    """Keep what the delivery came to by account, service and charge type."""
    costs = ", ".join(Measure.values)
    sums = ", ".join(f"sum({name})" for name in Measure.values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {DeliveryCost._meta.db_table} (delivery_id, {_KEYS}, {costs})"
            f" SELECT %(delivery)s, {_KEYS}, {sums} FROM {MONTH_COST.name}"
            f" WHERE delivery_id = %(delivery)s GROUP BY {_KEYS} ON CONFLICT DO NOTHING",
            {"delivery": delivery_id},
        )
