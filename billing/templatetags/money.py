"""Amounts as people read them: `{{ amount|money:currency }}`, and how they changed."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.exact import EXACT, added, plain

register = template.Library()

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
_WITHOUT_MINOR_UNIT = frozenset({"JPY", "KRW", "CLP", "VND"})
_MINUS = "\N{MINUS SIGN}"
_NOTHING = "\N{EN DASH}"


@register.filter
def money(amount: Decimal | None, currency: str = "") -> SafeString | str:
    """Show an amount rounded to the currency's unit, with the exact value on hover.

    `$12,345.67`, `€3.10`, `CHF 8.00`; an amount that rounds to nothing is `<$0.01`, since it is
    not nothing; None is a dash.
    """
    return _shown(amount, currency)


@register.filter
def signed_money(amount: Decimal | None, currency: str = "") -> SafeString | str:
    """Show a difference as `money` does, a positive one with its sign: `+$12.00`."""
    return _shown(amount, currency, sign="+" if amount is not None and amount > 0 else "")


def _shown(amount: Decimal | None, currency: str, sign: str = "") -> SafeString | str:
    if amount is None:
        return _NOTHING
    exact = plain(amount)
    return format_html(
        '<data class="money" value="{}" title="{}">{}</data>',
        exact,
        f"{sign}{exact} {currency}".strip(),
        f"{sign}{money_text(amount, currency)}",
    )


def money_text(amount: Decimal, currency: str = "") -> str:
    """Return the text that `money` shows."""
    unit = Decimal(1) if currency in _WITHOUT_MINOR_UNIT else Decimal("0.01")
    sign = _MINUS if amount < 0 else ""
    if 0 < amount.copy_abs() < unit / 2:
        return f"{'>' if sign else '<'}{sign}{_with_symbol(unit, currency)}"
    rounded = amount.copy_abs().quantize(unit, rounding=ROUND_HALF_UP)
    return f"{sign}{_with_symbol(rounded, currency)}"


def _with_symbol(amount: Decimal, currency: str) -> str:
    if currency in _SYMBOLS:
        return f"{_SYMBOLS[currency]}{amount:,f}"
    # A no-break space: the amount never leaves its currency at the end of a line.
    return f"{currency}\N{NO-BREAK SPACE}{amount:,f}" if currency else f"{amount:,f}"


@register.simple_tag
def difference(current: Decimal, previous: Decimal, currency: str = "") -> SafeString | str:
    """Show how much more an amount is than the one before, as money with its sign."""
    return signed_money(added([current, previous.copy_negate()]), currency)


@register.inclusion_tag("components/change.html")
def change(current: Decimal | None, previous: Decimal | None, currency: str = "") -> dict[str, Any]:
    """Show how an amount changed, in words and figures: `▲ +8.1 %`, `new`, `gone`."""
    now, before = current or Decimal(0), previous or Decimal(0)
    difference = added([now, before.copy_negate()])
    return {
        "difference": plain(difference),
        "currency": currency,
        "direction": _direction(difference),
        "text": _change_text(now, before, currency),
    }


def _direction(difference: Decimal) -> str:
    if difference == 0:
        return "same"
    return "up" if difference > 0 else "down"


def _change_text(now: Decimal, before: Decimal, currency: str) -> str:
    if now == before:
        return "no change"
    if before == 0:
        return "new"
    if now == 0:
        return "gone"
    if before < 0 or now < 0:  # a percentage of a credit says nothing
        return f"{'+' if now > before else ''}{money_text(now - before, currency)}"
    return _percent_text((now - before) / before * 100)


def _percent_text(percent: Decimal) -> str:
    sign = "+" if percent > 0 else _MINUS
    size = abs(percent)
    if size >= 1000:
        return f"{sign}>999\N{NO-BREAK SPACE}%"
    if size < Decimal("0.05"):
        return f"{sign}<0.1\N{NO-BREAK SPACE}%"
    return f"{sign}{size.quantize(Decimal('0.1'), rounding=ROUND_HALF_UP)}\N{NO-BREAK SPACE}%"


@register.filter
def share(amount: Decimal, total: Decimal) -> str:
    """Return what part of the total an amount is, `12.5 %`; a dash where that means nothing."""
    if not total or amount < 0 or total < 0:
        return _NOTHING
    with localcontext(EXACT):  # of next to nothing, it has more digits than Python's own context
        part = (amount / total * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    if amount and not part:
        return "<0.1\N{NO-BREAK SPACE}%"
    return f"{part}\N{NO-BREAK SPACE}%"
