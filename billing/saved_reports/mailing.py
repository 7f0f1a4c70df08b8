"""Sending reports: one letter a person and due day, claimed before it is sent.

A letter that the mail server refused is tried again, MAX_ATTEMPTS times in all. One whose sending
was cut off is not: nobody knows whether it left, and two are worse than one that the page shows as
failed.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from billing.cost_query import CostQueryError
from billing.explorer_question import Asked, question_of
from billing.explorer_sheet import filename_of, sheet_of
from billing.exports import record_export
from billing.saved_reports import addresses
from billing.saved_reports.due_days import due_after, due_on_or_before, last_sending_day
from billing.saved_reports.models import (
    FileFormat,
    LetterState,
    ReportLetter,
    ReportSchedule,
)
from organizations.access import Action, is_allowed
from organizations.after_commit import after_commit
from organizations.mail import Attachment, absolute_url, send_mail
from organizations.models import User
from organizations.sheets import Sheet, csv_lines, write_xlsx

MAX_ATTEMPTS = 3
MAX_BYTES = 15_000_000  # what mail servers commonly take, encoded
_CUT_OFF_AFTER = timedelta(minutes=30)
_CUT_OFF = "Sending was cut off; it is not known whether the letter left."


@dataclass(frozen=True)
class Letter:
    """What is sent: the same to each recipient of a due day."""

    subject: str
    context: dict[str, object]
    attachment: Attachment


def first_day(now: datetime) -> date:
    """Return the first day on which a schedule set now can be due."""
    return last_sending_day(now) + timedelta(days=1)


def next_due(schedule: ReportSchedule, now: datetime) -> date | None:
    """Return the day of the next letter, None while it pauses."""
    if not schedule.is_active:
        return None
    day = max(last_sending_day(now), schedule.starts_on - timedelta(days=1))
    return due_after(schedule, day)


def write_due_letters(now: datetime, send: Callable[[int], object]) -> None:
    """Write down the letters that are due; have each schedule with waiting letters sent.

    A due day that passed while nothing ran is made good once, the last one only. `send` gets the
    schedule's id after commit.
    """
    ReportLetter.objects.filter(
        state=LetterState.SENDING, claimed_at__lt=now - _CUT_OFF_AFTER
    ).update(state=LetterState.FAILED, sentence=_CUT_OFF)
    day = last_sending_day(now)
    active = ReportSchedule.objects.filter(is_active=True).prefetch_related("recipients")
    new = []
    for schedule in active:
        due = due_on_or_before(schedule, day)
        if due >= schedule.starts_on:
            new += [
                ReportLetter(schedule=schedule, due_on=due, recipient=person)
                for person in schedule.recipients.all()
            ]
    with transaction.atomic():
        ReportLetter.objects.bulk_create(new, ignore_conflicts=True, batch_size=500)
        waiting = ReportLetter.objects.filter(state=LetterState.WAITING)
        for schedule_id in sorted(set(waiting.values_list("schedule", flat=True))):
            after_commit(send, schedule_id)


def send_waiting(schedule_id: int, now: datetime) -> int:
    """Send the schedule's waiting letters; return how many left."""
    waiting = ReportLetter.objects.filter(schedule=schedule_id, state=LetterState.WAITING)
    letters = list(
        waiting.select_related("schedule__report__organization", "schedule__owner", "recipient")
    )
    made: dict[date, Letter | str] = {}
    sent = 0
    for letter in letters:
        if not _claim(letter, now):
            continue
        refusal = _why_not(letter)
        if refusal:
            _end(letter, LetterState.SKIPPED, refusal)
            continue
        if letter.due_on not in made:
            made[letter.due_on] = _write(letter.schedule, now.date())
        content = made[letter.due_on]
        if isinstance(content, str):
            _end(letter, LetterState.FAILED, content)
        else:
            sent += _send(letter, content)
    return sent


def _claim(letter: ReportLetter, now: datetime) -> bool:
    """Take the letter unless somebody else has it."""
    mine = ReportLetter.objects.filter(pk=letter.pk, state=LetterState.WAITING)
    return bool(mine.update(state=LetterState.SENDING, claimed_at=now, attempts=F("attempts") + 1))


