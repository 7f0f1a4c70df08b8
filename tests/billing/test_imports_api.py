"""Imports in the API, in the admin and on the command line."""

import io
import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from billing.models import BillingMonth, ImportRun
from organizations.access import Role
from organizations.runs import RunState
from tests.billing import bills
from tests.billing.bills import DATA, usage
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def imported(cast: Cast, aws: str) -> ImportRun:
    """April of Acme, imported: 4 of a connected account's, 7 of another."""
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill([usage("4", account=bills.PAYER), usage("7", account=DATA)]))
    bills.run_import(connection)
    run: ImportRun = ImportRun.objects.get(billing_period=bills.APRIL)
    return run


def test_an_import_says_what_it_read_and_that_the_totals_agree(
    cast: Cast, imported: ImportRun
) -> None:
    answer = cast.api(Role.VIEWER).get(f"/api/v1/imports/{imported.pk}/").json()

    assert answer["state"] == "succeeded"
    assert answer["billing_period"] == "2026-04"
    assert (answer["export_total"], answer["portal_total"]) == ("11", "11")
    assert (answer["currency"], answer["rows_read"], answer["rows_loaded"]) == ("USD", 2, 2)
    assert answer["error"] is None
    assert answer["progress"]["files"] == answer["progress"]["files_read"] == 1
    (skipped,) = answer["skipped_accounts"]
    assert (skipped["account_id"], Decimal(skipped["amount"])) == (DATA, Decimal(7))


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("?billing_period=2026-04", 1),
        ("?billing_period=2026-05", 0),
        ("?state=succeeded", 2),
        ("?state=failed", 0),
        ("?connection=99999999999999999999", 0),
    ],
)
def test_imports_are_filtered(cast: Cast, imported: ImportRun, query: str, count: int) -> None:
    answer = cast.api(Role.VIEWER).get(f"/api/v1/imports/{query}")

    assert answer.status_code == 200
    assert answer.json()["count"] == count


@pytest.mark.parametrize(
    "query",
    [
        "state=fine",
        "connection=abc",
        "connection=²",
        "billing_period=2026-13",
        "billing_period=٢٠٢٦-04",
        "color=red",
    ],
)
def test_what_makes_no_sense_is_a_bad_request(cast: Cast, imported: ImportRun, query: str) -> None:
    answer = cast.api(Role.VIEWER).get(f"/api/v1/imports/?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["errors"]


def test_the_imports_of_others_do_not_exist(cast: Cast, imported: ImportRun) -> None:
    other = cast.api(Role.OWNER, cast.bolt)

    assert other.get(f"/api/v1/imports/{imported.pk}/").status_code == 404
    assert other.get("/api/v1/imports/").json()["count"] == 0


@pytest.mark.parametrize("model", ["importrun", "delivery", "billingmonth"])
def test_operators_see_imports_and_deliveries(cast: Cast, imported: ImportRun, model: str) -> None:
    browser = cast.browser("oscar")
    listed = browser.get(f"/admin/billing/{model}/")
    assert listed.status_code == 200
    pk = {
        "importrun": imported.pk,
        "delivery": imported.delivery_id,
        "billingmonth": imported.connection.billing_months.get().pk,
    }[model]
    shown = browser.get(f"/admin/billing/{model}/{pk}/change/")
    assert shown.status_code == 200
    if model == "importrun":
        assert DATA in shown.content.decode()


def test_a_failed_import_is_shown_with_its_reason(cast: Cast, aws: str) -> None:
    connection = bills.connect(cast.acme)
    look = bills.run_import(connection)

    page = cast.browser("oscar").get(f"/admin/billing/importrun/{look.pk}/change/")

    assert "no bucket" in page.content.decode()


def test_the_command_imports_and_prints_json(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill([usage("4")]))
    out = io.StringIO()

    call_command("import_billing", "--connection", str(connection.pk), "--json", stdout=out)

    (look,) = json.loads(out.getvalue())
    assert (look["state"], look["portal_total"]) == ("succeeded", "4")
    assert [one["billing_period"] for one in look["months"]] == ["2026-04"]


def test_the_command_fails_with_the_reason(cast: Cast, aws: str) -> None:
    connection = bills.connect(cast.acme)

    with pytest.raises(CommandError, match="no bucket"):
        call_command("import_billing", "--connection", str(connection.pk), stdout=io.StringIO())

    assert ImportRun.objects.get().state == RunState.FAILED


@pytest.mark.parametrize("month", ["April", "٢٠٢٦-04"])
@pytest.mark.parametrize("option", ["--from", "--to"])
def test_the_command_refuses_what_is_no_month(db: None, option: str, month: str) -> None:
    with pytest.raises(CommandError, match="YYYY-MM"):
        call_command("import_billing", option, month)


def test_the_command_refuses_a_range_that_is_none(db: None) -> None:
    with pytest.raises(CommandError, match="before the first"):
        call_command("import_billing", "--from", "2026-05", "--to", "2026-04")


def test_the_command_says_which_months_there_are_to_import(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    bills.put_bill(bills.bill([usage("4")]))
    out = io.StringIO()

    call_command("import_billing", "--to", "2026-03", stdout=out)

    assert "has months from 2026-04 to 2026-04" in out.getvalue()
    assert not BillingMonth.objects.filter(connection=connection).exists()


def test_the_button_starts_an_import(cast: Cast, aws: str) -> None:
    connection = bills.connect(cast.acme)

    answer = cast.api(Role.OPERATOR).post(f"/api/v1/connections/{connection.pk}/import/")

    assert answer.status_code == 202
    assert answer.json()["id"] == ImportRun.objects.get().pk
    assert answer.json()["billing_period"] is None
