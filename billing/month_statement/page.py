"""The month statement as a page, and as a table to download."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.urls import reverse

from billing.charge_kinds import ChargeKind
from billing.measures import Measure
from billing.month_page import Control, MonthPage, measure_control
from billing.month_statement.report import MEASURES, Line, Statement, statement
from billing.months import MonthFrame, latest_over
from billing.page_params import PageParams
from organizations.sheets import Column, Kind, Sheet


class StatementPage(MonthPage):
    """The bill of a month: by account and service, kinds of charge apart, with its sources."""

    title = "Month statement"
    template_name = "billing/statement.html"
    parameters: ClassVar = ("metric",)

    def default_month(self, months: tuple[date, ...], today: date) -> date:
        """Return the last month that is over: its bill is the one to book."""
        return latest_over(months, today)

    def read(self, params: PageParams, frame: MonthFrame) -> Measure:
        """Read the measure."""
        return Measure(params.choice("metric", MEASURES, Measure.UNBLENDED))

    def report(self, frame: MonthFrame, asked: Measure) -> Statement:
        """Return the statement."""
        return statement(frame, asked)

    def controls(self, frame: MonthFrame, asked: Measure) -> Sequence[Control]:
        """Offer the measures that an invoice can show."""
        return [measure_control(asked, *MEASURES)]

    def shown(self, frame: MonthFrame, asked: Measure, report: Statement) -> Mapping[str, Any]:
        """Return the rows with an amount for each kind, in the order of the columns."""
        return {
            "kinds": [(kind.label, report.amounts[kind]) for kind in report.kinds],
            "has_elsewhere": any(one.elsewhere for one in report.sources),
            "total": {"amounts": _in_order(report, report.amounts), "total": report.total},
            "accounts": [
                {
                    "account": account,
                    "amounts": _in_order(report, account.amounts),
                    "url": self._explorer(frame, account.account_id, asked),
                    "lines": [
                        {"line": line, "amounts": _in_order(report, line.amounts)}
                        for line in account.lines
                    ],
                }
                for account in report.accounts
            ],
        }

    def _explorer(self, frame: MonthFrame, account_id: str, measure: Measure) -> str:
        query = {
            "from": frame.month.isoformat(),
            "to": frame.end.isoformat(),
            "granularity": "monthly",
            "metric": measure.value,
            "group_by": "service",
            "account": account_id,
            "currency": frame.currency or "",
        }
        here = reverse("billing:explore", kwargs={"organization": frame.organization.slug})
        return f"{here}?{urlencode(query)}"

    def sheet(self, frame: MonthFrame, asked: Measure, report: Statement) -> Sheet:
        """Return a row for each account and service; the rows add up to the statement."""
        columns = [
            Column("Account", width=16),
            Column("Account name", width=28),
            Column("Service", width=24),
            Column("Service name", width=36),
            *(Column(str(kind.label), Kind.MONEY) for kind in report.kinds),
            Column("Total", Kind.MONEY),
            Column("Currency", width=10),
        ]
        invoices = ", ".join(one.invoice_id for one in report.invoices if one.invoice_id)
        sources = "; ".join(
            f"{one.delivery.manifest_key} ({one.delivery.execution_id})" for one in report.sources
        )
        about = self.about(
            frame,
            Measure=str(asked.label),
            Total=f"{report.total:f}",
            Invoices=invoices or "none yet",
            Deliveries=sources,
        )
        return Sheet("Statement", columns, _rows(report), about)


def _in_order(report: Statement, amounts: Mapping[ChargeKind, Any]) -> list[Any]:
    return [amounts.get(kind) for kind in report.kinds]


def _rows(report: Statement) -> Iterator[Sequence[Any]]:
    for account in report.accounts:
        for line in account.lines:
            yield _row(report, account.account_id, account.name, line)


def _row(report: Statement, account_id: str, name: str, line: Line) -> Sequence[Any]:
    return [
        account_id,
        name,
        line.service,
        line.name,
        *_in_order(report, line.amounts),
        line.total,
        report.currency,
    ]
