"""The query string of a saved report: an explorer address in one canonical spelling."""

from datetime import date, timedelta

from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict

from billing.cost_query import CostQuery, CostQueryError
from billing.explorer import CUSTOM, Address, read_address
from billing.periods import PRESETS

MAX_LENGTH = 8000
_READABLE = ":!~"
# Written already, or no part of what is asked.
_NOT_KEPT = {"period", "page", "format"}


def read(text: str, today: date) -> tuple[Address, CostQuery]:
    """Return the address and the question it asks today. Raises CostQueryError."""
    if len(text) > MAX_LENGTH:
        raise CostQueryError({"query": [f"An address has at most {MAX_LENGTH} characters."]})
    try:
        params = QueryDict(text.removeprefix("?"))
    except TooManyFieldsSent:
        raise CostQueryError({"query": ["The address has too many parameters."]}) from None
    address = read_address(params, today)
    if address.problems:
        raise CostQueryError(address.problems)
    return address, CostQuery.from_params(address.cost_params, today=today)


def canonical(text: str, today: date) -> str:
    """Return the same address in the spelling in which equal questions are equal texts.

    A period by name stays a name, the default one gets its name: both move on with the calendar.
    Raises CostQueryError.
    """
    address, query = read(text, today)
    found = QueryDict(mutable=True)
    is_custom = address.period == CUSTOM
    if not is_custom:
        found["period"] = address.period
    for name, value in query.to_params():
        if is_custom or name not in ("from", "to"):
            found.appendlist(name, value)
    own = set(address.params) - set(address.cost_params) - _NOT_KEPT
    for name in sorted(own):
        found.setlist(name, address.params.getlist(name))
    return found.urlencode(safe=_READABLE)


def in_words(text: str, today: date) -> str:
    """Return in short what is asked: "Last month · by service, account · 2 filters"."""
    try:
        address, query = read(text, today)
    except CostQueryError as error:
        return str(error)
    period = PRESETS[address.period].label if address.period in PRESETS else ""
    words = [period or f"{query.start} to {query.end - timedelta(days=1)}"]
    if query.group_by:
        words.append("by " + ", ".join(one.label.lower() for one in query.groups))
    if query.filters:
        number = len(query.filters)
        words.append(f"{number} filter{'' if number == 1 else 's'}")
    return " · ".join(words)
