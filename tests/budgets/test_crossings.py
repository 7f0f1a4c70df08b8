"""What budgets come to, and the alerts of thresholds: each once."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from celery import current_app
from django.core import mail
from django.db import connection as database
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from billing.anomalies.models import Anomaly
from billing.anomalies.tasks import find_all_anomalies
from billing.budgets import notices, services
from billing.budgets.inputs import Threshold
from billing.budgets.models import AlertNotice, Basis, Budget, BudgetAlert
from billing.budgets.tasks import evaluate_all_budgets
from billing.models import BillingMonth
from connections.models import Connection, ConnectionKind
from organizations.models import AuditEvent
from tests.billing import bills
from tests.billing.cost_facts import Item, connect, deliver
from tests.budgets.world import (
    A_DAY,
    MEMBER,
    PAYER,
    bill,
    budget,
    days_between,
    days_of_this_month,
    days_so_far,
    entered,
    first_of_month,
    payer_of,
    today,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def payer(cast: Cast) -> Connection:
    made = payer_of(cast.acme)
    bill(made)
    return made


@pytest.fixture
def tasks_at_once() -> Iterator[None]:
    """Tasks run where they are sent, as a worker would run them."""
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False


def look(cast: Cast) -> int:
    return services.evaluate_organization(cast.acme)


def test_a_budget_adds_up_its_period_to_the_last_digit(cast: Cast, payer: Connection) -> None:
    made = budget(cast.acme)

    present, *past = made.standings.order_by("-period_start")

    assert present.actual == A_DAY * days_so_far()
    assert [one.actual for one in past] == [
        A_DAY * (first_of_month(ago - 1) - first_of_month(ago)).days for ago in (1, 2, 3)
    ]
    assert all(one.forecast is None for one in past)
    assert all(one.is_final for one in past)
    assert present.data_from == first_of_month(3)


def test_a_steady_cost_is_forecast_to_go_on(cast: Cast, payer: Connection) -> None:
    made = budget(cast.acme)

    whole = A_DAY * days_of_this_month()
    assert made.standings.latest("period_start").forecast == whole.quantize(D("0.0001"))


def test_a_forecast_knows_weekends_fees_that_come_back_and_what_comes_once(cast: Cast) -> None:
    weekdays = [
        Item(PAYER, day, D(100))
        for day in days_between(first_of_month(3), today())
        if day.weekday() < 5
    ]
    fees = [Item(PAYER, first_of_month(ago), D(70), charge_type="Fee") for ago in (1, 2, 3)]
    once = [Item(PAYER, first_of_month(1), D(5000), charge_type="Fee", service="AmazonS3")]
    bill(payer_of(cast.acme), [*weekdays, *fees, *once], a_day=D(1))

    made = budget(cast.acme)

    month = days_between(first_of_month(), first_of_month() + timedelta(days=days_of_this_month()))
    expected = len(month) + 100 * sum(day.weekday() < 5 for day in month) + 70
    assert made.standings.latest("period_start").forecast == expected


def test_the_months_to_come_go_on_with_their_taxes_and_fees(cast: Cast) -> None:
    taxes = [Item(PAYER, first_of_month(ago), D(30), charge_type="Tax") for ago in (1, 2, 3)]
    fees = [Item(PAYER, first_of_month(ago), D(70), charge_type="Fee") for ago in (0, 1, 2, 3)]
    bill(payer_of(cast.acme), [*taxes, *fees], a_day=D(1))
    month = budget(cast.acme, name="month").standings.latest("period_start")
    year = budget(cast.acme, name="year", period="year").standings.latest("period_start")

    begins = max(first_of_month().replace(month=1), first_of_month(3))
    before = days_between(begins, first_of_month())
    months = len({day.replace(day=1) for day in before})
    after = days_between(
        first_of_month() + timedelta(days=days_of_this_month()), date(today().year + 1, 1, 1)
    )
    later = len({day.month for day in after})
    assert year.forecast == (len(before) + 100 * months + month.forecast + len(after) + 100 * later)


def test_a_month_s_forecast_is_that_of_the_overview(cast: Cast, payer: Connection) -> None:
    made = budget(cast.acme)

    page = cast.browser("victor").get("/o/acme/")

    assert (
        made.standings.latest("period_start").forecast == page.context["overview"].forecast.amount
    )


def test_a_payer_that_delivers_no_more_holds_up_no_forecast(cast: Cast, payer: Connection) -> None:
    ended = connect(cast.acme, MEMBER, ConnectionKind.ROOT)
    deliver(ended, first_of_month(3), [Item(MEMBER, first_of_month(3), D(5), payer=MEMBER)])

    present = budget(cast.acme).standings.latest("period_start")

    assert present.forecast == (A_DAY * days_of_this_month()).quantize(D("0.0001"))
    assert present.data_through == max(first_of_month(), today() - timedelta(days=1))


def test_nothing_is_forecast_from_a_few_days(cast: Cast) -> None:
    bill(payer_of(cast.acme), months=0, through=first_of_month() + timedelta(days=2))

    made = budget(cast.acme)

    assert made.standings.get().forecast is None


def test_quarters_and_years_hold_their_months(cast: Cast, payer: Connection) -> None:
    for kind, months in (("quarter", 3), ("year", 12)):
        made = budget(cast.acme, name=kind, period=kind)
        present = made.standings.latest("period_start")
        begins = first_of_month().replace(month=(today().month - 1) // months * months + 1)
        known = max(begins, first_of_month(3))
        whole = (first_of_month() - known).days if known < first_of_month() else 0
        assert present.period_start == begins
        assert present.actual == A_DAY * (whole + days_so_far())


def test_only_what_the_filters_name_counts(cast: Cast) -> None:
    connect(cast.acme, MEMBER)
    first = first_of_month()
    items = [
        Item(MEMBER, first, D("3.3"), service="AmazonS3"),
        Item(MEMBER, first, D("4.4"), service="AmazonS3", charge_type="Tax"),
        Item(MEMBER, first, D(500), service="AmazonS3", currency="EUR"),
        Item("999900001111", first, D(900), service="AmazonS3"),
    ]
    bill(payer_of(cast.acme), items)

    made = budget(cast.acme, filters="service=AmazonS3&charge_type%21=Tax")

    assert made.standings.latest("period_start").actual == D("3.3")


def test_a_crossing_tells_each_address_once(cast: Cast, payer: Connection) -> None:
    amount = A_DAY * days_so_far()
    made = budget(
        cast.acme,
        amount=D(int(amount)),
        thresholds=(Threshold(100, "actual"), Threshold(500, "actual")),
        recipients=("ann@example.com", "bob@example.com"),
    )
    look(cast)
    services.evaluate_organization(cast.acme, is_forced=True)

    alert = BudgetAlert.objects.get(budget=made)
    assert (alert.percent, alert.basis, alert.actual) == (100, "actual", amount)
    for _ in range(2):
        for pk in AlertNotice.objects.values_list("pk", flat=True):
            notices.send(pk)
    assert sorted(letter.to[0] for letter in mail.outbox) == ["ann@example.com", "bob@example.com"]
    assert set(AlertNotice.objects.values_list("state", "attempts")) == {("sent", 1)}


def test_the_letter_says_what_happened_and_where_to_look(cast: Cast, payer: Connection) -> None:
    made = budget(cast.acme, name="R&D <all>", thresholds=(Threshold(1, "forecast"),))

    notices.send(AlertNotice.objects.get().pk)

    (letter,) = mail.outbox
    assert letter.subject.startswith("Budget “R&D <all>” is forecast to reach 1 % in ")
    assert "$1,000.00" in letter.body
    assert f"/o/acme/budgets/{made.pk}/" in letter.body
    assert "&amp;" not in letter.body


def test_a_forecast_crosses_before_the_costs_do(cast: Cast, payer: Connection) -> None:
    budget(
        cast.acme,
        amount=D(10 * days_of_this_month()),
        thresholds=(Threshold(100, "actual"), Threshold(100, "forecast")),
    )

    bases = set(BudgetAlert.objects.values_list("basis", flat=True))
    assert Basis.FORECAST in bases
    if days_so_far() < days_of_this_month():
        assert Basis.ACTUAL not in bases


def test_a_threshold_is_reached_exactly_and_not_a_digit_before(cast: Cast) -> None:
    bill(payer_of(cast.acme), a_day=D("1"))
    spent = D(days_so_far())

    budget(cast.acme, name="just", amount=spent, thresholds=(Threshold(100, "actual"),))
    budget(
        cast.acme,
        name="almost",
        amount=spent + D("0.01"),
        thresholds=(Threshold(100, "actual"),),
    )

    assert [one.budget.name for one in BudgetAlert.objects.all()] == ["just"]


def test_a_restated_month_moves_the_figures_and_tells_nobody_again(
    cast: Cast, payer: Connection
) -> None:
    made = budget(cast.acme, amount=D(1), thresholds=(Threshold(100, "actual"),))
    assert AlertNotice.objects.count() == 1

    bill(payer, a_day=D("0.0001"))
    assert look(cast) == 1
    made.refresh_from_db()
    assert made.standings.latest("period_start").actual == D("0.0001") * days_so_far()
    bill(payer, a_day=D(7))
    look(cast)

    assert made.standings.latest("period_start").actual == D(7) * days_so_far()
    assert AlertNotice.objects.count() == 1


def test_what_is_billed_after_a_period_has_ended_crosses_it_still_and_once(cast: Cast) -> None:
    payer, month = payer_of(cast.acme), first_of_month(1)
    last = first_of_month() - timedelta(days=1)
    deliver(payer, month, [Item(PAYER, month, D(90))])
    made = budget(cast.acme, amount=D(100), thresholds=(Threshold(100, "actual"),))
    Budget.objects.update(changed_at=timezone.now() - timedelta(days=40))
    # What was made since the period ended is not asked about it.
    budget(cast.acme, name="New", amount=D(100), thresholds=(Threshold(100, "actual"),))
    assert look(cast) == 0
    assert not BudgetAlert.objects.exists()

    deliver(payer, month, [Item(PAYER, month, D(90)), Item(PAYER, last, D(20))], is_final=True)
    look(cast)
    services.evaluate_organization(cast.acme, is_forced=True)

    alert = BudgetAlert.objects.get()
    assert (alert.budget, alert.period_start, alert.actual) == (made, month, D(110))


def test_a_period_that_aws_has_closed_is_told_of_no_more(cast: Cast) -> None:
    payer, month = payer_of(cast.acme), first_of_month(1)
    deliver(payer, month, [Item(PAYER, month, D(90))], is_final=True)
    budget(cast.acme, amount=D(100), thresholds=(Threshold(100, "actual"),))
    Budget.objects.update(changed_at=timezone.now() - timedelta(days=40))

    deliver(payer, month, [Item(PAYER, month, D(110))], is_final=True)
    look(cast)

    assert not BudgetAlert.objects.exists()


def test_another_amount_may_be_crossed_anew(cast: Cast, payer: Connection) -> None:
    made = budget(cast.acme, amount=D(1), thresholds=(Threshold(100, "actual"),))
    services.change_budget(
        made, entered(amount=D(2), thresholds=(Threshold(100, "actual"),), name="Renamed")
    )
    services.change_budget(
        made, entered(amount=D(2), thresholds=(Threshold(100, "actual"),), name="Again")
    )

    assert list(BudgetAlert.objects.order_by("pk").values_list("budget_amount", flat=True)) == [
        1,
        2,
    ]
    assert [one.budget_amount for one in made.standings.order_by("-period_start")] == [2, 1, 1, 1]


def test_a_budget_that_is_switched_off_is_left_alone(cast: Cast, payer: Connection) -> None:
    budget(cast.acme, amount=D(1), is_active=False)
    bill(payer, a_day=D(50))

    assert look(cast) == 0
    assert not BudgetAlert.objects.exists()


def test_nothing_is_looked_at_twice_until_something_changes(cast: Cast, payer: Connection) -> None:
    budget(cast.acme)
    assert look(cast) == 0

    connect(cast.acme, MEMBER)
    assert look(cast) == 1
    Budget.objects.update(evaluated_as="yesterday")
    assert look(cast) == 1


def test_a_filter_on_an_account_that_went_is_a_problem_and_no_zero(
    cast: Cast, payer: Connection
) -> None:
    member = connect(cast.acme, MEMBER)
    made = budget(cast.acme, filters=f"account={MEMBER}")
    assert made.problem == ""

    Connection.objects.filter(pk=member.pk).update(disconnected_at=timezone.now())
    look(cast)

    made.refresh_from_db()
    assert MEMBER in made.problem
    assert not made.standings.exists()


def test_the_work_on_a_budget_does_not_grow_with_its_bills(
    cast: Cast, payer: Connection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made = budget(cast.acme, thresholds=())
    assert BillingMonth.objects.count() == 4
    what, day = services._all_of(cast.acme), today()

    with django_assert_num_queries(9):
        services.evaluate(made.pk, what, day)


def test_the_audit_trail_has_what_people_did(cast: Cast, payer: Connection) -> None:
    secret = "a secret of sixteen"
    made = budget(cast.acme, webhook_url="https://hooks.example.com/", webhook_secret=secret)
    services.change_budget(made, entered(amount=D(5), name="Other"))
    services.delete_budget(made)

    events = AuditEvent.objects.filter(action__startswith="budget.").order_by("pk")
    assert [one.action for one in events] == ["budget.created", "budget.changed", "budget.deleted"]
    assert events[1].changes["amount"] == ["1000", "5"] or events[1].changes["amount"] == [
        "1000.00",
        "5",
    ]
    assert secret not in str([one.changes for one in events])


def test_a_budget_that_makes_trouble_holds_up_no_other(
    cast: Cast, payer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = budget(cast.acme, name="bad")
    good = budget(cast.acme, name="good")
    bill(payer, a_day=D(3))
    real = services.figures

    def figures(budget: Budget, *rest: object) -> object:
        if budget.pk == bad.pk:
            raise ZeroDivisionError
        return real(budget, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(services, "figures", figures)
    with pytest.raises(ExceptionGroup):
        look(cast)

    assert good.standings.latest("period_start").actual == D(3) * days_so_far()


@pytest.mark.django_db(transaction=True)
def test_the_schedule_finds_what_no_import_told_of(cast: Cast, tasks_at_once: None) -> None:
    connect(cast.acme, MEMBER)
    payer = payer_of(cast.acme)
    made = budget(cast.acme, amount=D(1), thresholds=(Threshold(100, "actual"),))
    day = first_of_month() - timedelta(days=6)
    bill(payer, [Item(MEMBER, day, D(500), service="AmazonRDS")])

    evaluate_all_budgets()
    find_all_anomalies()

    assert made.standings.latest("period_start").actual == A_DAY * days_so_far()
    assert len(mail.outbox) == 1
    assert Anomaly.objects.get().day == day


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_of_a_crossing_once(cast: Cast) -> None:
    payer = payer_of(cast.acme)
    bill(payer, a_day=D("0.001"))
    budget(cast.acme, amount=D(1), thresholds=(Threshold(100, "actual"),))
    bill(payer, a_day=D(5))

    _at_once(lambda: services.evaluate_organization(cast.acme))

    notice = AlertNotice.objects.get()
    _at_once(lambda: notices.send(notice.pk))
    assert len(mail.outbox) == 1
    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == ("sent", 1)


def _at_once(work: object) -> None:
    gate = Barrier(4)
    problems: list[BaseException] = []

    def run() -> None:
        try:
            gate.wait(timeout=30)
            work()  # type: ignore[operator]
        except BaseException as problem:  # noqa: BLE001 - told below
            problems.append(problem)
        finally:
            database.close()

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert problems == []


@pytest.mark.django_db(transaction=True)
def test_an_import_that_changes_a_month_sends_the_alert(
    cast: Cast, aws: str, tasks_at_once: None
) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme)
    budget(cast.acme, amount=D(1), period="year", thresholds=(Threshold(100, "actual"),))
    month = first_of_month()
    item = bills.usage("9", account=bills.PAYER, start=bills.utc(month.year, month.month, 1, 0))
    bills.put_bill(bills.bill([item], month=month))
    assert mail.outbox == []

    for _ in range(2):
        assert bills.run_import(connection).error is None

    assert [letter.to for letter in mail.outbox] == [["ann@example.com"]]
    assert "$9.00" in mail.outbox[0].body
