"""Amounts that keep every digit: added, and as text."""

from collections.abc import Iterable
from decimal import Context, Decimal, localcontext

# More digits than any sum of a bill has: adding must never round.
EXACT = Context(prec=200)


def added(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of amounts."""
    with localcontext(EXACT):
        return sum(amounts, Decimal(0))


def plain(amount: Decimal) -> str:
    """Return every digit of an amount, without an exponent and without zeros at its end.

    >>> plain(Decimal("1.500E+2")), plain(Decimal("8.9E-9")), plain(Decimal("-0.00"))
    ('150', '0.0000000089', '0')
    """
    if not amount:
        return "0"
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
