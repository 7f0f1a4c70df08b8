"""Reading a page's address: what is wrong with it becomes a sentence, never a guess."""

import re
from collections.abc import Collection, Iterable
from datetime import date

from django.http import QueryDict

from billing.cost_terms import EARLIEST, LATEST
from billing.periods import month_named
from organizations.texts import is_storable

_CURRENCY = re.compile(r"[A-Z]{3}")
_MAX_TEXT = 2048


class PageParams:
    """The parameters of an address. `problems` holds a sentence for each that is wrong."""

    def __init__(self, given: QueryDict, known: Collection[str]) -> None:
        self._given = given
        self.problems = [f"“{name}” is not known here." for name in given if name not in known]
        self.problems += [
            f"Give “{name}” only once." for name in known if len(given.getlist(name)) > 1
        ]

    def text(self, name: str) -> str | None:
        """Return a text as given, None where it is absent; it may be empty."""
        if name not in self._given:
            return None
        text = str(self._given[name])
        if len(text) > _MAX_TEXT or not is_storable(text):
            self.problems.append(
                f"“{name}”: write plain text of at most {_MAX_TEXT} characters, without NUL."
            )
            return None
        return text

    def filled(self, name: str) -> str | None:
        """Return a text that is not empty, else None."""
        return self.text(name) or None

    def month(self, name: str) -> date | None:
        """Return the first day of a month given as YYYY-MM."""
        text = self.filled(name)
        if text is None:
            return None
        month = month_named(text)
        if month is None:
            self.problems.append(f"“{text}” is not a month. Write it as YYYY-MM.")
        elif not EARLIEST <= month < LATEST:
            self.problems.append(
                f"Choose a month from {EARLIEST:%Y-%m} to {LATEST.year - 1}-12, not {text}."
            )
            return None
        return month

    def choice(self, name: str, options: Iterable[str], default: str) -> str:
        """Return one of the options."""
        text = self.filled(name)
        known = list(options)
        if text is None:
            return default
        if text not in known:
            self.problems.append(f"“{text}” is not known as “{name}”. Use {', '.join(known)}.")
            return default
        return text

    def currency(self) -> str | None:
        """Return the currency asked for, None where none is named."""
        text = self.filled("currency")
        if text is not None and not _CURRENCY.fullmatch(text):
            self.problems.append("Write a currency as three capital letters, for example USD.")
            return None
        return text
