"""Changes against the month before as a page, and as a table to download."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.urls import reverse

from billing.changes.report import By, Change, Changes, Direction, changes
from billing.cost_query import CostFilter
from billing.measures import Measure
from billing.month_page import Control, MonthPage, measure_control
from billing.months import MonthFrame
from billing.page_params import PageParams
from organizations.sheets import Column, Kind, Sheet

_CLOSER = {By.SERVICE: ("service", By.ACCOUNT), By.ACCOUNT: ("account", By.SERVICE)}


@dataclass(frozen=True)
class Asked:
    """What the address asks for. `service` and `account` None: all of them."""

    by: By
    measure: Measure
    service: str | None
    account: str | None
    is_file: bool

    @property
    def filters(self) -> list[CostFilter]:
        """Return the two as filters of a cost query."""
        given = (("service", self.service), ("account", self.account))
        return [CostFilter(name, values=(value,)) for name, value in given if value is not None]


class ChangesPage(MonthPage):
    """What became more, less, new or nothing since the month before, and why."""

    title = "Changes in"
    template_name = "billing/changes.html"
    parameters: ClassVar = ("by", "metric", "service", "account")
    months_before: ClassVar = 1

    def read(self, params: PageParams, frame: MonthFrame) -> Asked:
        """Read the grouping, the measure and what the changes are narrowed to."""
        account = params.text("account")
        if account is not None and account not in frame.what.accounts:
            params.problems.append(f"“{account}” is not an account that is connected here.")
        return Asked(
            by=By(params.choice("by", By.values, By.SERVICE)),
            measure=Measure(params.choice("metric", Measure.values, Measure.UNBLENDED)),
            service=params.text("service"),
            account=account,
            is_file=params.filled("format") is not None,
        )

    def report(self, frame: MonthFrame, asked: Asked) -> Changes:
        """Return the changes; all of them for a file, which names no resources."""
        whole: dict[str, Any] = {"limit": None, "behind": 0} if asked.is_file else {}
        return changes(frame, measure=asked.measure, by=asked.by, filters=asked.filters, **whole)

    def controls(self, frame: MonthFrame, asked: Asked) -> Sequence[Control]:
        """Offer the groupings and the measures."""
        return [Control("by", "By", By.choices, asked.by), measure_control(asked.measure)]

    def shown(self, frame: MonthFrame, asked: Asked, report: Changes) -> Mapping[str, Any]:
        """Return the rows with their links, and how many changes of each direction there are."""
        kept = [(one.dimension, one.values[0]) for one in asked.filters]
        return {
            "dimensions": [str(By(name).label) for name in asked.by.dimensions],
            "rows": [self._row(frame, asked, one) for one in report.changes],
            "counts": [
                (direction, sum(1 for one in report.changes if one.direction == direction))
                for direction in Direction
            ],
            "kept": kept,
            "previous_month": report.days.before_start,
        }

    def _row(self, frame: MonthFrame, asked: Asked, change: Change) -> dict[str, Any]:
        labels = [
            {"text": name or value or "None", "note": value if name else ""}
            for name, value in zip(change.names, change.values, strict=True)
        ]
        return {
            "change": change,
            "labels": labels,
            "text": ", ".join(str(label["text"]) for label in labels),
            "closer": self._closer(asked, change),
            "explore": self._explorer(frame, asked, change),
            "resources": [
                {"resource": one, "url": self._explorer(frame, asked, change, one.resource_id)}
                for one in change.resources
            ],
        }

    def _closer(self, asked: Asked, change: Change) -> str:
        """Return the query string that shows what a change is made of."""
        if asked.by not in _CLOSER:
            return ""
        name, by = _CLOSER[asked.by]
        query = self.request.GET.copy()
        query[name] = change.values[0]
        query["by"] = by if not getattr(asked, by.value) else By.BOTH
        return f"?{query.urlencode()}"

    def _explorer(
        self, frame: MonthFrame, asked: Asked, change: Change, resource: str | None = None
    ) -> str:
        """Return the explorer's address of both months, for a row or one of its resources."""
        narrowed = {one.dimension: one.values[0] for one in asked.filters}
        narrowed |= dict(zip(asked.by.dimensions, change.values, strict=True))
        query = {
            "from": frame.first.isoformat(),
            "to": frame.end.isoformat(),
            "metric": asked.measure.value,
            "group_by": "usage_type",
            "currency": frame.currency or "",
            **narrowed,
            **({} if resource is None else {"resource": resource}),
        }
        here = reverse("billing:explore", kwargs={"organization": frame.organization.slug})
        return f"{here}?{urlencode(query)}"

    def sheet(self, frame: MonthFrame, asked: Asked, report: Changes) -> Sheet:
        """Return every change, the largest difference first."""
        days = report.days
        columns = [
            column
            for name in asked.by.dimensions
            for column in (
                Column(str(By(name).label), width=24),
                Column(f"{By(name).label} name", width=36),
            )
        ]
        amounts = [Column(title, Kind.MONEY) for title in ("Before", "Now", "Difference")]
        rows = [
            [
                *(part for pair in zip(one.values, one.names, strict=True) for part in pair),
                str(one.direction.label),
                one.before,
                one.now,
                one.difference,
                frame.currency,
            ]
            for one in report.changes
        ]
        about = self.about(
            frame,
            Measure=str(asked.measure.label),
            Now=f"{days.start} to {days.last_day}" if not days.is_empty else "no day yet",
            Before=f"{days.before_start} to {days.last_day_before}",
            Filters=", ".join(f"{one.dimension} is {one.values[0]}" for one in asked.filters),
        )
        return Sheet(
            "Changes",
            [*columns, Column("Change", width=10), *amounts, Column("Currency", width=10)],
            rows,
            about,
        )
