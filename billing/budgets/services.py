"""The only writer of budgets, of what they came to, and of the alerts that follow."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from billing.budgets.figures import Figures, asks_for_derived, figures
from billing.budgets.inputs import BudgetError, BudgetInput, Threshold
from billing.budgets.models import (
    AlertNotice,
    Basis,
    Budget,
    BudgetAlert,
    BudgetStanding,
    Channel,
)
from billing.budgets.periods import period_of
from billing.cost_query import CostQueryError
from billing.cost_terms import EARLIEST, LATEST
from billing.counted import Counted, counted, fingerprint
from organizations.after_commit import after_commit
from organizations.audit import current_actor, record
from organizations.models import Organization

MAX_BUDGETS = 200


def create_budget(organization: Organization, entered: BudgetInput) -> Budget:
    """Create a budget, look at its costs, and tell whoever must know. Raises BudgetError."""
    with transaction.atomic():
        if Budget.objects.of(organization).count() >= MAX_BUDGETS:
            raise BudgetError({"name": [f"An organization has at most {MAX_BUDGETS} budgets."]})
        budget = Budget(organization=organization, created_by=current_actor()[:200])
        _take(budget, entered)
        _save(budget)
        record("budget.created", organization=organization, obj=budget, changes=_told(entered))
    evaluate(budget.pk, _all_of(organization), _today())
    budget.refresh_from_db()
    return budget


def change_budget(budget: Budget, entered: BudgetInput) -> Budget:
    """Make a budget what was entered, and look at it anew. Raises BudgetError."""
    with transaction.atomic():
        locked: Budget = Budget.objects.select_for_update().get(pk=budget.pk)
        before = as_input(locked)
        _take(locked, entered)
        if before.measured != entered.measured:
            locked.revision += 1
        if before.measured[1:] != entered.measured[1:]:
            BudgetStanding.objects.filter(budget=locked).delete()
        _save(locked)
        changes = _changes(before, entered)
        if changes:
            organization = locked.organization
            record("budget.changed", organization=organization, obj=locked, changes=changes)
    evaluate(locked.pk, _all_of(locked.organization), _today())
    locked.refresh_from_db()
    return locked


@transaction.atomic
def delete_budget(budget: Budget) -> None:
    """Delete a budget with its alerts; the audit trail keeps what it was."""
    told = _told(as_input(budget))
    record("budget.deleted", organization=budget.organization, obj=budget, changes=told)
    budget.delete()


@transaction.atomic
def send_test(budget: Budget) -> int:
    """Send a test to everybody who would be told; return to how many. Raises BudgetError."""
    locked: Budget = Budget.objects.select_for_update().get(pk=budget.pk)
    targets = _targets(locked)
    if not targets:
        raise BudgetError({"recipients": ["Give an e-mail address or a webhook first."]})
    recent = timezone.now() - timedelta(minutes=1)
    if locked.notices.filter(alert=None, created_at__gt=recent).exists():
        raise BudgetError({"recipients": ["A test was sent just now. Wait a minute."]})
    _notify(locked, None, targets)
    record("budget.tested", organization=locked.organization, obj=locked)
    return len(targets)


def evaluate_organization(organization: Organization, *, is_forced: bool = False) -> int:
    """Look at the budgets whose costs may have changed; return how many were looked at.

    One that cannot be looked at holds up no other; what was wrong is raised at the end.
    """
    what, today = _all_of(organization), _today()
    mark = fingerprint(what, today)
    budgets = Budget.objects.of(organization).filter(is_active=True).order_by("pk")
    found = [
        one.pk
        for one in budgets.defer("webhook_secret")
        if is_forced or one.evaluated_as != mark or asks_for_derived(one)
    ]
    problems = []
    for pk in found:
        try:
            evaluate(pk, what, today)
        except Exception as problem:  # noqa: BLE001 - raised below, when the others are done
            problems.append(problem)
    if problems:
        raise ExceptionGroup("Some budgets could not be looked at.", problems)
    return len(found)


@transaction.atomic
def evaluate(budget_id: int, what: Counted, today: date) -> None:
    """Write what a budget's periods came to, and the alerts of thresholds crossed just now."""
    # One at a time: two workers that see the same crossing tell of it once.
    budget = Budget.objects.select_for_update().filter(pk=budget_id).first()
    if budget is None:
        return  # deleted meanwhile
    try:
        found = figures(budget, what, today)
        budget.problem = ""
    except CostQueryError as error:
        found, budget.problem = [], str(error)
    budget.evaluated_as = fingerprint(what, today)
    budget.evaluated_at = timezone.now()
    budget.save(update_fields=["evaluated_as", "evaluated_at", "problem"])
    watched = [one for one in found if budget.is_active and _is_watched(budget, one, today)]
    _write_standings(budget, found)
    for one in watched:
        _write_alerts(budget, one)


def crossed(budget: Budget, threshold: Threshold, found: Figures | BudgetStanding) -> bool:
    """Say whether the figures have reached a threshold of the budget."""
    amount = found.actual if threshold.basis == Basis.ACTUAL else found.forecast
    return amount is not None and amount * 100 >= budget.amount * threshold.percent


