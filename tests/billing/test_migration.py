"""Moving a connection from one export to another: every month counts once at every step."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from billing import services
from billing.facts import FACT_TABLES
from billing.importing.cleanup import partitions_of
from billing.models import BillingMonth, Delivery, DeliveryState
from connections.models import Connection, Export, ExportSchema
from demo.bills import legacy
from demo.bills.delivery import put
from demo.bills.expected import total
from demo.bills.legacy import Report
from demo.bills.line_items import LineItem, utc
from organizations.access import Role
from organizations.api_base import NON_FIELD
from organizations.runs import RunState, Trigger
from tests.billing.bills import (
    BUCKET,
    PAYER,
    bill,
    connect,
    make_bucket,
    put_bill,
    run_import,
    s3,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db

MARCH, APRIL, MAY, JUNE = (dt.date(2026, month, 1) for month in (3, 4, 5, 6))
NEW = {"mode": "bucket_only", "schema": "cur2", "name": "new", "bucket": BUCKET, "prefix": "v2"}
# What each export says of a month; they need not agree while AWS still restates one of them.
OLD_BILLS = {MARCH: ["10.5", "0.25"], APRIL: ["20.125"], MAY: ["40.0625", "-1"]}
NEW_BILLS = {APRIL: ["20.125"], MAY: ["41"], JUNE: ["80.5"]}


def items(month: dt.date, costs: list[str]) -> list[LineItem]:
    return [
        LineItem(PAYER, utc(2026, month.month, 1 + day), Decimal(cost))
        for day, cost in enumerate(costs)
    ]


def total_of(bills: dict[dt.date, list[str]], *months: dt.date) -> Decimal:
    return sum((total(items(month, bills[month])) for month in months), Decimal(0))


def deliver_new(month: dt.date, costs: list[str]) -> None:
    put_bill(bill(items(month, costs), month), name="new", prefix="v2", file_format="TEXT_OR_CSV")


@pytest.fixture
def connection(aws: str, cast: Cast) -> Connection:
    """A payer whose old export holds March to May, imported; the new one lies in the bucket."""
    make_bucket()
    for month, costs in OLD_BILLS.items():
        put_bill(bill(items(month, costs), month))
    for month, costs in NEW_BILLS.items():
        deliver_new(month, costs)
    made = connect(cast.acme)
    assert run_import(made).state == RunState.SUCCEEDED
    return made


def import_new(connection: Connection) -> None:
    export = Export.objects.get(connection=connection, name="new")
    look = services.request_import(connection, Trigger.COMMAND, export=export, sender=None)
    assert services.run_look(look, sender=None).state != RunState.FAILED


def ask(cast: Cast, connection: Connection, method: str, step: str = "", **data: Any) -> Any:
    url = f"/api/v1/connections/{connection.pk}/migration/{step}"
    return getattr(cast.api(Role.OPERATOR), method)(url, data or None, format="json")


def begin(cast: Cast, connection: Connection) -> None:
    response = ask(cast, connection, "post", export=NEW)
    assert response.status_code == 201, response.json()
    assert response.json()["state"] == "comparing"
    import_new(connection)


def counted(cast: Cast) -> Decimal:
    response = cast.api(Role.OPERATOR).get(
        "/api/v1/costs/", {"from": "2026-01-01", "to": "2026-12-31", "granularity": "total"}
    )
    assert response.status_code == 200, response.json()
    return Decimal(response.json()["total"])


def sides(cast: Cast, connection: Connection) -> dict[str, str | None]:
    months = ask(cast, connection, "get").json()["months"]
    return {one["billing_period"]: one["counted_from"] for one in months}


def test_before_the_switch_nothing_counts_from_the_new_export(
    cast: Cast, connection: Connection
) -> None:
    before = counted(cast)
    assert before == total_of(OLD_BILLS, MARCH, APRIL, MAY)
    begin(cast, connection)
    assert counted(cast) == before
    new = Export.objects.get(name="new")
    assert new.deliveries.filter(state=DeliveryState.LOADED).count() == 3
    assert not BillingMonth.objects.filter(delivery__export=new).exists()
    assert connection.current_export.name == "daily"
    assert sides(cast, connection) == {
        "2026-06": None,
        "2026-05": "old",
        "2026-04": "old",
        "2026-03": "old",
    }


def test_both_exports_stand_side_by_side(cast: Cast, connection: Connection) -> None:
    begin(cast, connection)
    months = {one["billing_period"]: one for one in ask(cast, connection, "get").json()["months"]}
    (may,) = months["2026-05"]["totals"]
    assert may["unblended_cost"] == {"old": "39.0625", "new": "41", "difference": "1.9375"}
    assert set(may) == {
        "currency",
        "unblended_cost",
        "net_unblended_cost",
        "amortized_cost",
        "net_amortized_cost",
        "list_cost",
    }
    (account,) = months["2026-05"]["accounts"]
    assert account["account_id"] == PAYER
    assert account["unblended_cost"]["difference"] == "1.9375"
    (april,) = months["2026-04"]["totals"]
    assert april["unblended_cost"]["difference"] == "0"
    (june,) = months["2026-06"]["totals"]
    assert june["unblended_cost"] == {"old": None, "new": "80.5", "difference": None}


def test_every_month_counts_once_during_and_after(cast: Cast, connection: Connection) -> None:
    begin(cast, connection)
    first = ask(cast, connection, "post", "switch/", **{"from": "2026-05"})
    assert first.status_code == 200, first.json()
    assert first.json()["state"] == "switched"
    part = total_of(OLD_BILLS, MARCH, APRIL) + total_of(NEW_BILLS, MAY, JUNE)
    assert counted(cast) == part
    assert connection.current_export.name == "new"
    whole = ask(cast, connection, "post", "switch/")
    assert whole.json()["counts_from"] == "2026-04"
    after = total_of(OLD_BILLS, MARCH) + total_of(NEW_BILLS, APRIL, MAY, JUNE)
    assert counted(cast) == after
    assert ask(cast, connection, "post", "finish/").json()["state"] == "finished"
    assert counted(cast) == after
    assert sides(cast, connection) == {
        "2026-06": "new",
        "2026-05": "new",
        "2026-04": "new",
        "2026-03": "old",
    }
    assert list(connection.exports.live().values_list("name", flat=True)) == ["new"]
    events = cast.acme.audit_events.values_list("action", flat=True)
    assert {"migration.begun", "migration.switched", "migration.finished"} <= set(events)


def test_deliveries_that_come_meanwhile_count_where_their_month_counts(
    cast: Cast, connection: Connection
) -> None:
    begin(cast, connection)
    ask(cast, connection, "post", "switch/", **{"from": "2026-05"})
    # The old export restates May, which counts from the new one, and March, which is still its own.
    put_bill(bill(items(MAY, ["999"]), MAY))
    put_bill(bill(items(MARCH, ["11"]), MARCH))
    # The new one restates April, which is still the old one's, and June.
    deliver_new(APRIL, ["777"])
    deliver_new(JUNE, ["81"])
    old = Export.objects.get(name="daily")
    look = services.request_import(connection, Trigger.COMMAND, export=old, sender=None)
    services.run_look(look, sender=None)
    import_new(connection)
    assert counted(cast) == Decimal("11") + Decimal("20.125") + Decimal("41") + Decimal("81")
    (may,) = [
        one
        for one in ask(cast, connection, "get").json()["months"]
        if one["billing_period"] == "2026-05"
    ]
    assert may["totals"][0]["unblended_cost"]["old"] == "999"


def test_what_is_only_compared_is_imported_once(cast: Cast, connection: Connection) -> None:
    begin(cast, connection)
    before = Delivery.objects.count()
    import_new(connection)
    assert Delivery.objects.count() == before


@pytest.mark.parametrize("finished", [False, True])
def test_a_switch_can_be_undone(cast: Cast, connection: Connection, *, finished: bool) -> None:
    before = counted(cast)
    begin(cast, connection)
    ask(cast, connection, "post", "switch/")
    if finished:
        ask(cast, connection, "post", "finish/")
    response = ask(cast, connection, "post", "undo/")
    assert response.json()["state"] == "comparing"
    assert counted(cast) == before
    assert connection.current_export.name == "daily"


def test_a_migration_that_is_given_up_leaves_nothing(cast: Cast, connection: Connection) -> None:
    before, tables = counted(cast), partitions_of(FACT_TABLES)
    begin(cast, connection)
    assert ask(cast, connection, "delete").status_code == 204
    assert counted(cast) == before
    assert partitions_of(FACT_TABLES) == tables
    assert ask(cast, connection, "get").json()["state"] == "none"
    again = ask(cast, connection, "post", export=NEW)
    assert again.status_code == 201, again.json()
    import_new(connection)
    assert ask(cast, connection, "post", "switch/").status_code == 200


@pytest.mark.parametrize(
    ("step", "data", "words"),
    [
        ("switch/", {"from": "2026-03"}, {"from": "does not hold 2026-03"}),
        ("switch/", {"from": "May"}, {"from": "YYYY-MM"}),
        ("switch/", {"from": "٢٠٢٦-05"}, {"from": "YYYY-MM"}),
        ("switch/", {"month": "2026-05"}, {"month": "not known"}),
        ("undo/", {}, {NON_FIELD: "nothing to undo"}),
        ("finish/", {}, {NON_FIELD: "Switch months"}),
    ],
)
def test_steps_that_make_no_sense_are_refused(
    cast: Cast, connection: Connection, step: str, data: dict[str, str], words: dict[str, str]
) -> None:
    begin(cast, connection)
    response = ask(cast, connection, "post", step, **data)
    assert response.status_code == 400
    said = {**response.json()["errors"], NON_FIELD: [response.json()["detail"]]}
    assert not [field for field, sentence in words.items() if sentence not in said[field][0]]


def test_an_export_cannot_take_its_own_place(cast: Cast, connection: Connection) -> None:
    same = {**NEW, "name": "daily", "prefix": "cur"}
    response = ask(cast, connection, "post", export=same)
    assert response.status_code == 400
    assert "imported already" in response.json()["errors"]["export.name"][0]


def test_one_migration_at_a_time_and_no_other_change_of_the_export(
    cast: Cast, connection: Connection
) -> None:
    begin(cast, connection)
    assert ask(cast, connection, "post", export=NEW).status_code == 409
    response = cast.api(Role.OPERATOR).patch(
        f"/api/v1/connections/{connection.pk}/", {"export": NEW}, format="json"
    )
    assert response.status_code == 409
    assert connection.current_export.name == "daily"


def test_a_legacy_report_gives_its_months_to_a_cur_2_export(cast: Cast, aws: str) -> None:
    make_bucket()
    report = Report(bucket=BUCKET, name="daily", account_id=PAYER, prefix="cur", form="zip")
    for month, costs in OLD_BILLS.items():
        delivered_at = dt.datetime(2026, month.month + 1, 3, tzinfo=dt.UTC)
        put(legacy.deliver(report, bill(items(month, costs), month), at=delivered_at), s3())
    for month, costs in NEW_BILLS.items():
        deliver_new(month, costs)
    connection = connect(cast.acme, schema=ExportSchema.LEGACY_CUR)
    assert run_import(connection).state == RunState.SUCCEEDED
    before = total_of(OLD_BILLS, MARCH, APRIL, MAY)
    assert counted(cast) == before
    begin(cast, connection)
    assert counted(cast) == before
    months = {one["billing_period"]: one for one in ask(cast, connection, "get").json()["months"]}
    assert months["2026-05"]["totals"][0]["unblended_cost"]["difference"] == "1.9375"
    assert ask(cast, connection, "post", "switch/").status_code == 200
    after = total_of(OLD_BILLS, MARCH) + total_of(NEW_BILLS, APRIL, MAY, JUNE)
    assert counted(cast) == after
    assert ask(cast, connection, "post", "finish/").status_code == 200
    assert counted(cast) == after
    assert connection.current_export.schema == ExportSchema.CUR2
