"""What the explorer offers to choose from: values and tag keys of the latest bills. Reads only.

It asks the dimension rows, never the costs, and only those of connected accounts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from billing.allocation.codes import center_names
from billing.cost_terms import EARLIEST, LATEST
from billing.counted import counted
from billing.dimensions import COST_CATEGORY_PREFIX, COST_CENTER, ORGANIZATIONAL_UNIT, TAG_PREFIX
from billing.models import ServiceName
from connections.models import Account
from organizations.models import Organization

_LATEST_MONTHS = 3
_MOST = 300  # of one kind; the rest can be typed
_VALUES = """
    SELECT DISTINCT service, region, charge_type
    FROM billing_cost_key
    WHERE delivery_id = ANY(%(deliveries)s) AND account_id = ANY(%(accounts)s)
"""
_KEYS = """
    WITH used AS (
        SELECT DISTINCT delivery_id, tag_set
        FROM billing_cost_key
        WHERE delivery_id = ANY(%(deliveries)s) AND account_id = ANY(%(accounts)s)
    )
    SELECT DISTINCT kind, key
    FROM used
    JOIN billing_tag_set USING (delivery_id, tag_set)
    CROSS JOIN LATERAL (
        SELECT %(tag)s AS kind, jsonb_object_keys(tags) AS key
        UNION ALL
        SELECT %(category)s, jsonb_object_keys(cost_categories)
    ) AS keys
"""


@dataclass(frozen=True)
class Suggestions:
    """What can be chosen.

    values      {dimension: [(value, readable name or '')]} of the dimensions with few values
    keys        the dimensions of tags and cost categories: `tag:team`
    currencies  all that the organization was ever billed in
    """

    values: dict[str, list[tuple[str, str]]]
    keys: list[str]
    currencies: tuple[str, ...]


def suggestions(organization: Organization) -> Suggestions:
    """Return what the organization's latest bills offer, in a constant number of queries."""
    what = counted(organization, EARLIEST, LATEST)
    months = sorted({one.billing_period for one in what.deliveries})[-_LATEST_MONTHS:]
    parameters: dict[str, Any] = {
        "deliveries": [one.id for one in what.deliveries if one.billing_period in months],
        "accounts": list(what.accounts),
        "tag": TAG_PREFIX,
        "category": COST_CATEGORY_PREFIX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_VALUES, parameters)
        rows = cursor.fetchall()
        cursor.execute(_KEYS, parameters)
        keys = sorted(kind + key for kind, key in cursor.fetchall() if key)
    accounts = list(
        Account.objects.of(organization)
        .filter(account_id__in=what.accounts)
        .values_list("account_id", "name", "organizational_unit")
    )
    services = ServiceName.objects.of(organization)
    centers = center_names(organization)
    return Suggestions(
        values={
            "account": _named(what.accounts, {one: name for one, name, _ in accounts}),
            ORGANIZATIONAL_UNIT: _named((unit for _, _, unit in accounts), {}),
            COST_CENTER: _named(centers, centers),
            "service": _named((row[0] for row in rows), dict(services.values_list("code", "name"))),
            "region": _named((row[1] for row in rows), {}),
            "charge_type": _named((row[2] for row in rows), {}),
        },
        keys=keys[:_MOST],
        currencies=what.currencies,
    )


def _named(values: Iterable[str], names: dict[str, str]) -> list[tuple[str, str]]:
    return [(value, names.get(value, "")) for value in sorted({*values} - {""})][:_MOST]
