"""The rows of an answer as CSV, line by line."""

import csv
from collections.abc import Iterable, Iterator

from billing.cost_query import CostQuery
from billing.exact import plain
from billing.reports import NAMED_GROUPS, CostRow, Names

# A spreadsheet takes a cell that begins so for a formula; texts come from people's tags.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Line:
    """What csv.writer writes to: it hands each line back."""

    def write(self, text: str) -> str:
        return text


def cost_csv(
    query: CostQuery, currency: str | None, rows: Iterable[CostRow], names: Names
) -> Iterator[str]:
    """Yield the header, then a line for each row; amounts with every digit.

    Columns: period, each group_by (account and service with their names), the metric, currency.
    """
    writer = csv.writer(_Line())
    header = ["period"]
    for name in query.group_by:
        header += [_safe(name), f"{name}_name"] if name in NAMED_GROUPS else [_safe(name)]
    yield writer.writerow([*header, query.metric.value, "currency"])
    for row in rows:
        cells = [row.period]
        for name, value in zip(query.group_by, row.group, strict=True):
            cells.append(_safe(value))
            if name in NAMED_GROUPS:
                cells.append(_safe(names.of(name, value)))
        yield writer.writerow([*cells, plain(row.amount), currency or ""])


def _safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
