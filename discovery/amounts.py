"""Amounts as they go out: with every digit, without the zeros that their column fills up with."""

from decimal import Decimal


def exact_text(amount: Decimal) -> str:
    """Return an amount in full, without zeros at its end.

    >>> exact_text(Decimal("1200.50")), exact_text(Decimal("100"))
    ('1200.5', '100')
    """
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def trimmed(amount: Decimal | None) -> Decimal | None:
    """Return the amount without zeros at its end.

    >>> trimmed(Decimal("1200.50")), trimmed(None)
    (Decimal('1200.5'), None)
    """
    return None if amount is None else Decimal(exact_text(amount))
