"""Reports by e-mail: when they are due, to whom they go, and that each goes once."""

import csv
import datetime as dt
import io
import threading
import zipfile
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection as database
from django.utils import timezone

from billing.saved_reports import mailing, services
from billing.saved_reports.due_days import due_after, due_on_or_before
from billing.saved_reports.models import ReportLetter, ReportSchedule, SavedReport
from billing.tasks import send_report, send_reports
from organizations.models import AuditEvent, Membership
from tests.billing.cost_facts import Item
from tests.cast import Cast

pytestmark = pytest.mark.django_db
MAY_5 = dt.datetime(2026, 5, 5, 6, 0, tzinfo=dt.UTC)
QUERY = "from=2026-04-01&to=2026-05-01&group_by=service"


def schedule(cast: Cast, owner: str = "fiona", **given: Any) -> ReportSchedule:
    report = services.create(
        cast.acme,
        cast.people[owner],
        name="By service",
        query=given.pop("query", QUERY),
        is_shared=given.pop("is_shared", False),
        today=MAY_5.date(),
    )
    fields = {
        "frequency": "monthly",
        "weekday": 1,
        "day": 5,
        "file_format": "csv",
        "is_active": True,
        "recipients": [cast.people[owner]],
        **given,
    }
    return services.set_schedule(report, cast.people[owner], fields, starts_on=dt.date(2026, 5, 1))


def tick(now: dt.datetime = MAY_5) -> None:
    """What beat and the worker do, one after the other."""
    due: list[int] = []
    mailing.write_due_letters(now, due.append)
    # The test's transaction never commits: its callbacks stand for what comes after.
    for callback in [one[1] for one in database.run_on_commit]:
        callback()
    database.run_on_commit = []
    for schedule_id in due:
        mailing.send_waiting(schedule_id, now)


def states() -> list[tuple[str, str]]:
    return [
        (one.recipient.username, one.state)
        for one in ReportLetter.objects.select_related("recipient").order_by("due_on", "recipient")
    ]


@pytest.mark.parametrize(
    ("fields", "day", "last", "following"),
    [
        ({"frequency": "daily"}, (2026, 2, 28), (2026, 2, 28), (2026, 3, 1)),
        ({"frequency": "weekly", "weekday": 1}, (2026, 5, 4), (2026, 5, 4), (2026, 5, 11)),
        ({"frequency": "weekly", "weekday": 7}, (2026, 5, 4), (2026, 5, 3), (2026, 5, 10)),
        ({"frequency": "monthly", "day": 28}, (2026, 3, 27), (2026, 2, 28), (2026, 3, 28)),
        ({"frequency": "monthly", "day": 1}, (2026, 12, 31), (2026, 12, 1), (2027, 1, 1)),
    ],
)
def test_a_schedule_is_due_by_the_calendar(
    fields: dict[str, Any],
    day: tuple[int, int, int],
    last: tuple[int, int, int],
    following: tuple[int, int, int],
) -> None:
    one = ReportSchedule(**fields)
    assert due_on_or_before(one, dt.date(*day)) == dt.date(*last)
    assert due_after(one, dt.date(*day)) == dt.date(*following)


def test_a_letter_goes_once_with_what_the_explorer_downloads(cast: Cast, items: list[Item]) -> None:
    schedule(cast, recipients=[cast.fiona, cast.victor])
    tick(MAY_5 - dt.timedelta(minutes=1))
    assert mail.outbox == []
    tick()
    tick()
    tick(MAY_5 + dt.timedelta(hours=5))
    assert sorted(letter.to[0] for letter in mail.outbox) == [
        "fiona@example.com",
        "victor@example.com",
    ]
    assert states() == [("fiona", "sent"), ("victor", "sent")]
    letter = mail.outbox[0]
    assert letter.subject == "By service: 2026-04-01 to 2026-04-30"
    assert "/o/acme/explore/?from=2026-04-01" in letter.body
    ((name, content, kind),) = letter.attachments
    assert (name, kind) == ("costs_2026-04-01_2026-04-30.csv", "text/csv")
    download = cast.browser("fiona").get(f"/o/acme/explore/?{QUERY}&format=csv")
    assert str(content) == b"".join(download.streaming_content).decode()  # type: ignore[attr-defined]
    assert len(list(csv.reader(io.StringIO(str(content))))) > 2
    exports = AuditEvent.objects.filter(action="costs.exported")
    assert exports.count() == 2  # the letters of one day, and the download above


