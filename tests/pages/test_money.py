"""Amounts and changes as people read them."""

from decimal import Decimal
from typing import Any

import pytest
from django.template import Context, Template

from billing.templatetags.money import money, money_text, share, signed_money

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("12345.67", "USD", "$12,345.67"),
        ("0.005", "USD", "$0.01"),
        ("0.0049", "USD", "<$0.01"),
        ("-0.0049", "USD", f">{MINUS}$0.01"),
        ("0", "USD", "$0.00"),
        ("0E-20", "USD", "$0.00"),
        ("-3.1", "EUR", f"{MINUS}€3.10"),
        ("1234.5", "JPY", "¥1,235"),
        ("8", "CHF", "CHF\u00a08.00"),
        ("99999999999999999.995", "USD", "$100,000,000,000,000,000.00"),
    ],
)
def test_an_amount_is_shown_in_its_currency(amount: str, currency: str, shown: str) -> None:
    assert money_text(Decimal(amount), currency) == shown


def test_the_exact_amount_is_kept_beside_the_rounded_one() -> None:
    amount = Decimal("12345678901.12345678901234567890")
    html = money(amount, "USD")
    assert 'value="12345678901.1234567890123456789"' in html
    assert 'title="12345678901.1234567890123456789 USD"' in html
    assert ">$12,345,678,901.12<" in html


def test_no_amount_is_a_dash() -> None:
    assert money(None, "USD") == NOTHING


def change(now: Any, before: Any) -> str:
    template = Template("{% load money %}{% change now before 'USD' %}")
    context = {"now": Decimal(now), "before": Decimal(before)}
    html = template.render(Context(context))
    return html.replace("<", "\n<").replace(">", ">\n")


@pytest.mark.parametrize(
    ("now", "before", "words", "direction"),
    [
        ("108.1", "100", "+8.1", "up"),
        ("50", "100", f"{MINUS}50.0", "down"),
        ("100", "100", "no change", "same"),
        ("100.001", "100", "+&lt;0.1", "up"),
        ("5", "0", "new", "up"),
        ("0", "5", "gone", "down"),
        ("100000", "1", "+&gt;999", "up"),
        ("-5", "10", f"{MINUS}$15.00", "down"),
    ],
)
def test_a_change_is_said_in_words_and_not_by_colour_alone(
    now: str, before: str, words: str, direction: str
) -> None:
    html = change(now, before)
    assert words in html
    assert f"change-{direction}" in html


def test_a_share_of_nothing_or_of_a_credit_is_not_invented() -> None:
    assert share(Decimal(1), Decimal(3)) == "33.3\u00a0%"
    assert share(Decimal("0.0001"), Decimal(3)) == "<0.1\u00a0%"
    assert share(Decimal(1), Decimal(0)) == NOTHING
    assert share(Decimal(-1), Decimal(3)) == NOTHING


def test_a_share_of_next_to_nothing_is_as_long_as_it_is() -> None:
    assert share(Decimal(10**9), Decimal("1e-20")) == f"{10**31}.0\u00a0%"


@pytest.mark.parametrize(
    ("amount", "text"),
    [("12", "+$12.00"), ("-12", f"{MINUS}$12.00"), ("0", "$0.00"), ("0.001", "+&lt;$0.01")],
)
def test_a_difference_carries_its_sign(amount: str, text: str) -> None:
    shown = str(signed_money(Decimal(amount), "USD"))
    assert f">{text}</data>" in shown
    assert f'value="{amount}"' in shown
