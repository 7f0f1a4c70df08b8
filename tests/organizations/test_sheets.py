"""Downloads hold what they are given, and no text in them is a formula."""

import csv
import io
import re
import zipfile
from decimal import Decimal

import pytest

from organizations.sheets import Column, Kind, Sheet, csv_lines, write_xlsx

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\uff1d1+1", "\uff20SUM(A1)"]


def _sheet(texts: list[str]) -> Sheet:
    return Sheet(
        name="Costs",
        columns=[Column("tag"), Column("cost", Kind.MONEY)],
        rows=([text, Decimal("-12.345000000000000001")] for text in texts),
        about={"Organization": "Acme"},
    )


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_looks_like_a_formula_is_text_in_csv(text: str) -> None:
    rows = list(csv.reader(io.StringIO("".join(csv_lines(_sheet([text]))), newline="")))
    assert rows[1] == [f"'{text}", "-12.345000000000000001"]


def test_a_workbook_has_numeric_amounts_text_as_text_and_says_what_it_is() -> None:
    file = io.BytesIO()
    write_xlsx(_sheet(FORMULAS), file)
    with zipfile.ZipFile(file) as book:
        table = book.read("xl/worksheets/sheet1.xml").decode()
        about = book.read("xl/worksheets/sheet2.xml").decode()
    assert "<f>" not in table
    amounts = [float(text) for text in re.findall(r"<v>([^<]+)</v>", table)]
    assert amounts == [-12.345] * len(FORMULAS)
    assert "=1+1" in table
    assert "Acme" in about


def test_amounts_of_a_csv_carry_every_digit_and_no_zeros_after_them() -> None:
    amounts = [Decimal("7892.64469248000000000000"), Decimal("1.5E+3"), Decimal("-0.00")]
    sheet = Sheet("Costs", [Column("Cost", Kind.MONEY)], [[one] for one in amounts], {})

    assert list(csv_lines(sheet))[1:] == ["7892.64469248\r\n", "1500\r\n", "0\r\n"]


@pytest.mark.parametrize(
    ("share", "text"),
    [(Decimal(1) / 3, "0.333333"), (Decimal(1), "1"), (Decimal("2e30"), f"2{'0' * 30}")],
)
def test_shares_of_a_csv_are_rounded(share: Decimal, text: str) -> None:
    sheet = Sheet("Coverage", [Column("Share", Kind.SHARE)], [[share]], {})
    assert list(csv_lines(sheet))[1] == f"{text}\r\n"
