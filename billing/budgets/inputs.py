"""What people enter for a budget, checked the same way for the form and the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import QueryDict

from billing.budgets import webhooks
from billing.budgets.models import Basis
from billing.cost_query import CostQuery, CostQueryError
from billing.cost_terms import EARLIEST, LATEST
from billing.counted import counted
from billing.reports import check_accounts
from organizations.models import Organization

MAX_THRESHOLDS = 10
MAX_RECIPIENTS = 20
MAX_PERCENT = 1000
MIN_SECRET, MAX_SECRET = 16, 200
MAX_FILTERS_TEXT = 8000
# What addresses of costs also carry: a budget has fields of its own for it, or none.
NOT_FILTERS = frozenset(
    {
        *("from", "to", "granularity", "metric", "group_by", "currency", "limit"),
        *("period", "sort", "compare", "page", "format", "organization"),
    }
)


class BudgetError(Exception):
    """What is wrong with a budget: {field: [sentence]}; a filter is `filters.<name>`."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        self.errors = dict(errors)
        super().__init__(" ".join(text for texts in self.errors.values() for text in texts))


@dataclass(frozen=True, order=True)
class Threshold:
    """A part of the budget in percent, and what is compared with it."""

    percent: int
    basis: str

    def stored(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"percent": self.percent, "basis": self.basis}


@dataclass(frozen=True)
class BudgetInput:
    """A whole budget as entered. `filters` is canonical; `webhook_secret` None keeps the old."""

    name: str
    amount: Decimal
    currency: str
    metric: str
    period: str
    filters: str = ""
    thresholds: tuple[Threshold, ...] = ()
    recipients: tuple[str, ...] = ()
    webhook_url: str = ""
    webhook_secret: str | None = None
    is_active: bool = True

    @property
    def measured(self) -> tuple[Any, ...]:
        """Return what decides when a threshold is crossed."""
        return (self.amount, self.currency, self.metric, self.period, self.filters)


def canonical_filters(organization: Organization, given: Mapping[str, Iterable[str]]) -> str:
    """Return {parameter: values} as the canonical query string. Raises BudgetError.

    The names are those of the cost API: `service`, `service!`, `tag:team`.
    """
    errors = {
        f"filters.{name}": ["This is no filter."] for name in sorted(given) if name in NOT_FILTERS
    }
    if errors:
        raise BudgetError(errors)
    params = QueryDict(mutable=True)
    for name, values in given.items():
        params.setlist(name, list(values))
    params["from"], params["to"] = EARLIEST.isoformat(), LATEST.isoformat()
    try:
        query = CostQuery.from_params(params, today=EARLIEST)
        check_accounts(query, counted(organization, EARLIEST, LATEST))
    except CostQueryError as error:
        raise BudgetError(
            {f"filters.{name}": texts for name, texts in error.errors.items()}
        ) from None
    text = urlencode([pair for pair in query.to_params() if pair[0] not in NOT_FILTERS])
    if len(text) > MAX_FILTERS_TEXT:
        raise BudgetError({"filters": ["These are too many values for one budget."]})
    return text


def filters_of(text: str) -> dict[str, list[str]]:
    """Return a canonical query string as {parameter: values}."""
    return {name: list(values) for name, values in QueryDict(text).lists()}


def checked_thresholds(given: Iterable[Threshold]) -> tuple[Threshold, ...]:
    """Return the thresholds sorted. Raises BudgetError for too many, doubles, nonsense."""
    found = sorted(given)
    problems = []
    if len(found) > MAX_THRESHOLDS:
        problems.append(f"Give at most {MAX_THRESHOLDS} thresholds.")
    if len(set(found)) != len(found):
        problems.append("A threshold is named twice.")
    if any(not 1 <= one.percent <= MAX_PERCENT for one in found):
        problems.append(f"Give a threshold as 1 to {MAX_PERCENT} percent.")
    if any(one.basis not in Basis.values for one in found):
        problems.append(f"A threshold is compared with {' or '.join(Basis.values)}.")
    if problems:
        raise BudgetError({"thresholds": problems})
    return tuple(found)


def checked_recipients(given: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses, each once. Raises BudgetError."""
    found = list(dict.fromkeys(one.strip() for one in given if one.strip()))
    problems = []
    if len(found) > MAX_RECIPIENTS:
        problems.append(f"Give at most {MAX_RECIPIENTS} addresses.")
    for one in found:
        if not _can_be_written_to(one):
            problems.append(f"“{one[:100]}” is not an e-mail address.")
    if problems:
        raise BudgetError({"recipients": problems})
    return tuple(found)


def _can_be_written_to(address: str) -> bool:
    try:
        validate_email(address)
        # Django lets these pass, and the letter would fail.
        address.rpartition("@")[2].encode("idna")
    except (ValidationError, UnicodeError):
        return False
    return address.isprintable()


def checked_webhook(url: str, secret: str | None, *, has_secret: bool) -> None:
    """Raise BudgetError unless the webhook can be called and signed."""
    errors: dict[str, list[str]] = {}
    if url:
        try:
            webhooks.read_url(url)
        except webhooks.WebhookError as error:
            errors["webhook_url"] = [error.message]
    is_set = has_secret if secret is None else bool(secret)
    if secret and not MIN_SECRET <= len(secret) <= MAX_SECRET:
        errors["webhook_secret"] = [f"Give a secret of {MIN_SECRET} to {MAX_SECRET} characters."]
    elif secret and not (secret.isprintable() and secret.isascii()):
        errors["webhook_secret"] = ["Use letters, digits and signs that a keyboard has."]
    elif url and not is_set:
        errors["webhook_secret"] = ["A webhook needs a secret: every message is signed with it."]
    if errors:
        raise BudgetError(errors)
