"""Amounts as text."""

from decimal import Decimal


def plain(amount: Decimal) -> str:
    """Return every digit of an amount, without an exponent and without zeros at its end.

    >>> plain(Decimal("1.500E+2")), plain(Decimal("8.9E-9")), plain(Decimal("-0.00"))
    ('150', '0.0000000089', '0')
    """
    if not amount:
        return "0"
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