def test_the_next_due_day_brings_the_next_letter(cast: Cast, items: list[Item]) -> None:
    schedule(cast)
    tick()
    tick(MAY_5 + dt.timedelta(days=30))
    assert len(mail.outbox) == 1
    tick(MAY_5 + dt.timedelta(days=33))
    assert len(mail.outbox) == 2


def test_a_due_day_that_passed_while_nothing_ran_is_made_good_once(
    cast: Cast, items: list[Item]
) -> None:
    schedule(cast, frequency="daily")
    tick(MAY_5 + dt.timedelta(days=4, hours=3))
    assert [one.due_on for one in ReportLetter.objects.all()] == [dt.date(2026, 5, 9)]


def test_an_excel_file_is_a_workbook(cast: Cast, items: list[Item]) -> None:
    schedule(cast, file_format="xlsx")
    tick()
    ((name, content, _),) = mail.outbox[0].attachments
    assert name == "costs_2026-04-01_2026-04-30.xlsx"
    assert isinstance(content, bytes)
    assert "xl/workbook.xml" in zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_who_lost_access_gets_nothing_more(cast: Cast, items: list[Item]) -> None:
    schedule(cast, recipients=[cast.fiona, cast.victor, cast.oscar], frequency="daily")
    Membership.objects.filter(user=cast.victor).delete()
    cast.oscar.is_active = False
    cast.oscar.save()
    tick()
    assert [letter.to for letter in mail.outbox] == [["fiona@example.com"]]
    assert sorted(states()) == [("fiona", "sent"), ("oscar", "skipped"), ("victor", "skipped")]
    Membership.objects.filter(user=cast.fiona).delete()
    tick(MAY_5 + dt.timedelta(days=1))
    assert len(mail.outbox) == 1


def test_a_schedule_ends_with_the_right_it_was_made_by(cast: Cast, items: list[Item]) -> None:
    one = schedule(cast, recipients=[cast.fiona, cast.victor], frequency="daily")
    Membership.objects.filter(user=cast.fiona).update(role="viewer")
    tick()
    assert states() == [("fiona", "sent"), ("victor", "skipped")]
    letters = ReportLetter.objects.get(recipient=cast.victor)
    assert "may not have reports sent to others" in letters.sentence
    report = one.report
    SavedReport.objects.filter(pk=report.pk).update(owner=cast.olivia)
    tick(MAY_5 + dt.timedelta(days=1))
    assert len(mail.outbox) == 1


class RefusingBackend(EmailBackend):
    """A mail server that refuses Victor's letters."""

    def send_messages(self, messages: Any) -> int:
        for message in messages:
            if message.to == ["victor@example.com"]:
                raise ConnectionRefusedError("mailbox full")
        return super().send_messages(messages)


def test_a_refused_letter_is_tried_three_times_and_shown(
    cast: Cast, items: list[Item], settings: Any
) -> None:
    settings.EMAIL_BACKEND = "tests.billing.test_report_letters.RefusingBackend"
    one = schedule(cast, recipients=[cast.fiona, cast.victor])
    for number in range(5):
        tick(MAY_5 + dt.timedelta(minutes=10 * number))
    assert [letter.to for letter in mail.outbox] == [["fiona@example.com"]]
    letter = ReportLetter.objects.get(recipient=cast.victor)
    assert (letter.state, letter.attempts) == ("failed", 3)
    page = cast.browser("fiona").get(f"/o/acme/saved-reports/{one.report.pk}/schedule/")
    assert "mailbox full" in page.content.decode()


def test_a_report_that_cannot_be_answered_fails_in_a_sentence(
    cast: Cast, items: list[Item]
) -> None:
    schedule(cast, query="account=999999999999")
    tick()
    letter = ReportLetter.objects.get()
    assert letter.state == "failed"
    assert "is not an account that is connected here" in letter.sentence
    assert mail.outbox == []


