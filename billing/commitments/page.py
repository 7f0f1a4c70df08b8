"""Commitments as a page, and as a table to download."""

from collections.abc import Mapping
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
        """Return the tables of the page below each other: by month, usage and account."""
        money = ("List cost covered", "Used", "Unused", "Savings against list")
        columns = [
            Column("By", width=10),
            Column("Month", width=10),
            Column("Usage or account", width=32),
            Column("Account id", width=16),
            Column("Commitment", width=20),
            *(Column(title, Kind.MONEY) for title in money),
            Column("Utilization", Kind.SHARE),
            Column("On demand that could be covered", Kind.MONEY),
            Column("Coverage of both together", Kind.SHARE),
            Column("Currency", width=10),
        ]
        is_told = report.months.get(frame.month, Standing()).is_amortized
        rows = [
            *(
                ["Month", f"{month:%Y-%m}", "", "", *_of_plan(standing, plan, frame)]
                for month, standing in report.months.items()
                for plan in Plan
                if standing.of(plan).exists
            ),
            *(
                ["Usage", f"{frame.month:%Y-%m}", str(family.label), "", *_of_all(one, frame)]
                for family, one in report.families
            ),
            *(
                ["Account", f"{frame.month:%Y-%m}", name, account, *_of_all(one, frame, is_told)]
                for account, name, one in report.accounts
            ),
        ]
        about = self.about(frame, **{"Not told by their bills": ", ".join(report.silent)})
        return Sheet("Commitments", columns, rows, about)


def _utilization(one: Any) -> Decimal | None:
    return percent(one.used, one.cost) if one.is_amortized else None


def _of_plan(standing: Standing, plan: Plan, frame: MonthFrame) -> list[Any]:
    """Return the cells of one way to commit in a month, with the coverage of both."""
    use = standing.of(plan)
    money = (use.used, use.unused, use.savings) if use.is_amortized else (None, None, None)
    return [
        str(plan.label),
        use.listed,
        *money,
        _part(_utilization(use)),
        *_coverage(standing, frame),
    ]


def _of_all(standing: Standing, frame: MonthFrame, is_told: bool = False) -> list[Any]:
    """Return the cells of all commitments together, of a usage or an account."""
    money = (standing.used, standing.unused) if is_told else (None, None)
    return ["Both", standing.covered, *money, None, None, *_coverage(standing, frame)]


def _coverage(standing: Standing, frame: MonthFrame) -> list[Any]:
    covered = _part(percent(standing.covered, standing.eligible))
    return [standing.on_demand, covered, frame.currency]


def _part(percentage: Decimal | None) -> Decimal | None:
    return None if percentage is None else percentage / 100
