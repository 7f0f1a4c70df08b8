"""Going on where an answer of `/costs/` ended: a signed place in the rows of one question.

The rows of a question have one order, so a place in them is a number. It holds only for the same
question, organization and facts: pages of different facts would not add up to any total.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

from django.core import signing

from billing.cost_query import CostQuery, CostQueryError
from billing.statement import Statement
from organizations.models import Organization

_SALT = "billing.cost-cursor"
_FOREIGN = (
    "This cursor does not belong to this question. Take it from “next” of an answer to the same "
    "question, or leave it out to begin."
)


class StaleCursorError(Exception):
    """The costs changed since the cursor was given."""


@dataclass(frozen=True)
class CostCursor:
    """A place: `offset` rows lie before it. `question` and `facts` say of what."""

    question: str
    facts: str
    offset: int = 0

    @classmethod
    def start(cls, organization: Organization, query: CostQuery, statement: Statement) -> Self:
        """Return the place before the first row of what the statement answers.

        A statement names the deliveries, accounts and mappings that it reads: as long as it is the
        same, so are its rows.
        """
        return cls(
            _digest((organization.pk, query.to_query_string())),
            _digest((statement.text, statement.params)),
        )

    def at(self, text: str) -> Self:
        """Return the place that a cursor's text means.

        Raises CostQueryError where it was never given for this question, StaleCursorError where the
        costs changed since.
        """
        try:
            question, facts, offset = signing.loads(text, salt=_SALT)
        except (signing.BadSignature, ValueError, TypeError):
            raise CostQueryError({"cursor": [_FOREIGN]}) from None
        if question != self.question:
            raise CostQueryError({"cursor": [_FOREIGN]})
        if facts != self.facts:
            raise StaleCursorError
        return type(self)(question, facts, offset)

    def after(self, rows: int) -> Self:
        """Return the place that many rows on."""
        return type(self)(self.question, self.facts, self.offset + rows)

    def __str__(self) -> str:
        return signing.dumps((self.question, self.facts, self.offset), salt=_SALT)


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:24]