def _why_not(letter: ReportLetter) -> str:
    """Return why this letter must not be sent any more; '' if it may."""
    return _why_not_at_all(letter.schedule) or _why_not_to(letter.recipient, letter.schedule)


def _why_not_at_all(schedule: ReportSchedule) -> str:
    report = schedule.report
    if not schedule.is_active:
        return "The schedule was paused before the letter left."
    if not is_allowed(schedule.owner, Action.VIEW_COSTS, report.organization_id):
        return f"{schedule.owner}, whose schedule it is, has no access to the costs any more."
    if not report.is_shared and report.owner_id != schedule.owner_id:
        return "The report is not shared any more."
    return ""


def _why_not_to(person: User, schedule: ReportSchedule) -> str:
    organization = schedule.report.organization_id
    if not schedule.recipients.filter(pk=person.pk).exists():
        return f"{person} was taken off the recipients."
    if not is_allowed(person, Action.VIEW_COSTS, organization) or not person.email:
        return f"{person} has no access to the costs, or no e-mail address, any more."
    may_write_to_others = is_allowed(schedule.owner, Action.MANAGE_REPORTS, organization)
    if person.pk != schedule.owner_id and not may_write_to_others:
        return f"{schedule.owner} may not have reports sent to others any more."
    return ""


def _write(schedule: ReportSchedule, today: date) -> Letter | str:
    """Return the letter, or the sentence why it cannot be written."""
    report = schedule.report
    try:
        address, _ = addresses.read(report.query, today)
        asked = question_of(report.organization, address, today)
        sheet = sheet_of(asked, by=f"{schedule.owner}, by schedule")
        attachment = _attachment(sheet, filename_of(asked), FileFormat(schedule.file_format))
    except CostQueryError as error:
        return f"The report cannot be answered: {error}"
    if len(attachment.content) > MAX_BYTES:
        return "The file is too big for a letter: group by less, or filter."
    record_export(report.organization, schedule.file_format, report.query)
    return Letter(
        subject=f"{report.name}: {_days(asked)}",
        context=_context(schedule, asked, sheet),
        attachment=attachment,
    )


def _context(schedule: ReportSchedule, asked: Asked, sheet: Sheet) -> dict[str, object]:
    report = schedule.report
    slug = report.organization.slug
    return {
        "report": report,
        "schedule": schedule,
        "about": sheet.about,
        "url": absolute_url(f"{reverse('billing:explore', args=[slug])}?{report.query}"),
        "schedule_url": absolute_url(
            reverse("billing:saved-report-schedule", args=[slug, report.pk])
        ),
    }


def _days(asked: Asked) -> str:
    last = asked.query.end - timedelta(days=1)
    return f"{asked.query.start} to {last}" if last != asked.query.start else f"{last}"


def _attachment(sheet: Sheet, name: str, file_format: FileFormat) -> Attachment:
    if file_format == FileFormat.CSV:
        content = "".join(csv_lines(sheet)).encode()
        return Attachment(f"{name}.csv", content, "text/csv")
    file = io.BytesIO()
    write_xlsx(sheet, file)
    return Attachment(
        f"{name}.xlsx",
        file.getvalue(),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )


def _send(letter: ReportLetter, content: Letter) -> bool:
    person: User = letter.recipient
    try:
        send_mail(
            [person.email],
            content.subject,
            "billing/saved_reports/letter.txt",
            {**content.context, "recipient": person},
            [content.attachment],
        )
    except OSError as error:
        letter.refresh_from_db(fields=["attempts"])
        is_last = letter.attempts >= MAX_ATTEMPTS
        sentence = f"The mail server refused it: {str(error)[:300] or type(error).__name__}"
        _end(letter, LetterState.FAILED if is_last else LetterState.WAITING, sentence)
        return False
    _end(letter, LetterState.SENT, "")
    return True


def _end(letter: ReportLetter, state: LetterState, sentence: str) -> None:
    sent_at = timezone.now() if state == LetterState.SENT else None
    ReportLetter.objects.filter(pk=letter.pk, state=LetterState.SENDING).update(
        state=state, sentence=sentence, sent_at=sent_at
    )
