"""What operators see of imports, and the ranges that they ask for."""

import datetime as dt
import re
from typing import Any

import pytest
from django.db.models import F

from billing import services
from billing.models import Delivery, ImportRun
from connections.models import Connection
from organizations.runs import ErrorClass, RunFailure, Trigger
from tests.billing import bills
from tests.billing.bills import PAYER, usage
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def page(cast: Cast, url: str, **given: Any) -> str:
    answer = cast.browser("oscar").get(url, given)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.fixture
def connection(cast: Cast) -> Connection:
    return bills.connect(cast.acme)


def test_an_operator_asks_for_a_range_of_months(
    cast: Cast, aws: str, connection: Connection
) -> None:
    bills.make_bucket()
    for month in (3, 4, 5):
        bills.put_bill(bills.bill([usage(str(month))], dt.date(2026, month, 1)))
    url = f"/admin/connections/import/{connection.pk}/"
    assert "First month" in page(cast, url)

    given = {"first": "2026-03", "last": "2026-04", "force": "on"}
    answer = cast.browser("oscar").post(url, given)

    look = ImportRun.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"/admin/billing/importrun/{look.pk}/change/"
    services.run_look(look, sender=None)
    assert [f"{run.billing_period:%Y-%m}" for run in look.months.order_by("billing_period")] == [
        "2026-03",
        "2026-04",
    ]
    assert look.is_forced
    assert "2026-03 to 2026-04" in page(cast, answer["Location"])
    assert cast.acme.audit_events.filter(action="import.asked").exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"first": "2026-13"}, "Give a month as YYYY-MM."),
        ({"first": "yesterday"}, "Give a month as YYYY-MM."),
        ({"first": "٢٠٢٦-04"}, "Give a month as YYYY-MM."),
        ({"first": "2026-05", "last": "2026-04"}, "lies before the first"),
    ],
)
def test_a_range_that_is_none_is_said_and_kept(
    cast: Cast, connection: Connection, given: dict[str, str], sentence: str
) -> None:
    answer = cast.browser("oscar").post(f"/admin/connections/import/{connection.pk}/", given)

    text = answer.content.decode()
    assert sentence in text
    assert given["first"] in text
    assert not ImportRun.objects.exists()


def test_a_range_waits_for_the_import_under_way(cast: Cast, connection: Connection) -> None:
    services.request_import(connection, Trigger.SCHEDULE, sender=None)

    answer = cast.browser("oscar").post(
        f"/admin/connections/import/{connection.pk}/", {"first": "2026-03"}
    )

    assert "under way: ask again" in answer.content.decode()
    assert ImportRun.objects.count() == 1


def test_an_import_that_runs_says_how_far_it_is_and_asks_again(
    cast: Cast, connection: Connection
) -> None:
    run = ImportRun.objects.create(
        connection=connection,
        export=connection.current_export,
        billing_period=bills.APRIL,
        trigger=Trigger.MANUAL,
    )
    assert run.claim()
    run.advance("read", files=5, files_read=2, rows=1_234_567, bytes=2 << 20, bytes_total=5 << 20)
    url = f"/admin/billing/importrun/{run.pk}/change/"

    text = page(cast, url)

    assert "2 of 5 files, 2.0\xa0MB of 5.0\xa0MB, 1,234,567 line items in " in text
    assert 'http-equiv="refresh"' in text
    run.fail(RunFailure(ErrorClass.PERMISSION, "AWS says no.", "Grant s3:GetObject."))
    text = page(cast, url)
    assert "AWS says no." in text
    assert "Grant s3:GetObject." in text
    assert 'http-equiv="refresh"' not in text


def test_an_import_that_ended_says_what_it_found_and_left_out(
    cast: Cast, aws: str, connection: Connection
) -> None:
    bills.make_bucket()
    odd = usage("3", account=PAYER, type="SomethingNew")
    bills.put_bill(bills.bill([usage("1.25", account=PAYER), usage("7"), odd]))
    look = bills.run_import(connection)

    text = page(cast, f"/admin/billing/importrun/{look.months.get().pk}/change/")

    assert "11.25 USD" in text
    assert "(222233334444): 7 USD" in text
    assert "SomethingNew" in text
    told = re.findall(r"(manifest|read|prepare|load|check) \d+\.\d+", text)
    assert told == ["manifest", "read", "prepare", "load", "check"]
    assert "Error" not in text


