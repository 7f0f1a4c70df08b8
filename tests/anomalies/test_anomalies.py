"""Anomalies of real facts: found, restated, dismissed, shown."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.anomalies import services
from billing.anomalies.models import Anomaly
from billing.anomalies.reports import recent, resources_behind
from connections.models import Connection, ConnectionKind
from organizations.access import Role
from organizations.models import AuditEvent
from tests.billing.cost_facts import Item, connect, deliver
from tests.budgets.world import MEMBER, PAYER, bill, days_between, first_of_month, payer_of, today
from tests.cast import Cast

pytestmark = pytest.mark.django_db
D = Decimal
SERVICE = "AmazonRDS"
# Always whole, always after four known weeks: three months are delivered before this one.
PEAK_DAY = first_of_month() - timedelta(days=6)


def peak(cost: str = "90", day: date = PEAK_DAY, **given: object) -> Item:
    return Item(MEMBER, day, D(cost), **{"service": SERVICE, "resource": "db-1", **given})  # type: ignore[arg-type]


def usual(cost: str = "2.5", **given: object) -> list[Item]:
    days = days_between(first_of_month(3), today())
    return [peak(cost, day, **given) for day in days]


@pytest.fixture
def payer(cast: Cast) -> Connection:
    connect(cast.acme, MEMBER)
    return payer_of(cast.acme)


def found(cast: Cast) -> list[tuple[date, str, str, Decimal, Decimal]]:
    services.look(cast.acme)
    live = Anomaly.objects.filter(withdrawn_at=None).order_by("day", "service")
    return [(one.day, one.account_id, one.service, one.actual, one.expected) for one in live]


def rebill(payer: Connection, items: Iterable[Item]) -> None:
    bill(payer, list(items))


def test_a_peak_is_found_to_the_last_digit(cast: Cast, payer: Connection) -> None:
    rebill(payer, [*usual(), peak("90.000000000000001"), peak("1", service="AmazonS3")])

    assert found(cast) == [(PEAK_DAY, MEMBER, SERVICE, D("92.500000000000001"), D("2.5"))]
    assert Anomaly.objects.get().impact == D("90.000000000000001")


def test_taxes_fees_and_credits_are_no_anomalies(cast: Cast, payer: Connection) -> None:
    odd = ("Tax", "Fee", "RIFee", "SavingsPlanUpfrontFee", "SavingsPlanRecurringFee", "Credit")
    rebill(payer, [*usual(), *(peak("900", charge_type=one) for one in odd)])

    assert found(cast) == []


def test_the_last_day_with_usage_is_not_judged(cast: Cast, payer: Connection) -> None:
    last = max(first_of_month(), today() - timedelta(days=1))
    rebill(payer, [*usual(), peak("900", day=last)])

    assert found(cast) == []


def test_accounts_that_are_not_connected_have_none(cast: Cast, payer: Connection) -> None:
    stranger = Item("999900001111", PEAK_DAY, D(900), service=SERVICE)
    rebill(payer, [*usual(), stranger])

    assert found(cast) == []


def test_currencies_are_judged_apart(cast: Cast, payer: Connection) -> None:
    yen = [peak("200", day.day, currency="JPY") for day in usual()]
    rebill(payer, [*usual(), *yen, peak("900", currency="JPY")])

    assert found(cast) == []


def test_the_days_before_a_payer_was_connected_are_unknown_and_not_free(
    cast: Cast, payer: Connection
) -> None:
    rebill(payer, usual())
    other = connect(cast.acme, "555566667777", ConnectionKind.ROOT)
    start = first_of_month(1)
    items = [
        Item("555566667777", day, D(500), payer="555566667777")
        for day in days_between(start, first_of_month())
    ]
    deliver(other, start, items)

    assert found(cast) == []


def test_an_account_that_is_new_in_a_known_bill_is_told(cast: Cast, payer: Connection) -> None:
    connect(cast.acme, "555566667777")
    rebill(payer, [*usual(), Item("555566667777", PEAK_DAY, D(500))])

    assert found(cast) == [(PEAK_DAY, "555566667777", "AmazonEC2", D(500), D(0))]
    assert Anomaly.objects.get().is_new_service


def test_a_payer_that_delivers_no_more_holds_up_nobody(cast: Cast, payer: Connection) -> None:
    ended = connect(cast.acme, "555566667777", ConnectionKind.ROOT)
    month = first_of_month(3)
    deliver(ended, month, [Item("555566667777", month, D(5), payer="555566667777")])
    rebill(payer, [*usual(), peak("90")])

    assert found(cast) == [(PEAK_DAY, MEMBER, SERVICE, D("92.5"), D("2.5"))]


def test_nothing_changes_until_the_bill_does(cast: Cast, payer: Connection) -> None:
    rebill(payer, [*usual(), peak()])

    assert services.look(cast.acme)
    assert not services.look(cast.acme)
    assert services.look(cast.acme, is_forced=True)
    assert Anomaly.objects.count() == 1


def test_a_restated_month_updates_withdraws_and_brings_back(cast: Cast, payer: Connection) -> None:
    rebill(payer, [*usual(), peak("90")])
    assert len(found(cast)) == 1

    rebill(payer, [*usual(), peak("60")])
    assert found(cast) == [(PEAK_DAY, MEMBER, SERVICE, D("62.5"), D("2.5"))]
    rebill(payer, usual())
    assert found(cast) == []
    assert Anomaly.objects.get().withdrawn_at is not None
    rebill(payer, [*usual(), peak("70")])

    assert found(cast) == [(PEAK_DAY, MEMBER, SERVICE, D("72.5"), D("2.5"))]
    assert Anomaly.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_find_an_anomaly_once(cast: Cast) -> None:
    connect(cast.acme, MEMBER)
    rebill(payer_of(cast.acme), [*usual(), peak()])
    gate, problems = Barrier(3), []

    def run() -> None:
        try:
            gate.wait(timeout=30)
            services.look(cast.acme)
        except Exception as problem:  # noqa: BLE001 - told below
            problems.append(problem)
        finally:
            database.close()

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert problems == []
    assert Anomaly.objects.count() == 1


def test_the_resources_behind_come_with_what_they_cost_more(cast: Cast, payer: Connection) -> None:
    quiet = usual("1", resource="db-quiet")
    rebill(
        payer,
        [*usual(), *quiet, peak("90"), peak("12.5", resource=""), peak("0.5", resource="db-new")],
    )
    services.look(cast.acme)

    behind = resources_behind(Anomaly.objects.get())

    assert [(one.resource_id, one.amount, one.usual) for one in behind.top] == [
        ("db-1", D("92.5"), D("2.5")),
        ("", D("12.5"), D(0)),
        ("db-new", D("0.5"), D(0)),
    ]
    assert behind.others == 0


def test_many_resources_are_summed_up(cast: Cast, payer: Connection) -> None:
    many = [peak(str(n), resource=f"db-{n}") for n in range(1, 16)]
    rebill(payer, many)
    services.look(cast.acme)

    behind = resources_behind(Anomaly.objects.get())

    assert [one.resource_id for one in behind.top] == [f"db-{n}" for n in range(15, 5, -1)]
    assert behind.others == 1 + 2 + 3 + 4 + 5


def test_the_days_before_the_unusual_ones_are_compared_with(cast: Cast, payer: Connection) -> None:
    eve = PEAK_DAY - timedelta(days=1)
    rebill(payer, [*usual(), peak("90", eve), peak("90")])
    services.look(cast.acme)
    assert Anomaly.objects.count() == 2

    for anomaly in Anomaly.objects.all():
        behind = resources_behind(anomaly)
        assert behind.end == eve
        assert [(one.amount, one.usual) for one in behind.top] == [(D("92.5"), D("2.5"))]


def test_a_disconnected_account_takes_its_anomalies_along(cast: Cast, payer: Connection) -> None:
    rebill(payer, [*usual(), peak()])
    services.look(cast.acme)
    anomaly = Anomaly.objects.get()
    assert recent(cast.acme, PEAK_DAY) == [anomaly]

    Connection.objects.filter(account_id=MEMBER).update(disconnected_at=timezone.now())

    browser = cast.browser("fiona")
    assert recent(cast.acme, PEAK_DAY) == []
    assert SERVICE not in browser.get("/o/acme/anomalies/").content.decode()
    assert browser.get(f"/o/acme/anomalies/{anomaly.pk}/").status_code == 404
    assert cast.api(Role.VIEWER).get("/api/v1/anomalies/").json()["count"] == 0


def test_the_page_lists_the_most_money_first(cast: Cast, payer: Connection) -> None:
    rebill(
        payer,
        [*usual(), peak("40"), peak("300", service="AmazonS3"), peak("80", service="<b>AWS</b>")],
    )
    services.look(cast.acme)

    page = cast.browser("victor").get("/o/acme/anomalies/")

    assert [row["one"].impact for row in page.context["rows"]] == [300, 80, 40]
    text = page.content.decode()
    assert "<b>AWS" not in text
    assert "/dismiss/" not in text
    assert page.context["totals"] == [("USD", D(420), 3)]
    for row in page.context["rows"]:
        assert cast.browser("victor").get(row["explore_url"]).status_code == 200


def test_a_page_of_its_own_shows_days_and_resources(cast: Cast, payer: Connection) -> None:
    rebill(payer, [*usual(), peak()])
    services.look(cast.acme)

    page = cast.browser("victor").get(f"/o/acme/anomalies/{Anomaly.objects.get().pk}/")

    assert page.status_code == 200
    amounts = dict(
        zip(page.context["daily"].periods, page.context["daily"].series[0].amounts, strict=True)
    )
    assert amounts[PEAK_DAY.isoformat()] == D("92.5")
    assert amounts[(PEAK_DAY - timedelta(days=1)).isoformat()] == D("2.5")
    assert "db-1" in page.content.decode()


def test_dismissing_needs_a_reason_and_can_be_undone(cast: Cast, payer: Connection) -> None:
    rebill(payer, [*usual(), peak()])
    services.look(cast.acme)
    anomaly, browser = Anomaly.objects.get(), cast.browser("fiona")
    url = f"/o/acme/anomalies/{anomaly.pk}"

    for reason in ("", "   ", "x" * 501, "a\x00b"):
        browser.post(f"{url}/dismiss/", {"reason": reason})
        anomaly.refresh_from_db()
        assert anomaly.dismissed_at is None
    away = browser.post(
        f"{url}/dismiss/", {"reason": "A load test", "next": "https://evil.example"}
    )
    assert away.headers["Location"] == "/o/acme/anomalies/"
    assert browser.get("/o/acme/anomalies/").context["rows"] == []
    listed = browser.get("/o/acme/anomalies/?state=dismissed").content.decode()
    assert "by fiona: A load test" in listed
    browser.post(f"{url}/restore/", {})
    assert len(browser.get("/o/acme/anomalies/").context["rows"]) == 1
    actions = AuditEvent.objects.filter(action__startswith="anomaly.").order_by("pk")
    assert [one.action for one in actions] == ["anomaly.dismissed", "anomaly.restored"]


def test_the_api_says_the_same(cast: Cast, payer: Connection) -> None:
    rebill(payer, [*usual(), peak("90.000000000000001")])
    services.look(cast.acme)
    api = cast.api(Role.VIEWER)

    (row,) = api.get("/api/v1/anomalies/").json()["results"]

    assert (row["day"], row["service"], row["account_id"]) == (
        PEAK_DAY.isoformat(),
        SERVICE,
        MEMBER,
    )
    assert (row["actual"], row["expected"], row["impact"]) == (
        "92.500000000000001",
        "2.5",
        "90.000000000000001",
    )
    assert row["state"] == "open"
    for query, count in (
        (f"service={SERVICE}", 1),
        ("service=AmazonS3", 0),
        (f"account={MEMBER}", 1),
        (f"account={PAYER}", 0),
        (f"from={PEAK_DAY}", 1),
        (f"to={PEAK_DAY}", 0),
        ("state=withdrawn", 0),
        ("state=all", 1),
    ):
        assert api.get(f"/api/v1/anomalies/?{query}").json()["count"] == count, query


def test_the_file_has_every_row_of_the_list(cast: Cast, payer: Connection) -> None:
    rebill(payer, [*usual(), peak("90.000000000000001"), peak("50", service="=cmd()")])
    services.look(cast.acme)
    browser = cast.browser("victor")

    answer = browser.get(f"/o/acme/anomalies/?format=csv&service={SERVICE}&service==cmd()")

    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert [(row["Day"], row["Service code"], row["Above usual"]) for row in rows] == [
        (PEAK_DAY.isoformat(), SERVICE, "90.000000000000001"),
        (PEAK_DAY.isoformat(), "'=cmd()", "50"),
    ]
    book = browser.get("/o/acme/anomalies/?format=xlsx")
    assert b"".join(book).startswith(b"PK")
    exported = AuditEvent.objects.filter(action="costs.exported")
    assert [one.changes["format"] for one in exported.order_by("pk")] == ["csv", "xlsx"]


WRONG = [
    ("state=gone", "state"),
    ("state=open&state=all", "state"),
    ("from=yesterday", "from"),
    ("to=2026-02-30", "to"),
    ("from=2026-02-02&to=2026-02-01", "to"),
    ("account=%00", "account"),
    ("service=%00", "service"),
    ("colour=red", "colour"),
]


@pytest.mark.parametrize(("query", "field"), WRONG)
def test_nonsense_is_refused_with_a_sentence(cast: Cast, query: str, field: str) -> None:
    answer = cast.api(Role.VIEWER).get(f"/api/v1/anomalies/?{query}")
    page = cast.browser("victor").get(f"/o/acme/anomalies/?{query}")

    assert answer.status_code == page.status_code == 400
    assert list(json.loads(answer.content)["errors"]) == [field]
    assert 'role="alert"' in page.content.decode()
    for wrong in ("page=9", "format=pdf", "format="):
        assert cast.browser("victor").get(f"/o/acme/anomalies/?{wrong}").status_code == 400


def test_the_number_of_queries_does_not_grow(cast: Cast, payer: Connection) -> None:
    counts: dict[str, set[int]] = {"list": set(), "one": set(), "api": set()}
    for more in (1, 6):
        rebill(payer, [*usual(), *(peak("90", service=f"Service{n}") for n in range(more))])
        services.look(cast.acme)
        found = Anomaly.objects.all()
        assert len(found) == more
        browser = cast.browser("fiona")
        for name, url in (
            ("list", "/o/acme/anomalies/"),
            ("one", f"/o/acme/anomalies/{found[0].pk}/"),
            ("api", "/api/v1/anomalies/"),
        ):
            with CaptureQueriesContext(database) as queries:
                assert browser.get(url).status_code == 200
            counts[name].add(len(queries))
    assert all(len(one) == 1 for one in counts.values()), counts


def test_an_organization_without_bills_is_told_so(cast: Cast) -> None:
    services.look(cast.bolt)

    page = cast.browser("boris").get("/o/bolt/anomalies/")

    assert "No AWS account is connected yet" in page.content.decode()
