"""Sending notices: each is claimed by compare-and-set, tried a few times, and ends sent or failed.

A webhook that fails holds up no letter: each address has a notice of its own. A worker that dies
while it sends leaves the notice claimed; it is then sent again, because an alert that comes twice
does less harm than one that never comes. Its id stays the same, so that a receiver can tell.
"""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from billing.budgets import webhooks
from billing.budgets.inputs import Threshold
from billing.budgets.models import AlertNotice, Basis, Budget, BudgetAlert, Channel, NoticeState
from billing.budgets.periods import label_of, period_of
from billing.budgets.services import send_later, thresholds_of
from billing.exact import plain
from billing.templatetags.money import money_text
from organizations.crypto import FieldDecryptionError
from organizations.mail import absolute_url, send_mail

# Seconds until the next attempt; after the last one the notice has failed.
RETRY_AFTER = (60, 300, 900, 3600, 10_800)
_STUCK_AFTER = timedelta(minutes=10)
_LOST_AFTER = timedelta(minutes=2)


def send(notice_id: int) -> bool:
    """Send the notice if it is due and nobody else has it; say whether it was sent."""
    if not _claim(notice_id):
        return False
    notice = AlertNotice.objects.select_related("budget__organization", "alert").get(pk=notice_id)
    try:
        _deliver(notice)
    except webhooks.WebhookError as error:
        _failed(notice, error.message, is_final=error.is_final)
    except FieldDecryptionError:
        sentence = "The webhook's secret cannot be opened with FIELD_KEYS: enter it again."
        _failed(notice, sentence, is_final=True)
    except OSError as error:  # SMTP's own errors are among these
        sentence = f"The mail server did not take the letter ({type(error).__name__})."
        _failed(notice, sentence, is_final=False)
    else:
        _end(notice, state=NoticeState.SENT, sent_at=timezone.now(), error="")
        return True
    return False


def send_due() -> int:
    """Send what got lost: due for minutes, or claimed by a worker that died. Return how many."""
    now = timezone.now()
    stuck = AlertNotice.objects.filter(state=NoticeState.SENDING, claimed_at__lt=now - _STUCK_AFTER)
    stuck.filter(attempts__gt=len(RETRY_AFTER)).update(
        state=NoticeState.FAILED, error="Sending was cut off each time."
    )
    stuck.update(state=NoticeState.PENDING, due_at=now - _LOST_AFTER)
    due = AlertNotice.objects.filter(state=NoticeState.PENDING, due_at__lte=now - _LOST_AFTER)
    found = list(due.values_list("pk", flat=True))
    for pk in found:
        send_later(pk)
    return len(found)


def _claim(notice_id: int) -> bool:
    now = timezone.now()
    waiting = AlertNotice.objects.filter(pk=notice_id, state=NoticeState.PENDING, due_at__lte=now)
    return bool(
        waiting.update(state=NoticeState.SENDING, claimed_at=now, attempts=F("attempts") + 1)
    )


def _failed(notice: AlertNotice, sentence: str, *, is_final: bool) -> None:
    if is_final or notice.attempts > len(RETRY_AFTER):
        _end(notice, state=NoticeState.FAILED, error=sentence)
        return
    seconds = RETRY_AFTER[notice.attempts - 1]
    due_at = timezone.now() + timedelta(seconds=seconds)
    _end(notice, state=NoticeState.PENDING, due_at=due_at, error=sentence)
    send_later(notice.pk, seconds + 1)


def _end(notice: AlertNotice, **fields: Any) -> None:
    """Write the outcome, unless the notice was taken for lost and given to somebody else."""
    AlertNotice.objects.filter(
        pk=notice.pk, state=NoticeState.SENDING, attempts=notice.attempts
    ).update(**fields)


def _deliver(notice: AlertNotice) -> None:
    alert = notice.alert or _pretended(notice.budget)
    if notice.channel == Channel.MAIL:
        _mail(notice, alert)
        return
    body = json.dumps(payload(notice, alert)).encode()
    timestamp = str(int(timezone.now().timestamp()))
    signed = webhooks.signature(notice.budget.webhook_secret, timestamp, body)
    webhooks.post(
        notice.target,
        body,
        {
            "Content-Type": "application/json",
            "User-Agent": "Countinghouse",
            "Countinghouse-Delivery": str(notice.pk),
            "Countinghouse-Timestamp": timestamp,
            "Countinghouse-Signature": f"v1={signed}",
        },
    )


def payload(notice: AlertNotice, alert: BudgetAlert) -> dict[str, Any]:
    """Return what a webhook is told; amounts are decimal text."""
    budget = notice.budget
    return {
        "event": "budget.test" if notice.alert_id is None else "budget.threshold_crossed",
        "id": notice.pk,
        "organization": budget.organization.slug,
        "budget": {"id": budget.pk, "name": budget.name, "url": _url(budget)},
        "period": {
            "kind": budget.period,
            "from": alert.period_start.isoformat(),
            "to": alert.period_end.isoformat(),
        },
        "threshold": {"percent": alert.percent, "basis": alert.basis},
        "budget_amount": plain(alert.budget_amount),
        "actual": plain(alert.actual),
        "forecast": None if alert.forecast is None else plain(alert.forecast),
        "currency": alert.currency,
        "metric": budget.metric,
        "data_through": _iso(alert.data_through),
        "crossed_at": _iso(alert.crossed_at),
    }


def _mail(notice: AlertNotice, alert: BudgetAlert) -> None:
    budget = notice.budget
    currency = alert.currency
    label = label_of(budget.period, alert.period_start)
    is_forecast = alert.basis == Basis.FORECAST
    said = "is forecast to reach" if is_forecast else "has reached"
    subject = f"Budget “{budget.name}” {said} {alert.percent} % in {label}"
    context = {
        "budget": budget,
        "alert": alert,
        "is_test": notice.alert_id is None,
        "said": said,
        "label": label,
        "amount": money_text(alert.budget_amount, currency),
        "actual": money_text(alert.actual, currency),
        "forecast": None if alert.forecast is None else money_text(alert.forecast, currency),
        "url": _url(budget),
    }
    prefix = "Test: " if notice.alert_id is None else ""
    send_mail([notice.target], prefix + subject, "billing/budgets/alert.txt", context)


def _pretended(budget: Budget) -> BudgetAlert:
    """Return what a test tells: the first threshold, with the figures of now. Not saved."""
    now = timezone.now()
    period = period_of(budget.period, now.date())
    standing = budget.standings.filter(period_start=period.start).first()
    first = next(iter(thresholds_of(budget)), Threshold(100, Basis.ACTUAL))
    return BudgetAlert(
        budget=budget,
        revision=budget.revision,
        period_start=period.start,
        period_end=period.end,
        percent=first.percent,
        basis=first.basis,
        budget_amount=budget.amount,
        currency=budget.currency,
        actual=standing.actual if standing else Decimal(0),
        forecast=standing.forecast if standing else None,
        data_through=standing.data_through if standing else None,
        crossed_at=now,
    )


def _url(budget: Budget) -> str:
    return absolute_url(reverse("billing:budget", args=[budget.organization.slug, budget.pk]))


def _iso(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None
