"""What the explorer offers to choose from: values and tag keys of the latest bills. Reads only.

Only those of connected accounts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from billing.allocation.codes import center_names
from billing.cost_query import CostQuery, Granularity
from billing.cost_terms import EARLIEST, LATEST
from billing.counted import Counted, counted
from billing.dimensions import COST_CATEGORY_PREFIX, COST_CENTER, ORGANIZATIONAL_UNIT, TAG_PREFIX
from billing.models import ServiceName
from billing.reports import answer
from connections.models import Account
from organizations.models import Organization

_LATEST_MONTHS = 3
_MOST = 300  # of one kind; the rest can be typed
_WITH_FEW_VALUES = ("service", "region", "charge_type")
# All accounts of a complete bill count, so all its tags do.
_KEYS = """
    WITH used AS (
        SELECT delivery_id, tag_set
        FROM billing_tag_set
        WHERE delivery_id = ANY(%(complete)s)
        UNION ALL
        SELECT DISTINCT delivery_id, tag_set
        FROM billing_cost_key
        WHERE delivery_id = ANY(%(others)s) AND account_id = ANY(%(accounts)s)
    )
    SELECT DISTINCT kind, key
    FROM used
    JOIN billing_tag_set USING (delivery_id, tag_set)
    CROSS JOIN LATERAL (
        SELECT %(tag)s AS kind, jsonb_object_keys(tags) AS key
        UNION ALL
        SELECT %(category)s, jsonb_object_keys(cost_categories)
    ) AS keys
    WHERE delivery_id = ANY(%(complete)s) OR delivery_id = ANY(%(others)s)
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
    """Return what the organization's latest bills offer, in a constant number of queries for each
    currency.
    """
    everything = counted(organization, EARLIEST, LATEST)
    months = sorted({one.billing_period for one in everything.deliveries})[-_LATEST_MONTHS:]
    latest = tuple(one for one in everything.deliveries if one.billing_period in months)
    what = replace(everything, deliveries=latest)
    found = {name: _values(what, name) for name in _WITH_FEW_VALUES}
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
            "service": _named(found["service"], dict(services.values_list("code", "name"))),
            "region": _named(found["region"], {}),
            "charge_type": _named(found["charge_type"], {}),
        },
        keys=_keys(what)[:_MOST],
        currencies=what.currencies,
    )


def _values(what: Counted, dimension: str) -> set[str]:
    query = CostQuery(EARLIEST, LATEST, Granularity.TOTAL, group_by=(dimension,))
    return {
        row.group[0] for currency in what.currencies for row in answer(query, what, currency)[0]
    }


def _keys(what: Counted) -> list[str]:
    parameters: dict[str, Any] = {
        "complete": [one.id for one in what.deliveries if one.is_complete],
        "others": [one.id for one in what.deliveries if not one.is_complete],
        "accounts": list(what.accounts),
        "tag": TAG_PREFIX,
        "category": COST_CATEGORY_PREFIX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, parameters)
        return sorted(kind + key for kind, key in cursor.fetchall() if key)


def _named(values: Iterable[str], names: dict[str, str]) -> list[tuple[str, str]]:
    return [(value, names.get(value, "")) for value in sorted({*values} - {""})][:_MOST]
