"""Deliveries that were loaded by an older version of the portal."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection as database
from django.db.migrations.executor import MigrationExecutor

from billing.facts import DIMENSION_COST, MONTH_TAG_COST, ROLLUP_COST
from billing.models import Delivery
from tests.billing import bills
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
LATEST = "0012_rollups_named_alike"


def migrate(name: str) -> Any:
    executor = MigrationExecutor(database)
    return executor.migrate([("billing", name)]).apps


@pytest.fixture
def at_the_end() -> Iterator[None]:
    yield
    migrate(LATEST)


def test_their_rollups_are_known_as_before(cast: Cast, at_the_end: None) -> None:
    export = bills.connect(cast.acme).exports.get()
    older = migrate("0008_whole_costs").get_model("billing", "Delivery").objects
    common = {"export_id": export.pk, "billing_period": dt.date(2026, 4, 1)}
    with_rollups = older.create(**common, execution_id="1", day_rollups=["", "region"])
    without = older.create(**common, execution_id="2", day_rollups=[], has_rollup=False)

    migrate(LATEST)

    named = Delivery.objects.get(pk=with_rollups.pk).rollup_rows
    assert set(named[DIMENSION_COST.name]) == {"", "region"}
    assert ROLLUP_COST.name in named
    assert not Delivery.objects.get(pk=without.pk).rollup_rows


def test_the_way_back_finds_them_as_they_were(cast: Cast, at_the_end: None) -> None:
    export = bills.connect(cast.acme).exports.get()
    kept = {MONTH_TAG_COST.name: {"": 7}}
    before = "0011_months_by_tags"
    older = migrate(before).get_model("billing", "Delivery").objects
    for has_rollup in (True, False):
        older.create(
            export_id=export.pk,
            billing_period=dt.date(2026, 4, 1),
            has_rollup=has_rollup,
            rollup_rows=kept,
        )

    migrate(LATEST)
    again = migrate(before).get_model("billing", "Delivery").objects

    found = again.order_by("pk").values_list("has_rollup", "rollup_rows")
    assert list(found) == [(True, kept), (False, kept)]
