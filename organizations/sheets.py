"""A table as a file to download: CSV line by line, or an Excel workbook.

Both hold exactly the rows they are given. Amounts and numbers are numeric cells; text can never be
taken for a formula, for names and tags are anybody's.
"""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import IO, Any

import xlsxwriter
from django.http import FileResponse, StreamingHttpResponse

# A spreadsheet takes a cell that begins so for a formula; some take East Asia's wide signs, too.
_FORMULA_STARTS = (*("=", "+", "-", "@", "\t", "\r", "\n"), *"\uff1d\uff0b\uff0d\uff20")
_PIECE = 1 << 16
_XLSX_ROWS = 1_048_575  # below the header: Excel's own limit
_XLSX_TEXT = 32_767  # characters in a cell: likewise
_XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Kind(Enum):
    """What a column holds, and how Excel shows it."""

    TEXT = "@"
    MONEY = "#,##0.00"
    NUMBER = "General"
    SHARE = "0.0%"
    DATE = "yyyy-mm-dd"


@dataclass(frozen=True)
class Column:
    """One column: its title, what it holds, its width in Excel in characters."""

    title: str
    kind: Kind = Kind.TEXT
    width: int = 18


@dataclass(frozen=True)
class Sheet:
    """A table. `rows` may be an iterator of any length; None is an empty cell.

    `about` says what the table is: organization, range, filters, measure, currency, freshness. It
    becomes the workbook's second sheet.
    """

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    about: Mapping[str, str]


def csv_response(sheet: Sheet, filename: str) -> StreamingHttpResponse:
    """Return the table as a CSV download, streamed in constant memory."""
    return csv_download(csv_lines(sheet), filename)


def csv_download(lines: Iterable[str], filename: str) -> StreamingHttpResponse:
    """Return lines of CSV as a download, sent in pieces of many lines."""
    response = StreamingHttpResponse(_pieces(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}.csv"'
    return response


def _pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield the lines in pieces: one packet for each line would take longer than making it."""
    waiting, size = list[str](), 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _PIECE:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join(waiting).encode()


def csv_lines(sheet: Sheet) -> Iterator[str]:
    """Yield the header, then a line for each row; amounts with every digit, shares with six."""
    writer = csv.writer(Line())
    yield writer.writerow([safe_text(column.title) for column in sheet.columns])
    kinds = [column.kind for column in sheet.columns]
    for row in sheet.rows:
        yield writer.writerow([_csv_cell(*cell) for cell in zip(row, kinds, strict=True)])


def safe_text(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def xlsx_response(sheet: Sheet, filename: str) -> FileResponse:
    """Return the table as an Excel download, from a file that goes when it was sent."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    write_xlsx(sheet, file)
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=f"{filename}.xlsx", content_type=_XLSX_TYPE
    )


def write_xlsx(sheet: Sheet, file: IO[bytes]) -> None:
    """Write the workbook, row by row in constant memory: the table, and the sheet “About”.

    Rows beyond Excel's limit are left out, and “About” says so.
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        left_out = _write_table(book, sheet)
        about = book.add_worksheet("About")
        about.set_column(0, 0, 22)
        about.set_column(1, 1, 80)
        facts = dict(sheet.about)
        if left_out:
            facts["Left out"] = (
                f"{left_out:,} rows: Excel holds {_XLSX_ROWS:,}. The CSV file has all of them."
            )
        for number, (name, value) in enumerate(facts.items()):
            about.write_string(number, 0, name)
            about.write_string(number, 1, value[:_XLSX_TEXT])


def _write_table(book: Any, sheet: Sheet) -> int:
    """Write the rows; return how many did not fit."""
    page = book.add_worksheet(sheet.name[:31])
    page.freeze_panes(1, 0)
    formats = [book.add_format({"num_format": column.kind.value}) for column in sheet.columns]
    for number, column in enumerate(sheet.columns):
        page.set_column(number, number, column.width)
        page.write_string(0, number, column.title, book.add_format({"bold": True}))
    left_out = 0
    for line, row in enumerate(sheet.rows, start=1):
        if line > _XLSX_ROWS:
            left_out += 1
            continue
        for number, value in enumerate(row):
            _write_cell(page, line, number, value, formats[number])
    return left_out


def _write_cell(page: Any, line: int, number: int, value: Any, shown: Any) -> None:
    if value is None:
        return
    if isinstance(value, Decimal | int | float):
        page.write_number(line, number, value, shown)
    elif isinstance(value, datetime | date):
        page.write_datetime(line, number, value, shown)
    else:
        page.write_string(line, number, str(value)[:_XLSX_TEXT], shown)


def _csv_cell(value: Any, kind: Kind) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return _digits(value, ".6f" if kind is Kind.SHARE else "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return safe_text(value) if isinstance(value, str) else str(value)


def _digits(amount: Decimal, form: str) -> str:
    """Return the digits, without the zeros at the end that a column of the database brings."""
    text = f"{amount or Decimal(0):{form}}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Line:
    """What csv.writer writes to: it hands each line back."""

    def write(self, text: str) -> str:
        return text


# What a table may leave the portal as.
FORMATS = {"csv": csv_response, "xlsx": xlsx_response}