def test_a_letter_whose_sending_was_cut_off_is_not_sent_twice(
    cast: Cast, items: list[Item]
) -> None:
    schedule(cast)
    mailing.write_due_letters(MAY_5, lambda pk: None)
    ReportLetter.objects.update(state="sending", claimed_at=MAY_5)
    tick(MAY_5 + dt.timedelta(minutes=5))
    assert states() == [("fiona", "sending")]
    tick(MAY_5 + dt.timedelta(minutes=40))
    assert states() == [("fiona", "failed")]
    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_one_letter(cast: Cast, payer: Any) -> None:
    one = schedule(cast)
    mailing.write_due_letters(MAY_5, lambda pk: None)
    ready = threading.Barrier(2)
    sent: list[int] = []

    def work() -> None:
        try:
            ready.wait(10)
            sent.append(mailing.send_waiting(one.pk, MAY_5))
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert sorted(sent) == [0, 1]
    assert len(mail.outbox) == 1


def test_the_tasks_send_what_is_due_today(cast: Cast, items: list[Item]) -> None:
    one = schedule(cast, frequency="daily")
    today = timezone.now()
    mailing.write_due_letters(today, lambda pk: None)
    send_report(one.pk)
    assert [letter.to for letter in mail.outbox] == [["fiona@example.com"]]
    send_reports()
    assert ReportLetter.objects.count() == 1


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ({"recipients": []}, "Choose at least one person"),
        ({"recipients": ["boris"]}, "is not one of the available choices"),
        ({"recipients": ["nora"]}, "is not one of the available choices"),
        ({"day": "29"}, "less than or equal to 28"),
        ({"day": "x"}, "Enter a whole number"),
        ({"weekday": "9"}, "not one of the available choices"),
        ({"frequency": "hourly"}, "not one of the available choices"),
        ({"file_format": "pdf"}, "not one of the available choices"),
    ],
)
def test_a_wrong_schedule_is_refused_in_a_sentence(
    cast: Cast, entered: dict[str, Any], sentence: str
) -> None:
    report = services.create(
        cast.acme, cast.fiona, name="R", query="", is_shared=False, today=MAY_5.date()
    )
    page = post_schedule(cast, "fiona", report, **entered)
    assert page.status_code == 400
    assert sentence in page.content.decode()
    assert not ReportSchedule.objects.exists()


def post_schedule(cast: Cast, person: str, report: SavedReport, **entered: Any) -> Any:
    fields = {
        "frequency": "weekly",
        "weekday": "3",
        "day": "5",
        "file_format": "xlsx",
        "is_active": "True",
        "recipients": [person],
        **entered,
    }
    fields["recipients"] = [cast.people[one].pk for one in fields["recipients"]]
    return cast.browser(person).post(f"/o/acme/saved-reports/{report.pk}/schedule/", fields)


def test_viewers_schedule_for_themselves_alone(cast: Cast) -> None:
    report = services.create(
        cast.acme, cast.fiona, name="R", query="", is_shared=True, today=MAY_5.date()
    )
    assert post_schedule(cast, "victor", report, recipients=["victor", "fiona"]).status_code == 400
    assert post_schedule(cast, "victor", report).status_code == 302
    assert post_schedule(cast, "fiona", report, recipients=["fiona", "victor"]).status_code == 302
    assert {one.owner.username for one in ReportSchedule.objects.all()} == {"victor", "fiona"}
    shown = cast.browser("victor").get(f"/o/acme/saved-reports/{report.pk}/schedule/")
    assert "Next e-mail on" in shown.content.decode()
    url = f"/o/acme/saved-reports/{report.pk}/unschedule/"
    assert "Send “R” no more?" in cast.browser("victor").get(url).content.decode()
    assert ReportSchedule.objects.count() == 2
    gone = cast.browser("victor").post(url)
    assert gone.status_code == 302
    assert [one.owner.username for one in ReportSchedule.objects.all()] == ["fiona"]