def test_a_look_lists_its_months_and_adds_up_what_they_left_out(
    cast: Cast, aws: str, connection: Connection
) -> None:
    bills.make_bucket()
    for month in (3, 4):
        lines = [usage("1.5", account=PAYER), usage(f"{month}.25")]
        bills.put_bill(bills.bill(lines, dt.date(2026, month, 1)))
    look = bills.run_import(connection)

    text = page(cast, f"/admin/billing/importrun/{look.pk}/change/")

    assert re.findall(r"<td class=.field-month.>\s*<p>(2026-\d\d)</p>", text) == [
        "2026-04",
        "2026-03",
    ]
    assert "(222233334444): 7.5 USD" in text


def test_operators_choose_among_the_months_there_are(
    cast: Cast, aws: str, connection: Connection
) -> None:
    bills.make_bucket()
    for month in (3, 4):
        bills.put_bill(bills.bill([usage("1", account=PAYER)], dt.date(2026, month, 1)))
    bills.run_import(connection)

    for url in ("/admin/billing/delivery/", "/admin/billing/billingmonth/"):
        text = page(cast, url)
        assert re.findall(r"\?month=(2026-\d\d)", text) == ["2026-04", "2026-03"]
        assert "Past 7 days" not in text
        assert re.search(r"^1 (delivery|billing month)$", page(cast, url, month="2026-03"), re.M)
        assert re.search(r"^2 (deliveries|billing months)$", page(cast, url, month="never"), re.M)


def test_a_connection_says_why_it_fails_and_recovers_by_itself(
    cast: Cast, aws: str, connection: Connection
) -> None:
    bills.make_bucket()
    bills.put_bill(bills.bill([usage("1", account=PAYER)]))
    bills.break_aws(aws, action="GetObject", code="AccessDenied", status=403)
    bills.run_import(connection)
    url = f"/admin/connections/connection/{connection.pk}/change/"

    text = page(cast, url)
    assert "badge-failing" in text
    assert "s3:GetObject" in text

    bills.heal_aws(aws)
    bills.run_import(connection)
    assert "badge-healthy" in page(cast, url)


def test_any_two_deliveries_of_a_month_are_compared_on_a_page(
    cast: Cast, aws: str, connection: Connection
) -> None:
    url = f"/admin/connections/restated/{connection.pk}/"
    assert "Nothing was imported" in page(cast, url)
    bills.make_bucket()
    for cost in ("1", "2", "4"):
        bills.put_bill(bills.bill([usage(cost, account=PAYER)]))
        bills.run_import(connection)
    Delivery.objects.update(loaded_at=F("loaded_at") - dt.timedelta(hours=1))
    services.clean_up()
    first, second, third = Delivery.objects.order_by("pk")

    text = page(cast, url, month="2026-04", from_delivery=first.pk, to_delivery=third.pk)

    assert "3 USD" in text
    assert "1 USD" in page(cast, url, from_delivery=first.pk, to_delivery=second.pk)
    assert "Nothing differs" in page(cast, url, from_delivery=third.pk, to_delivery=third.pk)


@pytest.mark.parametrize(
    "query", ["month=2026-05", "month=x", "from_delivery=x", "to_delivery=9", "metric=x", "color=1"]
)
def test_a_comparison_that_cannot_be_made_is_a_sentence(
    cast: Cast, aws: str, connection: Connection, query: str
) -> None:
    bills.make_bucket()
    bills.put_bill(bills.bill([usage("1", account=PAYER)]))
    bills.run_import(connection)

    answer = cast.browser("oscar").get(f"/admin/connections/restated/{connection.pk}/?{query}")

    assert answer.status_code == 400
    assert "errornote" in answer.content.decode()
