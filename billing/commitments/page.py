"""Commitments as a page, and as a table to download."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from billing.commitments.report import Commitments, Plan, Standing, commitments
from billing.coverage.page import percent
from billing.month_page import MonthPage
from billing.months import MonthFrame
from billing.page_params import PageParams
from organizations.sheets import Column, Kind, Sheet


class CommitmentsPage(MonthPage):
    """What Savings Plans and Reserved Instances cover, save and waste."""

    title = "Savings Plans and Reserved Instances"
    template_name = "billing/commitments.html"
    months_before: ClassVar = 12

    def read(self, params: PageParams, frame: MonthFrame) -> None:
        """There is nothing to read beside the month."""

    def report(self, frame: MonthFrame, asked: None) -> Commitments:
        """Return the commitments."""
        return commitments(frame)

    def shown(self, frame: MonthFrame, asked: None, report: Commitments) -> Mapping[str, Any]:
        """Return the month's figures, and the tables by month, account and family."""
        here = report.months.get(frame.month, Standing())
        return {
            "here": here,
            "coverage": percent(here.covered, here.eligible),
            "plans": [
                {
                    "label": plan.label,
                    "use": here.of(plan),
                    "utilization": _utilization(here.of(plan)),
                }
                for plan in Plan
                if here.of(plan).exists
            ],
            "months": [
                {"month": month, "standing": one, "utilization": _utilization(one)}
                for month, one in report.months.items()
            ],
        }

    def sheet(self, frame: MonthFrame, asked: None, report: Commitments) -> Sheet:
        """Return a row for each month and way to commit, and the coverage beside it."""
        money = ("List cost covered", "Used", "Unused", "Savings against list")
        columns = [
            Column("Month", width=10),
            Column("Commitment", width=20),
            *(Column(title, Kind.MONEY) for title in money),
            Column("Utilization", Kind.SHARE),
            Column("On demand that could be covered", Kind.MONEY),
            Column("Coverage of both together", Kind.SHARE),
            Column("Currency", width=10),
        ]
        rows = [
            _row(month, standing, plan, frame)
            for month, standing in report.months.items()
            for plan in Plan
            if standing.of(plan).exists
        ]
        about = self.about(frame, **{"Not told by their bills": ", ".join(report.silent)})
        return Sheet("Commitments", columns, rows, about)


def _utilization(one: Any) -> Decimal | None:
    return percent(one.used, one.cost) if one.is_amortized else None


def _row(month: date, standing: Standing, plan: Plan, frame: MonthFrame) -> list[Any]:
    use = standing.of(plan)
    is_told = use.is_amortized
    shares = (_utilization(use), percent(standing.covered, standing.eligible))
    utilization, coverage = (None if one is None else one / 100 for one in shares)
    return [
        f"{month:%Y-%m}",
        str(plan.label),
        use.listed,
        *((use.used, use.unused, use.savings) if is_told else (None, None, None)),
        utilization,
        standing.on_demand,
        coverage,
        frame.currency,
    ]
