"""Tag coverage as a page, and as a table to download."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.urls import reverse

from billing.cost_terms import CostFilter
from billing.coverage.report import TAGGABLE, Coverage, Gap, coverage
from billing.dimensions import TAG_PREFIX
from billing.exact import added
from billing.measures import Measure
from billing.month_page import Control, MonthPage, measure_control
from billing.months import MonthFrame
from billing.page_params import PageParams
from organizations.sheets import Column, Kind, Sheet

TOP = 25


@dataclass(frozen=True)
class Asked:
    """What the address asks for. `key` None: the best covered one."""

    measure: Measure
    key: str | None


class CoveragePage(MonthPage):
    """Which share of the spend carries which tag, and who lacks it most."""

    title = "Tag coverage"
    template_name = "billing/tag_coverage.html"
    parameters: ClassVar = ("metric", "key")

    def read(self, params: PageParams, frame: MonthFrame) -> Asked:
        """Read the measure and the tag key."""
        metric = params.choice("metric", Measure.values, Measure.AMORTIZED)
        return Asked(Measure(metric), params.filled("key"))

    def report(self, frame: MonthFrame, asked: Asked) -> Coverage:
        """Return the coverage."""
        return coverage(frame, asked.measure, asked.key)

    def controls(self, frame: MonthFrame, asked: Asked) -> Sequence[Control]:
        """Offer the measures."""
        return [measure_control(asked.measure)]

    def shown(self, frame: MonthFrame, asked: Asked, report: Coverage) -> Mapping[str, Any]:
        """Return the rows with their shares and their way into the explorer."""
        chosen = report.chosen
        return {
            "keys": [
                {
                    "key": one.key,
                    "tagged": one.tagged,
                    "untagged": added([report.taggable, one.tagged.copy_negate()]),
                    "percent": percent(one.tagged, report.taggable),
                    "url": self._untagged(frame, asked, one.key),
                }
                for one in report.keys
            ],
            "chosen": chosen,
            "accounts": self._gaps(frame, asked, report, "account", report.accounts),
            "services": self._gaps(frame, asked, report, "service", report.services),
            "untaggable": report.untaggable,
            "kept": [("key", asked.key)] if asked.key else [],
        }

    def _gaps(
        self,
        frame: MonthFrame,
        asked: Asked,
        report: Coverage,
        dimension: str,
        gaps: Sequence[Gap],
    ) -> dict[str, Any]:
        shown, rest = gaps[:TOP], gaps[TOP:]
        return {
            "rows": [
                {
                    "gap": one,
                    "label": one.name or one.value or f"No {dimension}",
                    "note": one.value if one.name else "",
                    "percent": percent(one.tagged, one.amount),
                    "url": self._untagged(frame, asked, report.key or "", **{dimension: one.value}),
                }
                for one in shown
            ],
            "rest": len(rest),
            "rest_untagged": added(one.untagged for one in rest),
            "rest_amount": added(one.amount for one in rest),
        }

    def _untagged(self, frame: MonthFrame, asked: Asked, key: str, **narrowed: str) -> str:
        """Return the explorer's address of the usage that lacks the key."""
        group = "usage_type" if "service" in narrowed else "service"
        query = [
            ("from", frame.month.isoformat()),
            ("to", frame.end.isoformat()),
            ("granularity", "total"),
            ("metric", asked.measure.value),
            ("group_by", group),
            ("currency", frame.currency or ""),
            *(("charge_type", one) for one in TAGGABLE),
            (CostFilter(f"{TAG_PREFIX}{key}").parameter, ""),
            *narrowed.items(),
        ]
        here = reverse("billing:explore", kwargs={"organization": frame.organization.slug})
        return f"{here}?{urlencode(query)}"

    def sheet(self, frame: MonthFrame, asked: Asked, report: Coverage) -> Sheet:
        """Return the keys, then the accounts and services for the chosen key."""
        columns = [
            Column("What", width=10),
            Column("Tag key", width=24),
            Column("Value", width=24),
            Column("Name", width=36),
            Column("Taggable", Kind.MONEY),
            Column("Tagged", Kind.MONEY),
            Column("Untagged", Kind.MONEY),
            Column("Share tagged", Kind.SHARE),
            Column("Currency", width=10),
        ]
        rows = [
            *(
                _row("Key", one.key, Gap("", "", report.taggable, one.tagged), frame)
                for one in report.keys
            ),
            *(_row("Account", report.key, one, frame) for one in report.accounts),
            *(_row("Service", report.key, one, frame) for one in report.services),
        ]
        cannot = "; ".join(f"{name} {amount:f}" for name, amount in report.untaggable)
        about = self.about(
            frame, **{"Measure": str(asked.measure.label), "Cannot carry a tag": cannot or "none"}
        )
        return Sheet("Tag coverage", columns, rows, about)


def percent(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return what part of a hundred it is; None where that means nothing."""
    if whole <= 0 or part < 0 or part > whole:
        return None
    return part / whole * 100


def _row(what: str, key: str | None, gap: Gap, frame: MonthFrame) -> list[Any]:
    share = percent(gap.tagged, gap.amount)
    return [
        what,
        key or "",
        gap.value,
        gap.name,
        gap.amount,
        gap.tagged,
        gap.untagged,
        None if share is None else share / 100,
        frame.currency,
    ]
