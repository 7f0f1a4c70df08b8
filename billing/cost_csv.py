"""The rows of an answer as CSV, line by line."""

import csv
from collections.abc import Iterable, Iterator

from billing.cost_query import CostQuery
from billing.exact import plain
from billing.reports import NAMED_GROUPS, CostRow, Names
from organizations.sheets import Line, safe_text


def cost_csv(
    query: CostQuery, currency: str | None, rows: Iterable[CostRow], names: Names
) -> Iterator[str]:
    """Yield the header, then a line for each row; amounts with every digit.

    Columns: period, each group_by (account and service with their names), the metric, currency.
    """
    writer = csv.writer(Line())
    header = ["period"]
    for name in query.group_by:
        header += [safe_text(name), f"{name}_name"] if name in NAMED_GROUPS else [safe_text(name)]
    yield writer.writerow([*header, query.metric.value, "currency"])
    for row in rows:
        cells = [row.period]
        for name, value in zip(query.group_by, row.group, strict=True):
            cells.append(safe_text(value))
            if name in NAMED_GROUPS:
                cells.append(safe_text(names.of(name, value)))
        yield writer.writerow([*cells, plain(row.amount), currency or ""])