def as_input(budget: Budget) -> BudgetInput:
    """Return the budget as it was entered, without its secret."""
    return BudgetInput(
        name=budget.name,
        amount=budget.amount,
        currency=budget.currency,
        metric=budget.metric,
        period=budget.period,
        filters=budget.filters,
        thresholds=thresholds_of(budget),
        recipients=tuple(budget.recipients),
        webhook_url=budget.webhook_url,
        is_active=budget.is_active,
    )


def thresholds_of(budget: Budget) -> tuple[Threshold, ...]:
    """Return the thresholds, the lowest first."""
    return tuple(sorted(Threshold(one["percent"], one["basis"]) for one in budget.thresholds))


def _take(budget: Budget, entered: BudgetInput) -> None:
    for name, value in asdict(entered).items():
        if name not in ("thresholds", "recipients", "webhook_secret"):
            setattr(budget, name, value)
    budget.thresholds = [one.stored() for one in entered.thresholds]
    budget.recipients = list(entered.recipients)
    if entered.webhook_secret is not None:
        budget.webhook_secret = entered.webhook_secret
    if not entered.webhook_url:
        budget.webhook_secret = ""


def _save(budget: Budget) -> None:
    try:
        with transaction.atomic():
            budget.save()
    except IntegrityError:
        raise BudgetError({"name": ["A budget of this name exists."]}) from None


def _told(entered: BudgetInput) -> dict[str, Any]:
    """Return what the audit trail keeps of a budget. A secret is masked there by its name."""
    return {
        **asdict(entered),
        "thresholds": [f"{one.percent} % {one.basis}" for one in entered.thresholds],
        "recipients": list(entered.recipients),
    }


def _changes(before: BudgetInput, after: BudgetInput) -> dict[str, Any]:
    old, new = _told(before), _told(after)
    if after.webhook_secret is None:
        del new["webhook_secret"]
    return {name: [old[name], value] for name, value in new.items() if old[name] != value}


def _write_standings(budget: Budget, found: list[Figures]) -> None:
    starts = [one.period.start for one in found]
    BudgetStanding.objects.filter(budget=budget).exclude(period_start__in=starts).delete()
    fields = ["period_end", "actual", "forecast", "data_from", "data_through", "is_final"]
    # A past period keeps the amount that it had: only the present one follows the budget.
    for rows, more in ((found[:1], ["budget_amount"]), (found[1:], [])):
        BudgetStanding.objects.bulk_create(
            [
                BudgetStanding(
                    budget=budget,
                    period_start=one.period.start,
                    period_end=one.period.end,
                    budget_amount=budget.amount,
                    actual=one.actual,
                    forecast=one.forecast,
                    data_from=one.data_from,
                    data_through=one.data_through,
                    is_final=one.is_final,
                )
                for one in rows
            ],
            update_conflicts=True,
            unique_fields=["budget", "period_start"],
            update_fields=[*fields, *more],
        )


def _is_watched(budget: Budget, found: Figures, today: date) -> bool:
    """Say whether somebody is told of thresholds that a period crosses.

    The last days of a period are billed after it: so is the one before the present one, until AWS
    has closed its bills. What a budget came to before it was made or changed is told to nobody.
    """
    period = found.period
    if period.start <= today < period.end:
        return True
    if period != period_of(budget.period, today, ago=1) or budget.changed_at.date() >= period.end:
        return False
    if not any(crossed(budget, one, found) for one in thresholds_of(budget)):
        return False
    before = BudgetStanding.objects.filter(budget=budget, period_start=period.start)
    return bool(before.filter(is_final=False).exists())


def _write_alerts(budget: Budget, found: Figures) -> None:
    for threshold in thresholds_of(budget):
        if not crossed(budget, threshold, found):
            continue
        alert, is_new = BudgetAlert.objects.get_or_create(
            budget=budget,
            revision=budget.revision,
            period_start=found.period.start,
            percent=threshold.percent,
            basis=threshold.basis,
            defaults={
                "period_end": found.period.end,
                "budget_amount": budget.amount,
                "currency": budget.currency,
                "actual": found.actual,
                "forecast": found.forecast,
                "data_through": found.data_through,
            },
        )
        if is_new:
            _notify(budget, alert, _targets(budget))


def _targets(budget: Budget) -> list[tuple[Channel, str]]:
    mails = [(Channel.MAIL, address) for address in budget.recipients]
    return [*mails, *([(Channel.WEBHOOK, budget.webhook_url)] if budget.webhook_url else [])]


def _notify(budget: Budget, alert: BudgetAlert | None, targets: list[tuple[Channel, str]]) -> None:
    now = timezone.now()
    made = AlertNotice.objects.bulk_create(
        AlertNotice(budget=budget, alert=alert, channel=channel, target=target, due_at=now)
        for channel, target in targets
    )
    for notice in made:
        send_later(notice.pk)


def send_later(notice_id: int, seconds: int = 0) -> None:
    """Have a worker send the notice once the transaction under way is committed.

    A broker that is away does not lose it: what is due is sent again by schedule.
    """
    from billing.budgets import tasks  # noqa: PLC0415 - tasks call these services

    after_commit(tasks.send_notice.apply_async, args=[notice_id], countdown=seconds)


def _all_of(organization: Organization) -> Counted:
    return counted(organization, EARLIEST, LATEST)


def _today() -> date:
    return timezone.now().date()
